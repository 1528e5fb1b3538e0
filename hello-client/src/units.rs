//! Figures as people read them, and as reports round them.

use std::time::Duration;

/// A time, given in microseconds, with three or four digits and its unit.
pub(crate) fn time(micros: f64) -> String {
    match micros {
        _ if micros < 999.95 => format!("{micros:.1} us"),
        _ if micros < 999_995.0 => format!("{:.2} ms", micros / 1e3),
        _ => format!("{:.2} s", micros / 1e6),
    }
}

/// A time that may not be known.
pub(crate) fn time_or_dash(micros: Option<f64>) -> String {
    micros.map_or_else(|| "-".to_owned(), time)
}

/// A number with a comma between thousands.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}

/// How many of something there are in a second, if that is known.
pub(crate) fn rate(per_s: Option<f64>) -> String {
    match per_s {
        None => "-/s".to_owned(),
        Some(rate) if rate < 100.0 => format!("{rate:.1}/s"),
        Some(rate) => format!("{}/s", number(rate.round() as u64)),
    }
}

/// A count with its noun.
pub(crate) fn plural(count: u64, one: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {one}{ending}", number(count))
}

/// A part of a whole, in percent; 0 if the whole is 0.
pub(crate) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// A figure that is over a limit, with as many digits behind the point as it takes to see that.
pub(crate) fn with_digits_above(figure: f64, limit: f64) -> String {
    let mut shown = (1..17).map(|digits| format!("{figure:.digits$}"));
    let is_over = |shown: &String| shown.parse().is_ok_and(|shown: f64| shown > limit);
    shown.find(is_over).unwrap_or_else(|| figure.to_string())
}

/// A time in seconds, to the microsecond.
pub(crate) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}

/// A figure with at most three digits behind the point; of one in microseconds, no more are measured.
pub(crate) fn thousandths(figure: f64) -> f64 {
    (figure * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_unit_that_fits_it() {
        for (micros, expected) in [
            (0.04, "0.0 us"),
            (15.23, "15.2 us"),
            (999.95, "1.00 ms"),
            (1234.0, "1.23 ms"),
            (999_995.0, "1.00 s"),
            (61_000_000.0, "61.00 s"),
        ] {
            assert_eq!(time(micros), expected);
        }
    }

    #[test]
    fn thousands_are_separated() {
        for (value, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(number(value), expected);
        }
        assert_eq!(
            (plural(1, "message"), plural(0, "message")),
            ("1 message".into(), "0 messages".into())
        );
    }

    #[test]
    fn what_is_not_known_is_a_dash() {
        assert_eq!((time_or_dash(None), time_or_dash(Some(15.23))), ("-".into(), "15.2 us".into()));
        assert_eq!(rate(None), "-/s");
    }

    #[test]
    fn a_rate_of_100_and_more_is_a_whole_number() {
        for (figure, expected) in [(0.0, "0.0/s"), (99.94, "99.9/s"), (100.0, "100/s")] {
            assert_eq!(rate(Some(figure)), expected);
        }
        assert_eq!(rate(Some(12_345.6)), "12,346/s");
    }

    #[test]
    fn a_part_of_nothing_is_no_percent() {
        let percents = [(0, 0), (1, 8), (3, 4), (7, 7)].map(|(part, whole)| percent(part, whole));
        assert_eq!(percents, [0.0, 12.5, 75.0, 100.0]);
    }

    #[test]
    fn a_figure_above_its_limit_is_seen_to_be_above_it() {
        for (figure, limit, expected) in
            [(95.0, 10.0, "95.0"), (1.249, 1.2, "1.25"), (0.004, 0.0, "0.004"), (2.04, 2.0, "2.04")]
        {
            assert_eq!(with_digits_above(figure, limit), expected);
        }
    }

    #[test]
    fn figures_are_rounded_to_what_is_measured() {
        assert_eq!(seconds(Duration::from_nanos(2_345_678_901)), 2.345679);
        assert_eq!(thousandths(12.345678), 12.346);
    }
}
