//! A session on a stream: a welcome, one message and its reply after the other, `exit`, the end.

use std::io;
use std::ops::Range;
use std::time::{Duration, Instant};

use hello_proto::{ClientSession, Framing, WELCOME, greeting, quoted};
use socket2::Socket;

use crate::error::{Error, ErrorKind, advise};
use crate::net::{Connection, Deadline, Timeout, connect};
use crate::options::Target;

/// Both directions of a session.
#[derive(Debug)]
pub(crate) struct StreamSession {
    pub(crate) connection: Connection,
    /// From sending the last message to what came back for it.
    pub(crate) round_trip: Option<Duration>,
    session: ClientSession,
    framing: Framing,
    buffer: Vec<u8>,
    unread: Range<usize>,
}

impl StreamSession {
    /// Connects to a server, which has then still to welcome us.
    ///
    /// # Errors
    ///
    /// Why there is no connection.
    pub(crate) fn connect(target: &Target, timeout: Timeout) -> Result<Self, Error> {
        Ok(Self {
            connection: connect(target, timeout)?,
            round_trip: None,
            session: ClientSession::new(target.framing, target.limit),
            framing: target.framing,
            buffer: vec![0; 16 * 1024],
            unread: 0..0,
        })
    }

    /// Waits for the welcome.
    ///
    /// # Errors
    ///
    /// What came instead.
    pub(crate) fn welcome(&mut self, deadline: Deadline) -> Result<(), Error> {
        let mut received = Vec::new();
        let outcome = loop {
            let length = match self.connection.receive(&mut self.buffer, deadline) {
                Ok(0) => break self.session.receive_end().map_err(Error::from),
                Ok(length) => length,
                Err(error) => {
                    break Err(self.connection.error(&error, &quoted(WELCOME), deadline));
                }
            };
            let mut input = &self.buffer[..length];
            received.extend(input);
            match self.session.receive(&mut input) {
                // The server has no more to say, and we might wait for bytes that will not come.
                Ok(_) if self.is_other_framing(&received) => {
                    break Err(Error::unanswered(ErrorKind::Mismatch, "another framing"));
                }
                Ok(0) => {}
                Ok(_) => {
                    self.unread = length - input.len()..length;
                    return Ok(());
                }
                Err(error) => break Err(error.into()),
            }
        };
        outcome.map_err(|error| self.not_welcome(error, &received))
    }

    /// The socket of a session that was welcomed, and has not said anything yet.
    ///
    /// # Errors
    ///
    /// More than the welcome came.
    pub(crate) fn into_socket(mut self) -> Result<Socket, Error> {
        self.session.receive(&mut &self.buffer[self.unread])?;
        Ok(self.connection.into_socket())
    }

    /// Says `message`, and waits for its greeting.
    ///
    /// # Errors
    ///
    /// The message cannot be said, or what came instead.
    pub(crate) fn say(&mut self, message: &[u8], deadline: Deadline) -> Result<(), Error> {
        let mut out = Vec::new();
        self.session.send(message, &mut out).map_err(|error| Error::usage(advise(error)))?;
        self.exchange(&out, &quoted(&greeting(message)), deadline)
    }

    /// Says `exit`, and waits for the end of the stream.
    ///
    /// # Errors
    ///
    /// What came instead.
    pub(crate) fn exit(&mut self, deadline: Deadline) -> Result<(), Error> {
        let mut out = Vec::new();
        self.session.exit(&mut out);
        self.exchange(&out, "the server to close the session", deadline)
    }

    /// Why the server sends anything while it owes no reply: what it says, or that it closed.
    pub(crate) fn interruption(&mut self, deadline: Deadline) -> Error {
        let expected = "it to wait for the next message";
        let outcome = self.receive(expected, deadline);
        let closed =
            || self.connection.error(&io::ErrorKind::ConnectionReset.into(), expected, deadline);
        outcome.err().unwrap_or_else(closed)
    }

    fn exchange(&mut self, out: &[u8], expected: &str, deadline: Deadline) -> Result<(), Error> {
        let sent = Instant::now();
        let outcome = match self.connection.send(out, deadline) {
            // What the server said before it closed can still be read, and tells why.
            Err(error)
                if !matches!(
                    error.kind(),
                    io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
                ) =>
            {
                Err(self.connection.error(&error, expected, deadline))
            }
            _ => self.receive(expected, deadline),
        };
        self.round_trip = Some(sent.elapsed());
        outcome
    }

    /// Waits for the next reply, or if none is pending, for the end of the stream.
    fn receive(&mut self, expected: &str, deadline: Deadline) -> Result<(), Error> {
        loop {
            let mut input = &self.buffer[self.unread.clone()];
            let replies = self.session.receive(&mut input)?;
            self.unread.start = self.unread.end - input.len();
            if replies > 0 {
                return Ok(());
            }
            match self.connection.receive(&mut self.buffer, deadline) {
                Ok(0) => return Ok(self.session.receive_end()?),
                Ok(length) => self.unread = 0..length,
                Err(error) => return Err(self.connection.error(&error, expected, deadline)),
            }
        }
    }

    /// Whether all that was `received` is a welcome in another framing, of which the end can be seen.
    fn is_other_framing(&self, received: &[u8]) -> bool {
        let framing = Framing::of_welcome(received);
        framing.is_some_and(|framing| framing != self.framing && framing.is_delimited())
    }

    /// Why there was no welcome: `error`, after all that was `received`.
    fn not_welcome(&self, error: Error, received: &[u8]) -> Error {
        let error = error.of_server(self.connection.is_reached);
        let other = Framing::of_welcome(received).filter(|framing| *framing != self.framing);
        match (error.kind, other) {
            (_, Some(framing)) => error.of_other_framing(framing),
            (ErrorKind::Mismatch, None) => error.in_context("not a hello server"),
            (ErrorKind::Timeout, None) => {
                error.with_hint("not a hello server, or one that is stuck")
            }
            (ErrorKind::Closed, None) => {
                error.with_hint("not a hello server, or a balancer without a backend")
            }
            _ => error,
        }
    }
}
