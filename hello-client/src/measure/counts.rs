//! The counts that the JSON of `bench` and of `ping` share.

use serde::Serialize;

use super::{Problems, Tally};

/// What became of the messages, and what went wrong.
#[derive(Debug, Serialize)]
pub(crate) struct Counts {
    sent: u64,
    received: u64,
    lost: u64,
    #[serde(flatten)]
    datagrams: Option<DatagramCounts>,
    errors: Errors,
}

/// What can happen to datagrams alone.
#[derive(Debug, Serialize)]
struct DatagramCounts {
    duplicated: u64,
    reordered: u64,
    late: u64,
}

#[derive(Debug, Serialize)]
struct Errors {
    total: u64,
    wrong_replies: u64,
    #[serde(flatten)]
    problems: Problems,
}

impl Counts {
    /// The counts of `tally`, of datagrams or not.
    pub(crate) fn new(tally: &Tally, is_datagram: bool) -> Self {
        let Tally { lost, duplicated, reordered, late, wrong, .. } = *tally;
        Self {
            sent: tally.sent(),
            received: tally.received(),
            lost,
            datagrams: is_datagram.then_some(DatagramCounts { duplicated, reordered, late }),
            errors: Errors {
                total: tally.errors(),
                wrong_replies: wrong,
                problems: tally.problems.clone(),
            },
        }
    }
}
