//! Round trips and their percentiles.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::units::thousandths;

/// Any number of round trips in fixed memory, each known to 0.1 %.
#[derive(Clone, Debug)]
pub(crate) struct Latency {
    histogram: Histogram<u64>,
    /// In nanoseconds, exactly.
    shortest: u64,
    longest: u64,
}

/// The figures of a report, in microseconds; `None` without round trips.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct LatencySummary {
    /// How many there are.
    pub(crate) samples: u64,
    /// The shortest.
    pub(crate) min: Option<f64>,
    /// The arithmetic mean.
    pub(crate) mean: Option<f64>,
    /// The standard deviation.
    pub(crate) stddev: Option<f64>,
    /// The median.
    pub(crate) p50: Option<f64>,
    /// The 90th percentile.
    pub(crate) p90: Option<f64>,
    /// The 99th percentile.
    pub(crate) p99: Option<f64>,
    /// The 99.9th percentile.
    pub(crate) p999: Option<f64>,
    /// The 99.99th percentile.
    pub(crate) p9999: Option<f64>,
    /// The longest.
    pub(crate) max: Option<f64>,
}

impl Latency {
    /// A longer round trip counts as one of a day.
    const LONGEST: u64 = 24 * 60 * 60 * 1_000_000_000;

    /// No round trips yet.
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, Self::LONGEST, 3)
            .expect("the bounds are ones that it takes");
        Self { histogram, shortest: u64::MAX, longest: 0 }
    }

    /// Records a round trip that `count` messages had.
    pub(crate) fn record(&mut self, round_trip: Duration, count: u64) {
        let nanos = u64::try_from(round_trip.as_nanos()).unwrap_or(u64::MAX);
        self.shortest = self.shortest.min(nanos);
        self.longest = self.longest.max(nanos);
        self.histogram.saturating_record_n(nanos, count);
    }

    /// Adds those of `other`.
    pub(crate) fn add(&mut self, other: &Self) {
        self.shortest = self.shortest.min(other.shortest);
        self.longest = self.longest.max(other.longest);
        self.histogram.add(&other.histogram).expect("both have the same bounds");
    }

    /// The figures of a report.
    pub(crate) fn summary(&self) -> LatencySummary {
        let known = |nanos: f64| (!self.histogram.is_empty()).then_some(thousandths(nanos / 1e3));
        let quantile = |quantile| self.quantile(quantile).map(thousandths);
        let (shortest, longest) = (self.shortest as f64, self.longest as f64);
        LatencySummary {
            samples: self.histogram.len(),
            min: known(shortest),
            mean: known(self.histogram.mean().max(shortest).min(longest)),
            stddev: known(self.histogram.stdev()),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            p999: quantile(0.999),
            p9999: quantile(0.9999),
            max: known(longest),
        }
    }

    /// The round trip, in microseconds, that this share of the messages did not exceed.
    pub(crate) fn quantile(&self, quantile: f64) -> Option<f64> {
        if self.histogram.is_empty() {
            return None;
        }
        let value = self.histogram.value_at_quantile(quantile);
        let value = self.histogram.median_equivalent(value).clamp(self.shortest, self.longest);
        Some(value as f64 / 1e3)
    }

    /// The median, the 99th percentile and the longest, as in [`Self::summary`], which takes longer.
    pub(crate) fn brief(&self) -> [Option<f64>; 3] {
        let longest = (!self.histogram.is_empty()).then_some(self.longest as f64 / 1e3);
        [self.quantile(0.5), self.quantile(0.99), longest].map(|figure| figure.map(thousandths))
    }

    /// The shortest round trip, if there is one.
    pub(crate) fn shortest(&self) -> Option<Duration> {
        (!self.histogram.is_empty()).then(|| Duration::from_nanos(self.shortest))
    }

    /// The longest round trip, in nanoseconds.
    pub(crate) fn longest(&self) -> u64 {
        self.longest
    }

    /// The histogram itself, in nanoseconds.
    pub(crate) fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_sample_every_figure_is_null() {
        let json = serde_json::to_value(Latency::new().summary()).unwrap();
        let object = json.as_object().unwrap();
        assert_eq!(object.len(), 10);
        for (name, value) in object {
            assert!(
                if name == "samples" { value == 0 } else { value.is_null() },
                "{name}: {value}"
            );
        }
    }

    #[test]
    fn the_figures_are_those_of_the_samples() {
        let mut latency = Latency::new();
        for micros in 1..=999 {
            latency.record(Duration::from_micros(micros), 10);
        }
        let mut stall = Latency::new();
        stall.record(Duration::from_secs(1), 10);
        latency.add(&stall);
        let LatencySummary { samples, min, p50, p99, p999, max, .. } = latency.summary();
        assert_eq!((samples, min, max), (10_000, Some(1.0), Some(1_000_000.0)));
        for (figure, expected) in [(p50, 500.0), (p99, 990.0), (p999, 999.0)] {
            let error = figure.unwrap() / expected - 1.0;
            assert!(error.abs() <= 0.002, "{figure:?}, expected {expected}");
        }
    }

    #[test]
    fn a_round_trip_that_is_off_the_scale_is_not_dropped() {
        let mut latency = Latency::new();
        latency.record(Duration::MAX, 1);
        latency.record(Duration::ZERO, 1);
        assert_eq!(latency.summary().samples, 2);
    }

    #[test]
    fn a_round_trip_of_most_of_a_day_is_known_to_a_thousandth() {
        let mut latency = Latency::new();
        for hours in [20, 22, 23] {
            latency.record(Duration::from_secs(hours * 60 * 60), 1);
        }
        let median = latency.summary().p50.expect("there are three");
        assert!((median / (22.0 * 3600.0 * 1e6) - 1.0).abs() <= 0.001, "{median}");
    }

    #[test]
    fn the_mean_is_between_the_shortest_and_the_longest() {
        let mut latency = Latency::new();
        latency.record(Duration::from_micros(32_768), 3);
        let LatencySummary { min, mean, max, .. } = latency.summary();
        assert_eq!([min, mean, max], [Some(32_768.0); 3]);
    }

    #[test]
    fn the_shortest_and_the_longest_are_exact() {
        let mut latency = Latency::new();
        assert_eq!((latency.shortest(), latency.longest()), (None, 0));
        for nanos in [1_234_567, 12_345, 9_876_543] {
            latency.record(Duration::from_nanos(nanos), 1);
        }
        assert_eq!(latency.shortest(), Some(Duration::from_nanos(12_345)));
        assert_eq!(latency.longest(), 9_876_543);
        assert_eq!(latency.brief()[2], Some(9876.543));
    }
}
