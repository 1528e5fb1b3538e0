//! A session on a stream: a welcome, one message and its reply after the other, `exit`, the end.

use std::io::{self, Write};
use std::ops::Range;
use std::time::{Duration, Instant};

use hello_proto::{ClientSession, WELCOME, greeting};

use super::Transcript;
use super::script::Script;
use crate::error::{Error, advise, quoted};
use crate::net::{Connection, connect};
use crate::options::Target;

/// Connects, and says all of `script`.
///
/// # Errors
///
/// The first thing that was not as expected.
pub(super) fn run(
    target: &Target,
    script: &mut Script<'_>,
    transcript: &mut Transcript<impl Write>,
) -> Result<(), Error> {
    let connection = connect(target)?;
    transcript.connected(&connection);
    let mut session = StreamSession::new(connection, target);
    let deadline = Instant::now() + session.timeout;
    transcript.welcomed(session.receive(&quoted(WELCOME), deadline))?;
    let script_end = loop {
        match script.next() {
            Ok(Some(message)) => {
                let outcome = session.say(&message);
                transcript.replied(&message, outcome, session.sent.elapsed())?;
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    let exited = transcript.exited(session.exit());
    script_end.and(exited)
}

/// Both directions of a session. Each wait, as a whole, is bounded by the timeout.
#[derive(Debug)]
struct StreamSession {
    connection: Connection,
    session: ClientSession,
    buffer: Vec<u8>,
    unread: Range<usize>,
    timeout: Duration,
    /// When the last message was sent.
    sent: Instant,
}

impl StreamSession {
    fn new(connection: Connection, target: &Target) -> Self {
        Self {
            connection,
            session: ClientSession::new(target.framing, target.limit),
            buffer: vec![0; 16 * 1024],
            unread: 0..0,
            timeout: target.timeout(),
            sent: Instant::now(),
        }
    }

    fn say(&mut self, message: &[u8]) -> Result<(), Error> {
        let mut out = Vec::new();
        self.session.send(message, &mut out).map_err(|error| Error::usage(advise(error)))?;
        self.exchange(&out, &quoted(&greeting(message)))
    }

    fn exit(&mut self) -> Result<(), Error> {
        let mut out = Vec::new();
        self.session.exit(&mut out);
        self.exchange(&out, "the server to close the session")
    }

    fn exchange(&mut self, out: &[u8], expected: &str) -> Result<(), Error> {
        let deadline = Instant::now() + self.timeout;
        self.sent = Instant::now();
        match self.connection.send(out, deadline) {
            Ok(()) => {}
            // What the server said before it closed can still be read, and tells why.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
                ) => {}
            Err(error) => return Err(self.error(expected, &error)),
        }
        self.receive(expected, deadline)
    }

    /// Waits for the next reply, or if none is pending, for the end of the stream.
    fn receive(&mut self, expected: &str, deadline: Instant) -> Result<(), Error> {
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
                Err(error) => return Err(self.error(expected, &error)),
            }
        }
    }

    fn error(&self, expected: &str, error: &io::Error) -> Error {
        Error::instead_of(expected, error, &self.connection.peer, self.timeout)
    }
}
