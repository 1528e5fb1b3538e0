//! What a person or a program reads of a session: replies as they come, or one JSON object.

mod record;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use hello_proto::Endpoint;

use crate::ending::{conclude, write_json};
use crate::failure::Failure;
use crate::transport::Connection;
use record::Record;

/// Reports one run on `out`, and why it failed on standard error.
#[derive(Debug)]
pub(crate) struct Report<W> {
    out: W,
    record: Record,
    json: bool,
}

impl<W: Write> Report<W> {
    /// The report of a run with `endpoint`, if it is known.
    pub(crate) fn new(endpoint: Option<&Endpoint>, json: bool, out: W) -> Self {
        Self { out, record: Record::new(endpoint), json }
    }

    /// The server is at the other end of `connection`.
    pub(crate) fn connected(&mut self, connection: &Connection) {
        self.record.connected(connection);
    }

    /// What the server said before anything was said to it.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written.
    pub(crate) fn welcomed(&mut self, welcome: Option<&[u8]>) -> Result<(), Failure> {
        if self.json {
            self.record.welcomed(welcome);
            return Ok(());
        }
        self.print(welcome)
    }

    /// `message` was said, and `reply` came so long afterwards.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written.
    pub(crate) fn replied(
        &mut self,
        message: &[u8],
        reply: Option<&[u8]>,
        round_trip: Duration,
    ) -> Result<(), Failure> {
        if self.json {
            self.record.replied(message, reply, round_trip);
            return Ok(());
        }
        self.print(reply)
    }

    /// What the server said when it should have closed.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written.
    pub(crate) fn heard_after_exit(&mut self, said: Option<&[u8]>) -> Result<(), Failure> {
        if self.json { Ok(()) } else { self.print(said) }
    }

    /// Ends the report, and says in the exit code how the run ended.
    pub(crate) fn finish(mut self, mut outcome: Result<(), Failure>) -> ExitCode {
        if let Err(failure) = &outcome {
            self.record.failed(failure);
        }
        if self.json
            && let Err(error) = write_json(&self.record, &mut self.out)
        {
            outcome = outcome.and_then(|()| Err(Failure::output(&error)));
        }
        conclude(self.record.endpoint.as_deref(), outcome)
    }

    fn print(&mut self, reply: Option<&[u8]>) -> Result<(), Failure> {
        let Some(reply) = reply else { return Ok(()) };
        let written = self.out.write_all(reply).and_then(|()| self.out.write_all(b"\n"));
        written.and_then(|()| self.out.flush()).map_err(|error| Failure::output(&error))
    }
}
