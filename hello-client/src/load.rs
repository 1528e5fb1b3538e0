//! The engine of `bench` and `ping`: many connections, measured.
//!
//! [`schedule`] says what to send when, [`stream`] and [`datagram`] what a reply means, and
//! [`stats`] counts. They have no sockets, and time comes in as an argument, so that every rule of
//! measuring can be tested to the nanosecond. A [`connection`] is one of these sessions on a socket,
//! and the [`engine`] the loop of a thread.

mod connection;
mod connection_error;
mod datagram;
mod engine;
mod latency;
mod plan;
mod schedule;
mod stats;
mod stream;

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use socket2::Socket;

use datagram::DatagramSession;
use engine::Engine;
use stream::StreamSession;

pub(crate) use connection_error::{ConnectionError, ErrorCounts};
pub(crate) use latency::{Latency, LatencySummary};
pub(crate) use plan::{Partition, Plan, validate_size};
pub(crate) use schedule::Rate;
pub(crate) use stats::{Batch, Event, Observer, Stats};

/// Runs this partition of `plan` to its end or until `stop`, and returns the observer.
///
/// # Errors
///
/// The system refuses a poll or a timer.
pub(crate) fn run<O: Observer>(
    plan: Arc<Plan>,
    partition: Partition,
    preconnected: Option<Socket>,
    observer: O,
    stop: &AtomicBool,
) -> io::Result<O> {
    if plan.target.is_datagram() {
        Engine::<DatagramSession, O>::new(plan, partition, None, observer)?.run(stop)
    } else {
        Engine::<StreamSession, O>::new(plan, partition, preconnected, observer)?.run(stop)
    }
}
