//! A session on a stream: a welcome, one message and its reply after the other, `exit`, the end.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::time::{Duration, Instant};

use hello_proto::{ClientSession, WELCOME, greeting};

use crate::config::Target;
use crate::failure::{Failure, Quoted};
use crate::report::Report;
use crate::script::Script;
use crate::transport::{Connection, Deadline, connect};

/// Connects, and says all of `script`.
///
/// # Errors
///
/// The first thing that was not as expected.
pub(super) fn run(
    target: &Target,
    script: &mut Script<'_>,
    report: &mut Report<impl Write>,
) -> Result<(), Failure> {
    let connection = connect(target)?;
    report.connected(&connection);
    let mut dialogue = Dialogue::new(connection, target);
    let welcome = dialogue.welcome();
    report.welcomed(said(&welcome))?;
    welcome?;
    let ending = loop {
        match script.next() {
            Ok(Some(message)) => {
                let reply = dialogue.say(&message);
                report.replied(&message, said(&reply), dialogue.sent.elapsed())?;
                reply?;
            }
            Ok(None) => break Ok(()),
            Err(failure) => break Err(failure),
        }
    };
    let farewell = dialogue.exit();
    report.heard_after_exit(said(&farewell))?;
    ending.and_then(|()| farewell.map(drop))
}

/// Both directions of a session. Each wait, as a whole, is bounded by the timeout.
#[derive(Debug)]
struct Dialogue {
    connection: Connection,
    session: ClientSession,
    buffer: Vec<u8>,
    unread: Range<usize>,
    timeout: Duration,
    /// When the last message was sent.
    sent: Instant,
}

impl Dialogue {
    fn new(connection: Connection, target: &Target) -> Self {
        Self {
            connection,
            session: ClientSession::new(target.framing, target.limit),
            buffer: vec![0; 16 * 1024],
            unread: 0..0,
            timeout: target.timeout,
            sent: Instant::now(),
        }
    }

    fn welcome(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        self.hear(&Quoted(WELCOME), Deadline::after(self.timeout))
    }

    fn say(&mut self, message: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        let mut out = Vec::new();
        self.session.say(message, &mut out).map_err(|why| Failure::usage(why.to_string()))?;
        self.exchange(&out, &Quoted(&greeting(message)))
    }

    /// Says `exit`, and hears nothing more.
    fn exit(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let mut out = Vec::new();
        self.session.exit(&mut out);
        self.exchange(&out, &"the server to close the session")
    }

    fn exchange(&mut self, out: &[u8], expected: &dyn Display) -> Result<Option<Vec<u8>>, Failure> {
        let deadline = Deadline::after(self.timeout);
        self.sent = Instant::now();
        match self.connection.send(out, deadline) {
            Ok(()) => {}
            // What the server said before it closed is still there to be heard, and tells why.
            Err(error)
                if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {}
            Err(error) => return Err(self.failure(expected, &error)),
        }
        self.hear(expected, deadline)
    }

    /// The next reply, which is the one expected; none if the stream ended when it should.
    fn hear(
        &mut self,
        expected: &dyn Display,
        deadline: Deadline,
    ) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            let mut input = &self.buffer[self.unread.clone()];
            let reply = self.session.receive(&mut input)?.map(<[u8]>::to_vec);
            self.unread.start = self.unread.end - input.len();
            if reply.is_some() {
                return Ok(reply);
            }
            match self.connection.receive(&mut self.buffer, deadline) {
                Ok(0) => return Ok(self.session.receive_end().map(|()| None)?),
                Ok(length) => self.unread = 0..length,
                Err(error) => return Err(self.failure(expected, &error)),
            }
        }
    }

    fn failure(&self, expected: &dyn Display, error: &io::Error) -> Failure {
        Failure::instead_of(expected, error, &self.connection.peer, self.timeout)
    }
}

/// What the server said: a reply, or what came instead of one.
fn said(heard: &Result<Option<Vec<u8>>, Failure>) -> Option<&[u8]> {
    match heard {
        Ok(reply) => reply.as_deref(),
        Err(failure) => failure.said.as_deref(),
    }
}
