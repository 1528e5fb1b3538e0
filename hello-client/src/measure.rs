//! What is measured, without sockets and without a clock: time comes in as an argument.
//!
//! [`schedule`] says what to send when, [`stream`] and [`datagrams`] what a reply means, and each
//! tells a [`Listener`], who counts. So every rule of measuring can be tested to the nanosecond.

mod allowance;
mod counts;
mod datagrams;
mod event;
mod latency;
mod problem;
mod replies;
mod schedule;
mod stream;
mod tally;
mod tape;

pub(crate) use allowance::Allowance;
pub(crate) use counts::Counts;
pub(crate) use datagrams::{Datagrams, NUMBER_SIZE};
pub(crate) use event::{Batch, Event, Listener};
pub(crate) use latency::{Latency, Summary};
pub(crate) use problem::{Problem, Problems};
pub(crate) use schedule::{Pace, Schedule};
pub(crate) use stream::Session;
pub(crate) use tally::Tally;
pub(crate) use tape::Tape;
