//! One thread of the pool: it owns a poll, and serves every session that it is sent.

mod connection;
mod deadlines;
pub(crate) mod pool;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hello_proto::ServerSession;
use log::{Level, debug, log_enabled, warn};
use mio::Token;
use slab::Slab;

use self::connection::{Connection, READ_BUFFER, Scratch, Status};
use self::deadlines::{Clock, Deadlines, Time};
use self::pool::{Client, Inbox};
use crate::failpoint;
use crate::net::poll::{WAKE, poll};
use crate::net::stream::Stream;
use crate::shared::Shared;
use crate::stats::{Cause, Counter, ThreadStats};
use crate::sys::{Events, Poll, TryRecvError};

/// The most events that one poll returns.
const MAX_EVENTS: usize = 256;

/// New sessions a turn, so that a crowd that connects does not hold up the sessions there are.
const MAX_NEW: usize = 64;

/// Deadlines looked at in a turn, for the same reason.
const MAX_EXPIRED: usize = 64;

/// Places for this many sessions are not worth giving back.
const SMALL: usize = 128;

/// A connection, whose it is, and when it is looked at next.
#[derive(Debug)]
struct Session {
    /// First, so that the place is free by the time that the client sees the stream closed.
    client: Client,
    connection: Connection,
    /// Its entry among the deadlines; no later than its deadline.
    scheduled: Time,
    opened: Time,
    /// It has an entry among those with more to do.
    ready: bool,
}

/// A worker of the pool.
#[derive(Debug)]
pub(crate) struct Worker {
    shared: Arc<Shared>,
    inbox: Inbox,
    /// Nothing more will be sent.
    inbox_closed: bool,
    /// Sessions are ended, and served no longer.
    stopping: bool,
    poll: Poll,
    clock: Clock,
    /// A session's key is the token of its events.
    sessions: Slab<Session>,
    deadlines: Deadlines,
    /// The sessions that have more to do in the next turn.
    ready: VecDeque<usize>,
    scratch: Scratch,
}

impl Worker {
    pub(crate) fn new(
        shared: Arc<Shared>,
        inbox: Inbox,
        poll: Poll,
        stats: ThreadStats,
    ) -> io::Result<Self> {
        let clock = Clock::start();
        let scratch = Scratch {
            input: vec![0; READ_BUFFER],
            output: Vec::new(),
            registry: poll.registry().try_clone()?,
            now: clock.now(),
            stats,
        };
        Ok(Self {
            shared,
            inbox,
            inbox_closed: false,
            stopping: false,
            poll,
            clock,
            sessions: Slab::new(),
            deadlines: Deadlines::default(),
            ready: VecDeque::new(),
            scratch,
        })
    }

    /// Serves until the server has stopped or drained, and then until every session has ended or the
    /// grace is over.
    ///
    /// # Errors
    ///
    /// Only when polling itself fails.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(MAX_EVENTS);
        while self.shared.serves_sessions() && !self.is_done() {
            self.poll_once(&mut events)?;
        }
        self.stop(&mut events)
    }

    /// One turn: polls until there is an event, a deadline or a new session, and handles a bounded
    /// number of each.
    fn poll_once(&mut self, events: &mut Events) -> io::Result<()> {
        let ready = self.ready.len();
        let timeout = match self.inbox.sleep() || ready > 0 {
            true => Some(Duration::ZERO),
            false => self.timeout(),
        };
        poll(&mut self.poll, events, timeout)?;
        self.inbox.awake();
        self.scratch.now = self.clock.now();
        for event in events.iter().filter(|event| event.token() != WAKE) {
            let until_empty = event.is_read_closed() || event.is_priority();
            self.on_ready(event.token().0, until_empty);
        }
        for _ in 0..ready {
            if let Some(key) = self.ready.pop_front() {
                self.sessions[key].ready = false;
                self.on_ready(key, true);
            }
        }
        self.expire();
        self.shrink();
        self.drain_inbox();
        Ok(())
    }

    #[inline]
    fn on_ready(&mut self, key: usize, until_empty: bool) {
        if let Some(session) = self.sessions.get_mut(key)
            && !self.shared.grace_remaining().is_zero()
        {
            let status = session.connection.on_ready(until_empty, &mut self.scratch);
            self.apply(key, status);
        }
    }

    /// How long nothing is to be done unless something happens.
    fn timeout(&self) -> Option<Duration> {
        let deadline = self.deadlines.next().map(|next| next.since(self.scratch.now));
        deadline.into_iter().chain(self.shared.until_next_step(!self.stopping)).min()
    }

    /// Ends the sessions whose deadline has passed, at most [`MAX_EXPIRED`].
    fn expire(&mut self) {
        for _ in 0..MAX_EXPIRED {
            let Some(key) = self.deadlines.pop(self.scratch.now) else {
                break;
            };
            let session = &mut self.sessions[key];
            session.scheduled = Time::NEVER;
            let status = session.connection.expire(&self.shared, &mut self.scratch);
            self.apply(key, status);
        }
    }

    /// Opens sessions for the streams that were sent, at most [`MAX_NEW`].
    fn drain_inbox(&mut self) {
        for _ in 0..MAX_NEW {
            match self.inbox.jobs.try_recv() {
                Ok((stream, client)) => self.open(stream, client),
                Err(TryRecvError::Empty) => break,
                // The acceptor has ended, and with it the server, if it was not stopping already.
                Err(TryRecvError::Disconnected) => {
                    self.inbox_closed = true;
                    self.shared.begin_stop(Duration::ZERO);
                    break;
                }
            }
        }
    }

    fn open(&mut self, stream: Stream, client: Client) {
        let place = self.sessions.vacant_entry();
        let key = place.key();
        let session = ServerSession::new(self.shared.framing, self.shared.max_message);
        self.scratch.stats.count(Counter::Opened);
        failpoint::hit("worker");
        // The client may have come long after the turn began.
        self.scratch.now = self.clock.now();
        debug!(
            id = client.id, local = stream.local(), peer:% = client.peer;
            "session {} opened: {} from {}", client.id, stream.local(), client.peer
        );
        match Connection::open(stream, client.id, Token(key), session, &mut self.scratch) {
            Ok(connection) => {
                let (opened, scheduled) = (self.scratch.now, Time::NEVER);
                place.insert(Session { client, connection, scheduled, opened, ready: false });
                self.apply(key, Status::Open);
                if self.stopping {
                    self.stop_session(key);
                }
            }
            Err(error) => {
                let (id, cause) = (client.id, Cause::Lost.name());
                debug!(id, cause; "session {id} ended: {cause}: {error}");
                self.scratch.stats.end(Cause::Lost);
                self.inbox.ended();
            }
        }
    }

    /// Removes a session that is closed; schedules one that goes on, unless it is scheduled early
    /// enough.
    #[inline]
    fn apply(&mut self, key: usize, status: Status) {
        match status {
            Status::Open | Status::Ready => {
                let session = &mut self.sessions[key];
                if status == Status::Ready && !session.ready {
                    session.ready = true;
                    self.ready.push_back(key);
                }
                let deadline = session.connection.deadline(&self.shared);
                if deadline < session.scheduled {
                    self.deadlines.remove(session.scheduled, key);
                    self.deadlines.insert(deadline, key);
                    session.scheduled = deadline;
                }
            }
            Status::Closed(cause) => {
                let session = self.sessions.remove(key);
                self.deadlines.remove(session.scheduled, key);
                if session.ready {
                    self.ready.retain(|ready| *ready != key);
                }
                self.close(&session, cause);
            }
        }
    }

    /// Counts a session that is over. The stream closes, and its place is free, when it is dropped.
    fn close(&mut self, session: &Session, cause: Cause) {
        let Session { connection, client, opened, .. } = session;
        self.inbox.ended();
        self.scratch.stats.end(cause);
        if !log_enabled!(Level::Debug) {
            return;
        }
        let (id, local, peer) = (client.id, connection.stream().local(), &client.peer);
        let (cause, messages) = (cause.name(), connection.messages());
        let (bytes_in, bytes_out) = (connection.bytes_in, connection.bytes_out);
        let duration_s = self.scratch.now.since(*opened).as_secs_f64();
        debug!(
            id, cause, local, peer:%, messages, bytes_in, bytes_out, duration_s;
            "session {id} ended: {cause}; {local} from {peer}; \
             {messages} messages, {bytes_in} bytes in, {bytes_out} bytes out in {duration_s:.3} s"
        );
    }

    /// Gives back what a crowd took, once it is four times what is left: sessions move to the front,
    /// each with a new token.
    fn shrink(&mut self) {
        let capacity = self.sessions.capacity();
        if capacity <= SMALL || self.sessions.len() > capacity / 4 {
            return;
        }
        self.sessions.compact(|session, from, to| {
            let moved = session.connection.set_token(Token(to), &self.scratch).is_ok();
            if moved {
                self.deadlines.remove(session.scheduled, from);
                self.deadlines.insert(session.scheduled, to);
            }
            moved
        });
        let ready = self.sessions.iter().filter(|(_, session)| session.ready);
        self.ready = ready.map(|(key, _)| key).collect();
    }

    /// Ends every session, those still in the inbox included, and waits until the clients have taken
    /// that in or the grace is over.
    fn stop(&mut self, events: &mut Events) -> io::Result<()> {
        self.stopping = true;
        (0..self.sessions.capacity()).for_each(|key| self.stop_session(key));
        // Sessions whose client is gone have ended already, and nothing more would wake this thread.
        while !self.is_done() && !self.shared.grace_remaining().is_zero() {
            self.poll_once(events)?;
        }
        self.cut_off();
        Ok(())
    }

    /// There is no session, and none can come.
    fn is_done(&self) -> bool {
        self.inbox_closed && self.sessions.is_empty()
    }

    fn stop_session(&mut self, key: usize) {
        if let Some(session) = self.sessions.get_mut(key)
            && !self.shared.grace_remaining().is_zero()
        {
            let status = session.connection.stop(&mut self.scratch);
            self.apply(key, status);
        }
    }

    /// Closes what the grace was too short for.
    fn cut_off(&mut self) {
        let mut count = self.sessions.len();
        for (_, session) in std::mem::take(&mut self.sessions) {
            self.close(&session, session.connection.cause(Cause::Shutdown));
        }
        // Until the acceptor, which has noticed the stop, lets go of the queue.
        for _ in &self.inbox.jobs {
            count += 1;
            self.scratch.stats.count(Counter::Opened);
            self.scratch.stats.end(Cause::Shutdown);
        }
        if count > 0 {
            warn!("closed {count} sessions that had not ended within the grace period");
        }
    }
}
