//! The engine of `bench` and `ping`: many connections, measured.
//!
//! [`schedule`] says what to send when, [`stream`] and [`datagram`] what a reply means, and
//! [`stats`] counts. They have no sockets, and time comes in as an argument, so that every rule of
//! measuring can be tested to the nanosecond. A [`connection`] is one of these sessions on a socket,
//! and the [`engine`] the loop of a thread.

mod addresses;
mod connection;
mod connection_error;
mod datagram;
mod engine;
mod jitter;
mod latency;
mod outage;
mod plan;
#[cfg(test)]
pub(crate) mod replay;
mod schedule;
mod session;
mod stats;
mod stream;
mod tcp_totals;
mod timeline;

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::Error;
use crate::options::Target;
use crate::session::explain_silence;
use datagram::DatagramSession;
use engine::Engine;
use stream::StreamSession;

pub(crate) use connection_error::{ConnectionError, ErrorCounts};
pub(crate) use jitter::Jitter;
pub(crate) use latency::{Latency, LatencySummary};
pub(crate) use outage::{Outage, longest, outages};
pub(crate) use plan::{Partition, Plan, validate_size};
pub(crate) use schedule::Rate;
pub(crate) use stats::{Batch, Event, Limit, Observer, Sessions, Stats};
pub(crate) use tcp_totals::TcpTotals;
pub(crate) use timeline::{History, Interval, Row, Timeline, next_interval};

/// Runs this partition of `plan` to its end or until `stop`.
///
/// # Errors
///
/// The system refuses a poll or a timer.
pub(crate) fn run(
    plan: &Plan,
    partition: Partition,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> io::Result<()> {
    if plan.target.is_datagram() {
        Engine::<DatagramSession>::new(plan, partition, observer)?.run(stop)
    } else {
        Engine::<StreamSession>::new(plan, partition, observer)?.run(stop)
    }
}

/// Says of `error` what it means if not one datagram of this `size` was answered.
pub(crate) fn explain(error: Error, stats: &Stats, target: &Target, size: usize) -> Error {
    if target.is_datagram() && !stats.is_reached && stats.sent() > 0 {
        return explain_silence(error, target, &vec![b'.'; size]);
    }
    error
}

/// Becomes true with the first SIGINT or SIGTERM, which asks a measurement to end with its report.
/// The second one ends the process at once.
///
/// # Errors
///
/// The system does not let us handle signals.
pub(crate) fn stop_on_signal() -> io::Result<Arc<AtomicBool>> {
    /// The exit code of a program that a signal ended, as shells have it, less the signal's number.
    const ENDED_BY_SIGNAL: i32 = 128;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal must not yet find the flag set.
        flag::register_conditional_shutdown(signal, ENDED_BY_SIGNAL + signal, Arc::clone(&stop))?;
        flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}
