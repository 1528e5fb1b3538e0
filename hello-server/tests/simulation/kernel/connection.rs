//! A connection: what is on its way in both directions, and what the server must not do to it.

mod remote;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::RawFd;

use super::Limits;
use super::clock::SECOND;
use super::poll::{ERR, HUP, IN, OUT, PRI, RDHUP, Registration};
use crate::oracle::{End, Oracle};

/// Descriptors from here on are connections, those below are listeners.
pub(super) const FIRST: RawFd = 1000;

/// How long the server waits for a client to close or to take the last reply.
pub(crate) const LINGER: u64 = 2 * SECOND;

/// The most that the server may owe a session, beside one greeting: the replies that wait, and those to
/// one read, which is the longest with empty messages.
const MAX_OWED: usize = MAX_REPLIES + MAX_READ * 9;

/// The turns in which what has arrived before a stop is answered, and what a session has in each.
const STOP_TURNS: usize = 2;
pub(crate) const MAX_READ: usize = 32 * 1024;
const MAX_READS: usize = 16;
const MAX_REPLIES: usize = 64 * 1024;

/// Input ever, in bytes and in reads.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    arrived: usize,
    read: usize,
    reads: usize,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) unix: bool,
    pub(crate) address: SocketAddr,
    /// Which host it counts for.
    pub(crate) host: Option<u8>,
    /// Accepted; for a stream that is closed again, too.
    pub(crate) accepted: bool,
    /// Rejected with an error instead of a welcome.
    pub(crate) rejected: bool,

    /// Input that the server has not read.
    pub(crate) input: VecDeque<u8>,
    /// Where in it the urgent byte of TCP is.
    mark: Option<usize>,
    /// Where in it a read of a Unix socket ends, because of a descriptor.
    cuts: VecDeque<usize>,
    /// The client closes its direction as soon as the server has.
    pub(super) polite: bool,
    /// The client has closed its direction.
    pub(crate) fin: bool,
    fin_read: bool,
    /// The client has reset it.
    pub(crate) reset: bool,
    reset_read: bool,

    /// Output that the client has not taken.
    pub(crate) output: VecDeque<u8>,
    /// How much more of it the kernel takes.
    pub(crate) space: usize,
    /// A write has found too little space, so that there is an event when there is more.
    starved: bool,
    /// It was starved at any time.
    pub(crate) was_starved: bool,
    /// When the server has closed its direction.
    pub(crate) shut: Option<u64>,
    pub(crate) closed: bool,
    /// The server's side has reset it.
    pub(crate) lost: bool,

    pub(crate) registration: Option<Registration>,
    pub(crate) oracle: Oracle,
    pub(crate) written: usize,
    pub(crate) read: u64,
    /// When it was accepted, a message was read, or replies were taken: it is not idle before.
    pub(crate) active: u64,
    /// When the server last read or wrote anything, as it knows the time.
    pub(crate) touched: u64,
    /// How it was when the server was asked to stop, if nothing was owed then but a welcome.
    at_stop: Option<Counts>,
    /// How much had been owed until then.
    replies_at_stop: usize,
    counts: Counts,
    /// The last read found nothing.
    emptied: bool,
    /// How much of its PROXY header the server has not read; `None` if it sends no proper one.
    header: Option<usize>,
    /// The last write found no space after the client had had its time.
    stalled: bool,
}

impl Connection {
    pub(crate) fn new(
        unix: bool,
        address: SocketAddr,
        space: usize,
        header: Option<usize>,
        limits: Limits,
    ) -> Self {
        Self {
            unix,
            address,
            host: None,
            accepted: false,
            rejected: false,
            input: VecDeque::new(),
            mark: None,
            cuts: VecDeque::new(),
            polite: false,
            fin: false,
            fin_read: false,
            reset: false,
            reset_read: false,
            output: VecDeque::new(),
            space,
            starved: false,
            was_starved: false,
            shut: None,
            closed: false,
            lost: false,
            registration: None,
            oracle: Oracle::new(limits),
            written: 0,
            read: 0,
            active: 0,
            touched: 0,
            at_stop: None,
            replies_at_stop: 0,
            counts: Counts::default(),
            emptied: false,
            header,
            stalled: false,
        }
    }

    /// It was welcomed, or is to be.
    pub(crate) fn is_session(&self) -> bool {
        self.accepted && !self.rejected && self.header == Some(0)
    }

    /// It has been welcomed, and nothing shows that the server ends it.
    pub(crate) fn is_served(&self) -> bool {
        let over =
            self.closed || self.reset || self.fin_read || self.shut.is_some() || self.stalled;
        self.is_session() && self.written > 0 && !over
    }

    pub(crate) fn waits_for_header(&self) -> bool {
        self.accepted && !self.rejected && self.header != Some(0)
    }

    /// A lone urgent byte is not readable.
    pub(crate) fn is_readable(&self) -> bool {
        self.input.len() > usize::from(self.mark == Some(0))
    }

    /// Whether a read would say that nothing more comes.
    pub(crate) fn has_unread_end(&self) -> bool {
        (self.fin && !self.fin_read) || (self.reset && !self.reset_read)
    }

    pub(crate) fn has_mark(&self) -> bool {
        self.mark.is_some()
    }

    pub(super) fn readiness(&self) -> u32 {
        let mut ready = 0;
        if self.is_readable() {
            ready |= IN;
        }
        if self.fin || self.reset {
            ready |= IN | RDHUP;
        }
        if self.mark.is_some() {
            ready |= PRI;
        }
        if self.space > 0 || self.shut.is_some() || self.reset {
            ready |= OUT;
        }
        if self.reset || (self.fin && self.shut.is_some()) {
            ready |= HUP;
        }
        if self.reset {
            ready |= ERR;
        }
        ready
    }

    /// Reads as recv(2) does: up to the urgent mark, which is not data, or to a cut.
    pub(super) fn read(&mut self, buffer: &mut [u8], now: u64, peek: bool) -> Read {
        if self.mark == Some(0) {
            self.input.pop_front();
            self.mark = None;
        }
        // Several descriptors in a row, too.
        while self.cuts.front() == Some(&0) {
            self.cuts.pop_front();
        }
        let limits = [buffer.len(), self.input.len(), self.mark.unwrap_or(usize::MAX)];
        let limits = limits.into_iter().chain(self.cuts.front().copied());
        let count = limits.min().unwrap_or(0);
        if count == 0 {
            return match (self.reset, self.reset_read, self.fin) {
                (true, false, _) => {
                    self.reset_read = true;
                    Read::Reset
                }
                (true, true, _) | (_, _, true) => {
                    self.fin_read = true;
                    if self.is_session() {
                        self.oracle.finish();
                    }
                    Read::End
                }
                _ => {
                    self.emptied = true;
                    Read::Nothing
                }
            };
        }
        let (left, right) = self.input.as_slices();
        let taken = count.min(left.len());
        buffer[..taken].copy_from_slice(&left[..taken]);
        buffer[taken..count].copy_from_slice(&right[..count - taken]);
        self.emptied = false;
        if peek {
            return Read::Data { count, counts: 0 };
        }
        self.input.drain(..count);
        self.mark = self.mark.map(|mark| mark - count);
        self.cuts.iter_mut().for_each(|cut| *cut -= count);
        self.counts.read += count;
        self.counts.reads += 1;
        if self.waits_for_header() {
            if let Some(left) = &mut self.header {
                assert!(count <= *left, "more is read than the PROXY header");
                *left -= count;
            }
            return Read::Data { count, counts: 0 };
        }
        let counts = if self.oracle.end.is_none() && !self.rejected { count } else { 0 };
        let messages = self.oracle.messages;
        if !self.rejected {
            self.oracle.receive(&buffer[..count]);
        }
        if self.oracle.messages > messages {
            self.active = self.active.max(now);
        }
        self.touched = self.touched.max(now);
        let owed = self.oracle.replies.len().saturating_sub(self.written);
        let greeting = self.oracle.limits.max_message + 64;
        let bounded = owed <= MAX_OWED + greeting || self.rejected;
        assert!(bounded, "a session is owed {owed} bytes, and is read from all the same");
        Read::Data { count, counts }
    }

    /// Writes as much as there is space for. `bytes` are all that the server wants to write.
    pub(super) fn write(&mut self, bytes: &[u8], now: u64, turn: u64) -> usize {
        if self.written == 0 && self.oracle.is_rejection(bytes) {
            self.rejected = true;
        }
        if !self.rejected {
            assert!(self.header == Some(0), "a client is served without a PROXY header");
            self.check_output(bytes, now);
        }
        // An empty buffer takes a short line whole.
        let count = if self.rejected { bytes.len() } else { bytes.len().min(self.space) };
        self.space = self.space.max(count);
        if count < bytes.len() {
            self.starved = true;
            self.was_starved = true;
        }
        self.output.extend(&bytes[..count]);
        self.space -= count;
        self.written += count;
        self.stalled = count == 0 && now >= self.touched + self.patience();
        if count > 0 {
            self.touched = self.touched.max(turn);
        }
        count
    }

    /// What is written must be the replies to what was read, in order and whole, and then at most one
    /// error.
    fn check_output(&mut self, bytes: &[u8], now: u64) {
        let due = &self.oracle.replies[self.written..];
        let (replies, rest) = bytes.split_at(bytes.len().min(due.len()));
        assert!(
            due.starts_with(replies),
            "the server writes \"{}\" instead of \"{}\"",
            bytes.escape_ascii(),
            due.escape_ascii()
        );
        if !rest.is_empty() {
            let replies = self.oracle.replies.len() - self.replies_at_stop;
            let end = self.oracle.close(rest);
            if end == End::Idle {
                let idle = now - self.active;
                let timeout = self.oracle.limits.idle_timeout;
                assert!(idle >= timeout, "idle for {idle} ns, ended as if for {timeout}");
                let looked = self.emptied || self.was_starved;
                assert!(looked, "ended as idle, and {} bytes are not read", self.input.len());
            } else if let Some(at_stop) = self.at_stop {
                self.check_stop(at_stop, replies);
            }
        }
    }

    /// What had arrived before the stop is answered, up to what is read in [`STOP_TURNS`]: less if it
    /// has more `replies` to take first than a session may have before it is read from again.
    fn check_stop(&self, at_stop: Counts, replies: usize) {
        let unread = at_stop.arrived.saturating_sub(self.counts.read);
        let (read, reads) = (self.counts.read - at_stop.read, self.counts.reads - at_stop.reads);
        // A turn is over after the one or the other.
        let turns = read as f64 / MAX_READ as f64 + reads as f64 / MAX_READS as f64;
        let enough = turns >= STOP_TURNS as f64;
        assert!(
            unread == 0 || enough || replies > MAX_REPLIES || self.was_starved,
            "{unread} bytes that had arrived before the stop are not answered"
        );
    }

    /// The server is asked to stop.
    pub(crate) fn note_stop(&mut self) {
        let waits = self.written > 0 && self.written < self.oracle.replies.len();
        self.at_stop = (self.accepted && !waits).then_some(self.counts);
        self.replies_at_stop = self.oracle.replies.len();
    }

    /// How long a client may take nothing of what it is owed.
    fn patience(&self) -> u64 {
        match self.oracle.limits.idle_timeout {
            0 => LINGER,
            timeout => timeout.min(LINGER),
        }
    }

    /// The client cannot expect more: it went, it is slow, or the grace is over.
    fn is_excused(&self, now: u64, grace_is_over: bool) -> bool {
        let waits = !self.output.is_empty() || self.was_starved;
        let slow = self.stalled || (waits && now >= self.touched + self.patience());
        let lingered = self.shut.is_some_and(|shut| now >= shut + LINGER);
        self.reset || self.rejected || grace_is_over || slow || lingered
    }

    /// A rejected client has closed, or had its time to.
    pub(super) fn may_be_forgotten(&self, now: u64) -> bool {
        self.fin_read || self.reset || self.shut.is_some_and(|shut| now >= shut + LINGER)
    }

    /// What it was told must have been all, and must not be lost.
    pub(super) fn check_close(&self, now: u64, grace_is_over: bool) {
        if !self.accepted || self.is_excused(now, grace_is_over) {
            return;
        }
        if self.header != Some(0) {
            let timeout = self.oracle.limits.idle_timeout;
            let late = timeout > 0 && now >= self.active + timeout;
            let over = self.fin || late || self.header.is_none();
            assert!(over, "a PROXY header is not waited for");
            return;
        }
        let owed = self.oracle.replies.len() - self.written;
        assert!(owed == 0, "a session is closed, and {owed} bytes are owed");
        assert!(self.oracle.end.is_some(), "a session is closed that nobody has ended");
        assert!(
            self.input.is_empty() || self.unix || self.output.is_empty(),
            "a close with unread input resets {} bytes that are on their way",
            self.output.len()
        );
    }
}

/// What recv(2) says.
#[derive(Debug)]
pub(super) enum Read {
    /// `counts`: how much of it is a session's, and not discarded.
    Data {
        count: usize,
        counts: usize,
    },
    Nothing,
    End,
    Reset,
}
