//! The object that `ping --json` prints.

use serde::Serialize;

use crate::config::Ping;
use crate::ending::Ending;
use crate::failure::Failure;
use crate::measure::{Counts, Summary, Tally};

/// A ping, with units in the names.
#[derive(Debug, Serialize)]
pub(super) struct Record {
    endpoint: String,
    size_bytes: usize,
    interval_s: f64,
    rtt_us: Summary,
    #[serde(flatten)]
    counts: Counts,
    #[serde(flatten)]
    ending: Ending,
}

impl Record {
    /// What was counted, and how it ended.
    pub(super) fn new(config: &Ping, tally: &Tally, outcome: &Result<(), Failure>) -> Self {
        Self {
            endpoint: config.target.endpoint.to_string(),
            size_bytes: config.size,
            interval_s: config.interval.as_secs_f64(),
            rtt_us: tally.latency.summary(),
            counts: Counts::new(tally, config.target.is_datagram()),
            ending: Ending::of(outcome),
        }
    }
}
