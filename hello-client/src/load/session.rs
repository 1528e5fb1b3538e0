//! What the connection of a run carries: messages in flight and their replies, over a stream or in
//! datagrams.

use std::time::Instant;

use super::{Batch, ConnectionError, Observer, Plan};
use crate::error::ErrorKind;

/// What is in flight on a connection, and what a reply means. It has no socket and no clock.
pub(super) trait Session {
    /// Whether the bytes are datagrams, rather than parts of a stream.
    const IS_DATAGRAM: bool;

    /// How often it is written to before it is read: replies that nobody reads overflow the buffer
    /// of a socket.
    const BURST: usize;

    fn new(plan: &Plan) -> Self;

    /// The socket has been connected, perhaps again.
    fn start(&mut self, plan: &Plan, now: Instant);

    /// Whether messages may be sent.
    fn is_ready(&self) -> bool;

    /// How many messages are in flight.
    fn in_flight(&self) -> u64;

    /// From when the round trip of the first message is timed to which a reply may be expected: none
    /// to a later one has come.
    fn expected_since(&self) -> Option<Instant>;

    /// How many messages it can take to be written.
    fn room(&self) -> u64;

    /// Takes these messages to be written; there is room for them.
    fn send(&mut self, batch: Batch, now: Instant);

    /// Bytes to be written, if there are any.
    fn outgoing(&self) -> Option<&[u8]>;

    /// This many of the outgoing bytes were written.
    fn advance(&mut self, length: usize, now: Instant);

    /// How many of the messages in flight have not been written.
    fn unwritten(&self) -> u64;

    /// Gives back the last of the messages that have not been written. None may be written after.
    fn take_unwritten(&mut self) -> Option<Batch>;

    /// Says `exit`; no more messages are sent. Datagrams have no such word.
    fn exit(&mut self, _now: Instant) {}

    /// The stream has ended.
    ///
    /// # Errors
    ///
    /// `exit` was not said, or something was pending.
    fn receive_end(&mut self) -> Result<(), ConnectionError> {
        Err(ConnectionError::Lost(ErrorKind::Closed))
    }

    /// Takes what one read returned.
    ///
    /// # Errors
    ///
    /// The session is over, for this reason.
    fn receive(
        &mut self,
        input: &[u8],
        now: Instant,
        observer: &mut dyn Observer,
    ) -> Result<(), ConnectionError>;

    /// Gives up what has timed out.
    ///
    /// # Errors
    ///
    /// The session has, as a whole.
    fn expire(&mut self, now: Instant, observer: &mut dyn Observer) -> Result<(), ConnectionError>;

    /// Whether so much was lost in a row that the server may have moved. A stream says itself that
    /// it has ended.
    fn is_silent(&self) -> bool {
        false
    }

    /// Nothing in flight will be answered; all of it was written.
    fn disconnect(&mut self, why: &ConnectionError, now: Instant, observer: &mut dyn Observer);
}
