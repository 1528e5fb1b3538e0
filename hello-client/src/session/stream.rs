//! A session on a stream: a welcome, one message and its reply after the other, `exit`, the end.

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
        // What is wrong, while more bytes may make it the welcome of another framing.
        let mut wrong = None;
        let error = loop {
            let length = match self.connection.receive(&mut self.buffer, deadline) {
                Ok(0) => {
                    let closed = self.session.receive_end().map_err(Error::from);
                    break wrong.or_else(|| closed.err()).expect("a welcome is pending");
                }
                Ok(length) => length,
                Err(error) => {
                    let failed = || self.connection.error(&error, &quoted(WELCOME), deadline);
                    break wrong.unwrap_or_else(failed);
                }
            };
            let mut input = &self.buffer[..length];
            received.extend(input);
            if wrong.is_none() {
                match self.session.receive(&mut input) {
                    Ok(1..) if self.other_framing(&received).is_none() => {
                        self.unread = length - input.len()..length;
                        return Ok(());
                    }
                    Ok(_) => {}
                    Err(error) => wrong = Some(error.into()),
                }
            }
            let other = self.other_framing(&received).filter(|framing| framing.is_delimited());
            if let Some(framing) = other {
                // The server has no more to say, and we would wait for the end of the reply.
                let reply = wrong.and_then(|error| error.reply);
                return Err(Error::other_framing(framing, reply));
            }
            if let Some(error) = wrong.take_if(|_| !is_part_of_a_welcome(&received)) {
                break error;
            }
        };
        Err(self.not_welcome(error, &received, deadline))
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
        outcome.err().unwrap_or_else(|| self.connection.closed(expected))
    }

    fn exchange(&mut self, out: &[u8], expected: &str, deadline: Deadline) -> Result<(), Error> {
        let sent = Instant::now();
        let outcome = match self.connection.send(out, deadline) {
            Ok(()) => self.receive(expected, deadline),
            // What the server said before it closed can still be read, and tells why.
            Err(error) if ErrorKind::from(&error) == ErrorKind::Closed => {
                self.receive(expected, deadline)
            }
            Err(error) => Err(self.connection.error(&error, expected, deadline)),
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

    /// The framing other than ours in which all that was `received` is a welcome.
    fn other_framing(&self, received: &[u8]) -> Option<Framing> {
        let mut others = Framing::ALL.into_iter().filter(|framing| *framing != self.framing);
        others.find(|framing| received == welcome_in(*framing))
    }

    /// Why there was no welcome until `deadline`: `error`, after all that was `received`.
    fn not_welcome(&self, error: Error, received: &[u8], deadline: Deadline) -> Error {
        let error = error.of_server(self.connection.is_reached);
        // What was cut off may be the welcome of any framing.
        let is_whole =
            |framing: &Framing| framing.is_delimited() || error.kind != ErrorKind::Closed;
        let what = match (error.kind, self.other_framing(received).filter(is_whole)) {
            (_, Some(framing)) => return Error::other_framing(framing, error.reply),
            (ErrorKind::Timeout, None) if received.is_empty() => {
                return error.with_hint("not a hello server, or one that is stuck");
            }
            (ErrorKind::Closed, None) if received.is_empty() => {
                return error.with_hint("not a hello server, or a balancer without a backend");
            }
            (ErrorKind::Timeout, None) => format!(" and no more within {deadline}"),
            (ErrorKind::Closed, None) => " and closed".to_owned(),
            (ErrorKind::Mismatch, None) if error.reply.is_none() => String::new(),
            (ErrorKind::Mismatch, None) => return error.in_context("not a hello server"),
            _ => return error,
        };
        let said = quoted(received);
        let expected = quoted(WELCOME);
        error.replaced(format!("not a hello server: it said {said}{what}, expected {expected}"))
    }
}

fn welcome_in(framing: Framing) -> Vec<u8> {
    let mut welcome = Vec::new();
    framing.encode(WELCOME, &mut welcome);
    welcome
}

/// Whether more bytes can make `received` a welcome in any framing.
fn is_part_of_a_welcome(received: &[u8]) -> bool {
    Framing::ALL.into_iter().any(|framing| {
        let welcome = welcome_in(framing);
        received.len() < welcome.len() && welcome.starts_with(received)
    })
}
