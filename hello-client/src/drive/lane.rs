//! What a worker asks of a connection, whatever its kind.

use mio::Token;
use mio::event::Event as Readiness;
use socket2::Socket;
use std::time::Instant;

use super::{Io, Plan};
use crate::measure::{Listener, Schedule};

/// One connection: its schedule, its socket, and what is in flight on it.
pub(crate) trait Lane {
    /// A connection with this number, on `socket` if there is one already.
    fn new(number: u64, token: Token, plan: &Plan, socket: Option<Socket>) -> Self;

    /// When its messages are due.
    fn schedule(&mut self) -> &mut Schedule;

    /// How many messages are in flight.
    fn in_flight(&self) -> u64;

    /// Reads and writes what can be.
    fn ready(&mut self, readiness: &Readiness, io: &mut Io<impl Listener>);

    /// Waits for something to be read, and goes on as with [`ready`](Self::ready); false if there
    /// is no connection yet to be read.
    fn wait(&mut self, io: &mut Io<impl Listener>) -> bool;

    /// Sends what may be sent.
    fn send(&mut self, now: Instant, io: &mut Io<impl Listener>);

    /// Opens the connection if it should be, and gives up what is overdue.
    fn sweep(&mut self, now: Instant, io: &mut Io<impl Listener>);

    /// Gives up what is due or in flight: the run is over.
    fn give_up(&mut self, now: Instant, io: &mut Io<impl Listener>);
}
