//! One client's stream and its session: reads, answers, and buffers what the client has not taken.

mod closing;

use std::io;

use hello_proto::{ErrorReason, ServerSession};
use log::trace;
use mio::{Interest, Token};

use self::closing::State;
use super::deadlines::Time;
use crate::net::os::INPUT;
use crate::net::stream::Stream;
use crate::stats::{Cause, Counter, ThreadStats};
use crate::sys::Registry;

/// The most input that one session has read in a turn, in bytes. What arrived together up to this
/// much is answered together, unless that takes more than [`ServerSession::OUTPUT_HIGH_WATER`] of replies: then
/// the rest has another turn, because it is the replies that cost the time of a turn.
pub(crate) const READ_BUFFER: usize = 32 * 1024;

/// The most reads of one session in a turn, where reads end early.
const MAX_READS: usize = 16;

/// What a worker lends to the connection that it serves, so that an idle one has no buffers.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) input: Vec<u8>,
    pub(crate) output: Vec<u8>,
    pub(crate) registry: Registry,
    /// When the turn began.
    pub(crate) now: Time,
    pub(crate) stats: ThreadStats,
}

/// Whether a connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Status {
    /// With the next event.
    Open,
    /// In the next turn: there is more to do, but others have their turn first.
    Ready,
    Closed(Cause),
}

/// What a client has not taken, and what it had sent before that was seen: at most
/// [`ServerSession::OUTPUT_HIGH_WATER`] and one greeting of the one, and one read of the other.
#[derive(Debug)]
struct Pending {
    output: Vec<u8>,
    written: usize,
    input: Vec<u8>,
    /// The server ends the session for this reason, once all of this is delivered and answered.
    reason: Option<ErrorReason>,
}

/// A stream with its session.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    /// For the log.
    id: u64,
    token: Token,
    session: ServerSession,
    state: State,
    pending: Option<Box<Pending>>,
    /// When it last completed a message or took replies; once it is closing, when that began.
    last_active: Time,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
}

impl Connection {
    /// Registers `stream` and welcomes the client.
    ///
    /// # Errors
    ///
    /// When the stream is broken already, or cannot be registered.
    pub(crate) fn open(
        stream: Stream,
        id: u64,
        token: Token,
        session: ServerSession,
        scratch: &mut Scratch,
    ) -> io::Result<Self> {
        stream.register(&scratch.registry, token, INPUT)?;
        let mut connection = Self {
            stream,
            id,
            token,
            session,
            state: State::Open,
            pending: None,
            last_active: scratch.now,
            bytes_in: 0,
            bytes_out: 0,
        };
        scratch.output.clear();
        connection.session.start(&mut scratch.output);
        connection.send_or_buffer(&[], scratch)?;
        Ok(connection)
    }

    /// Registers the stream with another token.
    pub(crate) fn set_token(&mut self, token: Token, scratch: &Scratch) -> io::Result<()> {
        let blocked = self.pending.as_ref().is_some_and(|pending| !pending.output.is_empty());
        let interest = if blocked { Interest::WRITABLE } else { INPUT };
        self.stream.reregister(&scratch.registry, token, interest)?;
        self.token = token;
        Ok(())
    }

    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    pub(crate) fn messages(&self) -> u64 {
        self.session.messages()
    }

    /// Does what is possible now. `until_empty`: a read may end early, at the urgent mark of TCP or
    /// at the end of the stream, so only one that finds nothing shows that all was read.
    #[inline]
    pub(crate) fn on_ready(&mut self, until_empty: bool, scratch: &mut Scratch) -> Status {
        let status = match self.state {
            State::Lingering(cause) => self.discard(cause, scratch),
            _ if self.pending.is_some() => self.flush(scratch),
            _ => {
                // Lent to the read, while the rest of the scratch answers it.
                let mut input = std::mem::take(&mut scratch.input);
                let until_empty = until_empty || self.stream.reads_short;
                let status = self.read(&mut input, until_empty, scratch);
                scratch.input = input;
                status
            }
        };
        self.or_lost(status)
    }

    fn read(
        &mut self,
        buffer: &mut [u8],
        until_empty: bool,
        scratch: &mut Scratch,
    ) -> io::Result<Status> {
        let mut filled = 0;
        for _ in 0..MAX_READS {
            let Some(count) = self.stream.read(&mut buffer[filled..])? else {
                return Ok(Status::Open);
            };
            if count == 0 {
                return self.read_closed(scratch);
            }
            let input = &buffer[filled..filled + count];
            filled += count;
            self.bytes_in += count as u64;
            scratch.stats.add(Counter::BytesIn, count as u64);
            trace!(id = self.id; "session {} sent \"{}\"", self.id, input.escape_ascii());
            self.answer(input, scratch)?;
            if self.pending.is_some() {
                return Ok(self.status());
            }
            if !self.is_open() {
                return self.advance_close(scratch);
            }
            if filled == buffer.len() {
                break;
            }
            if !until_empty {
                // It emptied the socket; there is an event when there is more (epoll(7)).
                return Ok(Status::Open);
            }
        }
        // There is probably more.
        Ok(Status::Ready)
    }

    fn read_closed(&mut self, scratch: &mut Scratch) -> io::Result<Status> {
        let answered = self.session.messages();
        scratch.output.clear();
        let end = self.session.receive_end(&mut scratch.output);
        scratch.stats.add(Counter::Messages, self.session.messages() - answered);
        self.begin_close(end, scratch.now);
        self.send_or_buffer(&[], scratch)?;
        self.advance_close(scratch)
    }

    /// Answers `input` with as many replies as leave together, and keeps the rest for another turn.
    fn answer(&mut self, mut input: &[u8], scratch: &mut Scratch) -> io::Result<()> {
        let answered = self.session.messages();
        scratch.output.clear();
        if let Some(end) = self.session.receive(&mut input, &mut scratch.output) {
            self.begin_close(end, scratch.now);
            input = &[];
        }
        if self.session.messages() != answered {
            self.last_active = scratch.now;
            scratch.stats.add(Counter::Messages, self.session.messages() - answered);
        }
        self.send_or_buffer(input, scratch)
    }

    /// Sends `scratch.output`; buffers what is not taken, and the input that is to be answered then.
    fn send_or_buffer(&mut self, input: &[u8], scratch: &mut Scratch) -> io::Result<()> {
        let written = match &*scratch.output {
            [] => 0,
            output => self.stream.write(output)?,
        };
        self.bytes_out += written as u64;
        scratch.stats.add(Counter::BytesOut, written as u64);
        let output = &scratch.output[written..];
        if !output.is_empty() || !input.is_empty() {
            if !output.is_empty() {
                self.watch(Interest::WRITABLE, scratch)?;
            }
            let (output, input) = (output.to_vec(), input.to_vec());
            self.pending = Some(Box::new(Pending { output, written: 0, input, reason: None }));
        }
        Ok(())
    }

    /// What is to be done next while the connection goes on.
    fn status(&self) -> Status {
        match &self.pending {
            Some(pending) if pending.output.is_empty() => Status::Ready,
            _ => Status::Open,
        }
    }

    /// Sends more of what is pending; when all of it is taken, goes on where it left off.
    fn flush(&mut self, scratch: &mut Scratch) -> io::Result<Status> {
        let Some(mut pending) = self.pending.take() else {
            return Ok(Status::Open);
        };
        if !pending.output.is_empty() {
            let written = self.stream.write(&pending.output[pending.written..])?;
            self.bytes_out += written as u64;
            scratch.stats.add(Counter::BytesOut, written as u64);
            pending.written += written;
            if written > 0 {
                self.last_active = scratch.now;
            }
            if pending.written < pending.output.len() {
                self.pending = Some(pending);
                return Ok(Status::Open);
            }
            self.watch(INPUT, scratch)?;
        }
        let state = self.state;
        self.answer(&pending.input, scratch)?;
        // Unless the client has ended the session with one of these messages.
        let reason = pending.reason.filter(|_| self.state == state);
        if let Some(pending) = &mut self.pending {
            pending.reason = reason;
            return Ok(self.status());
        }
        match reason {
            Some(reason) => self.close_with(reason, scratch),
            // What came in the meantime has had its event.
            None if self.is_open() => Ok(Status::Ready),
            None => self.advance_close(scratch),
        }
    }

    /// Waits for `interest` alone: a client that does not take its replies is not read from. There
    /// is an event for what is there already, too.
    fn watch(&self, interest: Interest, scratch: &Scratch) -> io::Result<()> {
        self.stream.reregister(&scratch.registry, self.token, interest)
    }
}
