//! The shape of the round trips, drawn with letters.

use std::io::{self, Write};

use crate::measure::Latency;
use crate::units::{percent, time};

/// Rows up to the 99th percentile; the rest has one more.
const ROWS: u64 = 10;

/// The longest bar, in characters.
const WIDTH: f64 = 40.0;

/// Eighths of a character.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Draws a row for each part of the round trips.
///
/// # Errors
///
/// Those of `out`.
pub(super) fn draw(latency: &Latency, mut out: impl Write) -> io::Result<()> {
    let rows = rows(latency);
    let samples = latency.histogram().len();
    let longest = rows.iter().map(|row| row.count).max().unwrap_or_default();
    for row in rows {
        let bar = bar(row.count as f64 / longest as f64 * WIDTH);
        let share = percent(row.count, samples);
        let up_to = time(row.up_to as f64 / 1e3);
        writeln!(out, "  up to {up_to:>9} {share:>5.1} % {bar}")?;
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Row {
    up_to: u64,
    count: u64,
}

/// Each round trip is in one row.
fn rows(latency: &Latency) -> Vec<Row> {
    let histogram = latency.histogram();
    if histogram.is_empty() {
        return Vec::new();
    }
    let (shortest, longest) = (histogram.min(), latency.longest());
    let most = histogram.value_at_quantile(0.99).min(longest);
    let step = most.saturating_sub(shortest).div_ceil(ROWS).max(1);
    let mut edges: Vec<u64> = (1..=ROWS).map(|row| (shortest + row * step).min(longest)).collect();
    edges.push(longest);
    edges.dedup();
    let mut counted = 0;
    let mut rows = Vec::new();
    for up_to in edges {
        let so_far = histogram.count_between(0, up_to);
        rows.push(Row { up_to, count: so_far - counted });
        counted = so_far;
    }
    rows
}

fn bar(length: f64) -> String {
    let eighths = (length * 8.0).round() as usize;
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        assert_eq!((bar(0.0), bar(1.5), bar(2.0)), (String::new(), "█▌".into(), "██".into()));
    }

    #[test]
    fn what_is_rare_has_a_row_of_its_own() {
        let mut latency = Latency::new();
        (1..=1000).for_each(|micros| latency.record(Duration::from_micros(micros), 1));
        latency.record(Duration::from_secs(1), 1);
        let mut out = Vec::new();
        draw(&latency, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 11, "{text}");
        assert!(text.lines().last().unwrap().starts_with("  up to    1.00 s   1.0 % "), "{text}");
    }

    proptest! {
        #[test]
        fn every_round_trip_is_in_one_row(nanos: Vec<u32>) {
            let mut latency = Latency::new();
            for nanos in &nanos {
                latency.record(Duration::from_nanos(u64::from(*nanos)), 1);
            }
            let counted: u64 = rows(&latency).iter().map(|row| row.count).sum();
            prop_assert_eq!(counted, nanos.len() as u64);
        }
    }
}
