//! One client's stream and its session: reads, answers, and holds what the client has not taken.

mod ending;

use std::io;

use hello_proto::{Reason, ServerSession};
use log::trace;
use mio::event::Source;
use mio::{Interest, Registry, Token};

pub(crate) use self::ending::LINGER;
use crate::clock::Tick;
use crate::stats::Cause;
use crate::stream::Stream;

/// What a worker lends to the connection that it serves, so that an idle one has no buffers.
#[derive(Debug)]
pub(crate) struct Lent {
    pub(crate) input: Box<[u8]>,
    pub(crate) out: Out,
}

/// The lent part that sends.
#[derive(Debug)]
pub(crate) struct Out {
    replies: Vec<u8>,
    registry: Registry,
    pub(crate) now: Tick,
}

impl Out {
    pub(crate) fn new(registry: Registry, now: Tick) -> Self {
        Self { replies: Vec::new(), registry, now }
    }
}

/// What is to become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Fate {
    Keep,
    Close(Cause),
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Messages are read and answered.
    Open,
    /// Nothing more is read. The replies owed are still delivered, then the reason is told, if it
    /// has not been encoded with them.
    Ending(Cause, Option<Reason>),
    /// All is said. A close with unread input would be a reset, which can destroy what the client
    /// has not read yet (RFC 1122, 4.2.2.13): so input is discarded until the client closes.
    Lingering(Cause),
}

/// What a client has not taken, and what it had sent before that was seen. It holds at most
/// [`ServerSession::ENOUGH`] and one greeting of the one, and one read of the other.
#[derive(Debug)]
struct Backlog {
    replies: Vec<u8>,
    taken: usize,
    input: Vec<u8>,
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
    backlog: Option<Box<Backlog>>,
    /// When it last completed a message or took replies; once it is ending, when that began.
    pub(crate) active: Tick,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
}

impl Connection {
    /// Registers `stream` and welcomes the client.
    ///
    /// # Errors
    ///
    /// When the stream is broken already, or cannot be watched.
    pub(crate) fn open(
        mut stream: Stream,
        id: u64,
        token: Token,
        session: ServerSession,
        out: &mut Out,
    ) -> io::Result<Self> {
        stream.register(&out.registry, token, Interest::READABLE)?;
        let (state, active) = (State::Open, out.now);
        let (backlog, bytes_in, bytes_out) = (None, 0, 0);
        let mut connection =
            Self { stream, id, token, session, state, backlog, active, bytes_in, bytes_out };
        out.replies.clear();
        connection.session.welcome(&mut out.replies);
        connection.deliver(out)?;
        Ok(connection)
    }

    /// Stops watching the stream, so that another worker can.
    pub(crate) fn deregister(&mut self, out: &Out) -> io::Result<()> {
        self.stream.deregister(&out.registry)
    }

    /// Watches the stream as a worker that takes it over does.
    pub(crate) fn register(&mut self, token: Token, out: &Out) -> io::Result<()> {
        self.token = token;
        let blocked = self.backlog.is_some();
        let interest = if blocked { Interest::WRITABLE } else { Interest::READABLE };
        self.stream.register(&out.registry, token, interest)
    }

    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    pub(crate) fn messages(&self) -> u64 {
        self.session.messages()
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Does what is possible now. `at_end`: the peer has finished writing, so that the end of the
    /// stream is behind the data.
    #[inline]
    pub(crate) fn proceed(&mut self, at_end: bool, lent: &mut Lent) -> Fate {
        let fate = match self.state {
            State::Lingering(cause) => self.discard(cause, lent),
            _ if self.backlog.is_some() => self.flush(&mut lent.out),
            _ => self.read(at_end, lent),
        };
        self.unless_broken(fate)
    }

    fn read(&mut self, at_end: bool, lent: &mut Lent) -> io::Result<Fate> {
        loop {
            let Some(count) = self.stream.read(&mut lent.input)? else {
                return Ok(Fate::Keep);
            };
            if count == 0 {
                return self.read_end(&mut lent.out);
            }
            self.bytes_in += count as u64;
            trace!("session {} sent \"{}\"", self.id, lent.input[..count].escape_ascii());
            self.answer(&lent.input[..count], &mut lent.out)?;
            let filled = count == lent.input.len();
            if !self.is_open() || self.backlog.is_some() {
                return self.settle(filled, &mut lent.out);
            }
            if filled {
                // There is probably more, but others have their turn first.
                self.watch(Interest::READABLE, &lent.out)?;
                return Ok(Fate::Keep);
            }
            if !at_end {
                // A short read emptied the socket; epoll(7) tells when there is more.
                return Ok(Fate::Keep);
            }
        }
    }

    fn read_end(&mut self, out: &mut Out) -> io::Result<Fate> {
        out.replies.clear();
        let end = self.session.receive_end(&mut out.replies);
        self.ended(end);
        self.deliver(out)?;
        self.settle(false, out)
    }

    /// Answers all of `input`, unless the session ends or the client does not take the replies.
    fn answer(&mut self, mut input: &[u8], out: &mut Out) -> io::Result<()> {
        let answered = self.session.messages();
        while !input.is_empty() && self.backlog.is_none() {
            out.replies.clear();
            if let Some(end) = self.session.receive(&mut input, &mut out.replies) {
                self.ended(end);
                input = &[];
            }
            self.deliver(out)?;
        }
        if let Some(backlog) = &mut self.backlog {
            backlog.input = input.to_vec();
        }
        if self.session.messages() != answered {
            self.active = out.now;
        }
        Ok(())
    }

    /// Sends `out.replies`, and keeps for later what is not taken.
    fn deliver(&mut self, out: &mut Out) -> io::Result<()> {
        if out.replies.is_empty() {
            return Ok(());
        }
        let taken = self.stream.write(&out.replies)?;
        self.bytes_out += taken as u64;
        if taken < out.replies.len() {
            let (replies, input) = (out.replies[taken..].to_vec(), Vec::new());
            self.backlog = Some(Box::new(Backlog { replies, taken: 0, input }));
            self.watch(Interest::WRITABLE, out)?;
        }
        Ok(())
    }

    /// Sends more of the backlog; when all of it is taken, goes on where it left off.
    fn flush(&mut self, out: &mut Out) -> io::Result<Fate> {
        let Some(mut backlog) = self.backlog.take() else {
            return Ok(Fate::Keep);
        };
        let taken = self.stream.write(&backlog.replies[backlog.taken..])?;
        self.bytes_out += taken as u64;
        backlog.taken += taken;
        if taken > 0 {
            self.active = out.now;
        }
        if backlog.taken < backlog.replies.len() {
            self.backlog = Some(backlog);
            return Ok(Fate::Keep);
        }
        self.answer(&backlog.input, out)?;
        if self.is_open() && self.backlog.is_none() {
            self.watch(Interest::READABLE, out)?;
        }
        self.settle(true, out)
    }

    /// Waits for `interest` alone: a client that does not take its replies is not read from. It is
    /// told again of what is there already.
    fn watch(&mut self, interest: Interest, out: &Out) -> io::Result<()> {
        self.stream.reregister(&out.registry, self.token, interest)
    }
}
