//! The modules of `hello-client`, which is a program and no library, as far as they are fuzzed.

#[path = "../../hello-client/src"]
#[allow(dead_code, unused_imports, reason = "what runs a load or writes a report is not here")]
mod program {
    pub(crate) mod cli;
    pub(crate) mod error;
    pub(crate) mod load {
        mod connection_error;
        mod datagram;
        mod jitter;
        mod latency;
        mod outage;
        mod plan;
        pub(crate) mod replay;
        mod schedule;
        mod session;
        mod stats;
        mod stream;
        mod tcp_totals;
        mod timeline;

        pub(crate) use connection_error::{ConnectionError, ErrorCounts};
        pub(crate) use jitter::Jitter;
        pub(crate) use latency::{Latency, LatencySummary};
        pub(crate) use outage::{Outage, outages};
        pub(crate) use plan::{Partition, Plan, validate_size};
        pub(crate) use stats::{Batch, Event, Limit, Observer, Sessions, Stats};
        pub(crate) use tcp_totals::TcpTotals;
        pub(crate) use timeline::{Interval, Row, Timeline, next_interval};
    }
    pub(crate) mod net;
    pub(crate) mod options;
    pub(crate) mod replay;
    pub(crate) mod report {
        pub(crate) mod compare;
        mod config;
    }
    pub(crate) mod say {
        pub(crate) mod replay;
        mod script;
    }
    pub(crate) mod thresholds;
    pub(crate) mod units;
}

// Where they look for each other.
pub(crate) use program::*;
