//! One scripted session: says the messages, and checks what the server says.

mod datagram;
#[cfg(test)]
mod replay;
mod script;
mod stream;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use hello_proto::{Endpoint, WELCOME, greeting};

use crate::error::Error;
use crate::net::Connection;
use crate::options::{OutputOptions, SayOptions, Target};
use crate::report;
use crate::report::json::{self, SayReport};
use script::Script;

/// Runs a session and reports it on `out`.
pub(crate) fn run(
    options: &SayOptions,
    target: &Target,
    output: &OutputOptions,
    out: impl Write,
) -> ExitCode {
    let mut transcript = Transcript::new(Some(&target.endpoint), output.json, out);
    let outcome = Script::open(options, target).and_then(|mut script| {
        if target.is_datagram() {
            datagram::run(target, &mut script, &mut transcript)
        } else {
            stream::run(target, &mut script, &mut transcript)
        }
    });
    transcript.finish(outcome)
}

/// What the server says, on `out`: replies as they come, or at the end one JSON object.
#[derive(Debug)]
pub(crate) struct Transcript<W> {
    report: SayReport,
    json: bool,
    /// Whether a person reads it, whose terminal a server must not control.
    is_terminal: bool,
    out: W,
}

impl<W: Write> Transcript<W> {
    /// The transcript of a run with `endpoint`, if it is known.
    pub(crate) fn new(endpoint: Option<&Endpoint>, json: bool, out: W) -> Self {
        let is_terminal = io::stdout().is_terminal();
        Self { report: SayReport::new(endpoint), json, is_terminal, out }
    }

    /// The server is at the other end of `connection`.
    fn connected(&mut self, connection: &Connection) {
        self.report.local_address.clone_from(&connection.local);
        self.report.peer_address = Some(connection.peer.clone());
    }

    /// The welcome came, or something else.
    ///
    /// # Errors
    ///
    /// `outcome`, or standard output cannot be written.
    fn welcomed<T>(&mut self, outcome: Result<T, Error>) -> Result<T, Error> {
        let reply = reply(&outcome, || WELCOME.to_vec());
        let printed = self.print(reply.as_deref());
        self.report.welcomed(reply.as_deref());
        outcome.and_then(|welcomed| printed.map(|()| welcomed))
    }

    /// `message` was sent, and after `round_trip`, if that is known, its greeting came, or something else.
    ///
    /// # Errors
    ///
    /// `outcome`, or standard output cannot be written.
    fn replied(
        &mut self,
        message: &[u8],
        outcome: Result<(), Error>,
        round_trip: Option<Duration>,
    ) -> Result<(), Error> {
        let reply = reply(&outcome, || greeting(message));
        let printed = self.print(reply.as_deref());
        if self.json {
            self.report.replied(message, reply.as_deref(), round_trip);
        }
        outcome.and(printed)
    }

    /// The server closed after `exit`, or said something.
    ///
    /// # Errors
    ///
    /// `outcome`, or standard output cannot be written.
    fn exited(&mut self, outcome: Result<(), Error>) -> Result<(), Error> {
        let printed = self.print(outcome.as_ref().err().and_then(|error| error.reply.as_deref()));
        outcome.and(printed)
    }

    /// Ends the transcript, and says in the exit code how the run ended.
    pub(crate) fn finish(mut self, outcome: Result<(), Error>) -> ExitCode {
        let written =
            if self.json { json::write(&self.report, &outcome, &mut self.out) } else { Ok(()) };
        report::finish(self.report.endpoint, outcome.and(written))
    }

    fn print(&mut self, reply: Option<&[u8]>) -> Result<(), Error> {
        let Some(reply) = reply.filter(|_| !self.json) else { return Ok(()) };
        let visible;
        let reply = if self.is_terminal {
            visible = without_controls(reply);
            visible.as_bytes()
        } else {
            reply
        };
        let written = self.out.write_all(reply).and_then(|()| self.out.write_all(b"\n"));
        written.and_then(|()| self.out.flush()).map_err(Error::output)
    }
}

/// Text with what would control a terminal shown as an escape.
fn without_controls(bytes: &[u8]) -> String {
    let mut text = String::new();
    for c in String::from_utf8_lossy(bytes).chars() {
        if c.is_control() && c != '\t' { text.extend(c.escape_default()) } else { text.push(c) }
    }
    text
}

/// What the server said: the right reply, or what came instead of it, if anything.
fn reply<T>(outcome: &Result<T, Error>, right: impl FnOnce() -> Vec<u8>) -> Option<Vec<u8>> {
    outcome.as_ref().map_or_else(|error| error.reply.clone(), |_| Some(right()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_does_not_control_the_terminal() {
        let shown = without_controls("Hello, \u{1b}[2JZoë\t\r\u{9b}!".as_bytes());
        assert_eq!(shown, "Hello, \\u{1b}[2JZoë\t\\r\\u{9b}!");
    }
}
