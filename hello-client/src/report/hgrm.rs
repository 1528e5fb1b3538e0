//! The distribution of round trips as HdrHistogram's tools write and plot it (`.hgrm`).

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::error::{Error, ErrorKind};
use crate::load::Latency;

/// In how many steps the share of longer round trips is halved, a line for each.
const TICKS: u32 = 5;

/// The file of `--hdr`, if there is to be one.
#[derive(Debug)]
pub(crate) struct HdrFile<'a>(Option<(File, &'a Path)>);

impl<'a> HdrFile<'a> {
    /// Creates the file.
    ///
    /// # Errors
    ///
    /// A usage error, if that cannot be done.
    pub(crate) fn create(path: Option<&'a Path>) -> Result<Self, Error> {
        let Some(path) = path else { return Ok(Self(None)) };
        match File::create(path) {
            Ok(file) => Ok(Self(Some((file, path)))),
            Err(error) => Err(Error::usage(format!("--hdr '{}': {error}", path.display()))),
        }
    }

    /// Writes the distribution.
    ///
    /// # Errors
    ///
    /// Those of write(2): most likely the disk is full.
    pub(crate) fn write(self, latency: &Latency) -> Result<(), Error> {
        let Some((file, path)) = self.0 else { return Ok(()) };
        write(latency, file).map_err(|error| {
            let message = format!("--hdr '{}': {error}", path.display());
            Error::unanswered(ErrorKind::Closed, message)
        })
    }
}

/// In microseconds.
fn write(latency: &Latency, out: impl Write) -> io::Result<()> {
    let histogram = latency.histogram();
    let mut out = BufWriter::new(out);
    let heads = ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"];
    let [value, percentile, total, inverse] = heads;
    writeln!(out, "{value:>12} {percentile:>14} {total:>10} {inverse}\n")?;
    let mut count = 0;
    for step in histogram.iter_quantiles(TICKS) {
        count += step.count_since_last_iteration();
        let value = step.value_iterated_to().min(latency.longest()) as f64 / 1e3;
        let quantile = step.quantile_iterated_to();
        if quantile < 1.0 {
            let inverse = 1.0 / (1.0 - quantile);
            writeln!(out, "{value:12.3} {quantile:2.12} {count:10} {inverse:14.2}")?;
        } else {
            writeln!(out, "{value:12.3} {quantile:2.12} {count:10}")?;
        }
    }
    let (mean, deviation) = (histogram.mean() / 1e3, histogram.stdev() / 1e3);
    writeln!(out, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]")?;
    let (max, total) = (latency.longest() as f64 / 1e3, histogram.len());
    writeln!(out, "#[Max     = {max:12.3}, Total count    = {total:12}]")?;
    let buckets = u64::from(histogram.buckets());
    // Each bucket but the first adds half of its values to those of the one before.
    let values = histogram.distinct_values() as u64 / (buckets + 1) * 2;
    writeln!(out, "#[Buckets = {buckets:12}, SubBuckets     = {values:12}]")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn written(latency: &Latency) -> String {
        let mut out = Vec::new();
        write(latency, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_lines_are_those_of_the_plotter() {
        let mut latency = Latency::new();
        for micros in 1..=100 {
            latency.record(Duration::from_micros(micros), 1);
        }
        let text = written(&latency);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "       Value     Percentile TotalCount 1/(1-Percentile)");
        assert_eq!(lines[1], "");
        assert_eq!(lines[2], "       1.000 0.000000000000          1           1.00");
        let median = lines.iter().find(|line| line.contains(" 0.500000000000 ")).unwrap();
        assert!(median.trim_start().starts_with("50.0"), "{median}");
        let last = lines.iter().rfind(|line| !line.starts_with('#')).unwrap();
        assert_eq!(*last, "     100.000 1.000000000000        100");
        assert!(text.contains("#[Mean    =       50."), "{text}");
        assert!(
            text.contains("#[Max     =      100.000, Total count    =          100]"),
            "{text}"
        );
    }

    #[test]
    fn nothing_measured_is_a_distribution_without_lines() {
        assert!(written(&Latency::new()).contains("Total count    =            0]"));
    }
}
