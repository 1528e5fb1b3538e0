//! The object that `bench --json` prints.

use serde::Serialize;

use crate::config::Bench;
use crate::ending::Ending;
use crate::failure::Failure;
use crate::measure::{Counts, Summary, Tally};

/// A bench, with units in the names.
#[derive(Debug, Serialize)]
pub(super) struct Record {
    endpoint: String,
    connections: usize,
    pipeline: u64,
    size_bytes: usize,
    rate_per_s: Option<u64>,
    elapsed_s: f64,
    messages_per_s: Option<f64>,
    rtt_us: Summary,
    #[serde(flatten)]
    counts: Counts,
    #[serde(flatten)]
    ending: Ending,
}

impl Record {
    /// What was counted, and how it ended.
    pub(super) fn new(config: &Bench, tally: &Tally, outcome: &Result<(), Failure>) -> Self {
        Self {
            endpoint: config.target.endpoint.to_string(),
            connections: config.connections,
            pipeline: config.pipeline,
            size_bytes: config.size,
            rate_per_s: config.rate,
            elapsed_s: (tally.elapsed().as_secs_f64() * 1e6).round() / 1e6,
            messages_per_s: tally.messages_per_s().map(|rate| (rate * 10.0).round() / 10.0),
            rtt_us: tally.latency.summary(),
            counts: Counts::new(tally, config.target.is_datagram()),
            ending: Ending::of(outcome),
        }
    }
}
