//! What a measurement may not exceed, so that a script learns from the exit code that a path is bad.

use std::time::Duration;

use clap::Args;

use crate::error::{Error, ErrorKind};
use crate::options::{duration, number};
use crate::units::{time, with_digits_above};

/// The limits that a user sets; without one, a figure is only reported.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Thresholds")]
pub(crate) struct Thresholds {
    /// Fail with exit code 1 if more than this share of the messages is lost, in percent
    #[arg(long, value_name = "PERCENT", value_parser = percentage)]
    max_loss: Option<f64>,
    /// Fail with exit code 1 if the 99th percentile of the round trips is longer
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    max_p99: Option<Duration>,
    /// Fail with exit code 1 if there are more errors: wrong replies and failed connections
    #[arg(long, value_name = "N", value_parser = number::<u64>(0..=u64::MAX))]
    max_errors: Option<u64>,
}

impl Thresholds {
    /// Checks a loss in percent, a 99th percentile in microseconds, and a number of errors. What is
    /// not known is over its threshold.
    ///
    /// # Errors
    ///
    /// All thresholds that are exceeded, with the figures.
    pub(crate) fn check(&self, loss: f64, p99: Option<f64>, errors: u64) -> Result<(), Error> {
        let loss = self.max_loss.filter(|max| loss > *max).map(|max| {
            let loss = with_digits_above(loss, max);
            format!("loss {loss} % is over --max-loss {max} %")
        });
        let is_over = |max: &Duration| p99.is_none_or(|p99| p99 > max.as_secs_f64() * 1e6);
        let p99 = self.max_p99.filter(is_over).map(|max| match p99 {
            Some(p99) => format!("p99 {} is over --max-p99 {max:?}", time(p99)),
            None => format!("p99 is not known, for --max-p99 {max:?}"),
        });
        let errors = self
            .max_errors
            .filter(|max| errors > *max)
            .map(|max| format!("error count {errors} is over --max-errors {max}"));
        let exceeded: Vec<_> = [loss, p99, errors].into_iter().flatten().collect();
        if exceeded.is_empty() {
            return Ok(());
        }
        Err(Error::unanswered(ErrorKind::Threshold, exceeded.join("; ")))
    }
}

/// A percentage as people write it: `1`, `0.5`, `10%`.
fn percentage(text: &str) -> Result<f64, &'static str> {
    let number = text.strip_suffix('%').unwrap_or(text).trim_end();
    match number.parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("expected a percentage from 0 to 100, such as 1, 0.5 or 10%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        thresholds: Thresholds,
    }

    fn parse(words: &str) -> Result<Thresholds, clap::Error> {
        let cli = Cli::try_parse_from(["x"].into_iter().chain(words.split_whitespace()));
        cli.map(|cli| cli.thresholds)
    }

    fn check(words: &str, loss: f64, p99: Option<f64>, errors: u64) -> Option<String> {
        let error = parse(words).unwrap().check(loss, p99, errors).err()?;
        assert_eq!((error.kind, error.exit_code()), (ErrorKind::Threshold, 1));
        Some(error.to_string())
    }

    #[test]
    fn without_thresholds_every_figure_will_do() {
        assert_eq!(check("", 100.0, Some(1e9), 1_000_000), None);
    }

    #[test]
    fn a_figure_at_its_threshold_is_not_over_it() {
        let words = "--max-loss 10 --max-p99 5ms --max-errors 3";
        assert_eq!(check(words, 10.0, Some(5000.0), 3), None);
        let unknown = "p99 is not known, for --max-p99 5ms".to_owned();
        assert_eq!(check(words, 10.0, None, 3), Some(unknown));
    }

    #[test]
    fn every_threshold_that_is_exceeded_is_named_with_its_figure() {
        let words = "--max-loss 10% --max-p99 5ms --max-errors 0";
        let expected = "loss 95.0 % is over --max-loss 10 %; p99 5.10 ms is over --max-p99 5ms; \
                        error count 1 is over --max-errors 0";
        assert_eq!(check(words, 95.0, Some(5100.0), 1).as_deref(), Some(expected));
    }

    #[test]
    fn a_loss_is_seen_to_be_over_its_threshold() {
        let expected = "loss 0.004 % is over --max-loss 0 %".to_owned();
        assert_eq!(check("--max-loss 0", 0.004, None, 0), Some(expected));
        let expected = "loss 1.25 % is over --max-loss 1.2 %".to_owned();
        assert_eq!(check("--max-loss 1.2", 1.249, None, 0), Some(expected));
    }

    #[test]
    fn a_percentage_is_from_0_to_100() {
        for text in ["0", "100", "0.5", "10%", "10 %"] {
            assert!(percentage(text).is_ok(), "{text}");
        }
        for text in ["-1", "100.1", "101%", "", "%", "x", "NaN", "inf", "10%%"] {
            assert!(percentage(text).is_err(), "{text}");
        }
    }
}
