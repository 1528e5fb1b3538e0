//! One thread of the pool: it owns a poll, and serves every session that it was handed.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError};
use hello_proto::{Reason, ServerSession};
use log::{debug, warn};
use mio::{Events, Poll, Token};
use slab::Slab;

use crate::Shared;
use crate::clock::{TICK, Tick, ticks};
use crate::connection::{Connection, Fate, Lent, Out};
use crate::handoff::{Accepted, Client, Load, WAKE};
use crate::stats::{Cause, Stats};

/// The most that one read takes, in bytes. What arrived together up to this much is answered
/// together.
const READ: usize = 64 * 1024;

/// The most events that one wait returns.
const EVENTS: usize = 1024;

/// A connection, and whose it is.
#[derive(Debug)]
struct Session {
    connection: Connection,
    client: Client,
}

/// A worker of the pool.
#[derive(Debug)]
pub(crate) struct Worker {
    shared: Arc<Shared>,
    poll: Poll,
    accepted: Receiver<Accepted>,
    load: Arc<Load>,
    /// A session's key is the token of its events.
    sessions: Slab<Session>,
    lent: Lent,
    swept: Tick,
    stats: Stats,
}

impl Worker {
    pub(crate) fn new(
        shared: Arc<Shared>,
        poll: Poll,
        accepted: Receiver<Accepted>,
        load: Arc<Load>,
    ) -> io::Result<Self> {
        let now = shared.clock.now();
        let registry = poll.registry().try_clone()?;
        let out = Out { replies: Vec::new(), registry, now };
        let lent = Lent { input: vec![0; READ].into_boxed_slice(), out };
        let (sessions, stats) = (Slab::new(), Stats::default());
        Ok(Self { shared, poll, accepted, load, sessions, lent, swept: now, stats })
    }

    /// Serves until the server stops, and then until every session has ended or the grace is over.
    pub(crate) fn run(mut self) -> io::Result<Stats> {
        let mut events = Events::with_capacity(EVENTS);
        while !self.shared.is_stopping() {
            // Only sessions make time pass for a worker.
            let timeout = (!self.sessions.is_empty()).then_some(TICK);
            self.turn(&mut events, timeout)?;
            self.sweep(self.shared.idle_ticks);
        }
        self.stop(&mut events)?;
        Ok(self.stats)
    }

    fn turn(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        wait(&mut self.poll, events, timeout)?;
        self.lent.out.now = self.shared.clock.now();
        for event in events.iter() {
            if event.token() == WAKE {
                self.adopt();
                continue;
            }
            let key = event.token().0;
            if let Some(session) = self.sessions.get_mut(key) {
                let fate = session.connection.ready(event, &mut self.lent);
                self.settle(key, fate);
            }
        }
        Ok(())
    }

    /// Takes in what the acceptor has handed over; whether there will be more.
    fn adopt(&mut self) -> bool {
        loop {
            match self.accepted.try_recv() {
                Ok(Accepted { stream, client }) => {
                    let place = self.sessions.vacant_entry();
                    let session = ServerSession::new(self.shared.framing, self.shared.max_message);
                    let token = Token(place.key());
                    self.stats.opened += 1;
                    debug!("session {} opened: {} from {}", client.id, stream.local(), client.peer);
                    match Connection::open(stream, token, session, &mut self.lent.out) {
                        Ok(connection) => {
                            place.insert(Session { connection, client });
                        }
                        Err(error) => {
                            debug!("session {} ended: {error}", client.id);
                            self.stats.end(Cause::Lost);
                            self.load.leave();
                        }
                    }
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// Ends the sessions whose time is over, at most once a tick.
    fn sweep(&mut self, idle: u32) {
        let now = self.shared.clock.now();
        if now == self.swept {
            return;
        }
        self.swept = now;
        self.lent.out.now = now;
        self.each(|session, shared, lent| {
            let Session { connection, .. } = session;
            if !connection.is_overdue(idle, now) {
                Fate::Keep
            } else if connection.is_open() {
                connection.end(Reason::Idle(shared.idle_timeout), &mut lent.out)
            } else {
                Fate::Close(connection.cause(Cause::Shutdown))
            }
        });
    }

    /// Ends every session at a message boundary, and waits for the clients to take that in.
    fn stop(&mut self, events: &mut Events) -> io::Result<()> {
        let deadline = Instant::now() + self.shared.grace;
        let mut more = true;
        while more || !self.sessions.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            more = more && self.adopt();
            self.each(|session, _, lent| session.connection.stop(lent));
            self.turn(events, Some(left.min(TICK)))?;
            self.sweep(ticks(self.shared.grace));
        }
        if !self.sessions.is_empty() {
            warn!("{} sessions were cut off: the grace is over", self.sessions.len());
        }
        self.each(|session, _, _| Fate::Close(session.connection.cause(Cause::Shutdown)));
        Ok(())
    }

    fn each(&mut self, mut act: impl FnMut(&mut Session, &Shared, &mut Lent) -> Fate) {
        for key in 0..self.sessions.capacity() {
            if let Some(session) = self.sessions.get_mut(key) {
                let fate = act(session, &self.shared, &mut self.lent);
                self.settle(key, fate);
            }
        }
    }

    #[inline]
    fn settle(&mut self, key: usize, fate: Fate) {
        if let Fate::Close(cause) = fate {
            let session = self.sessions.remove(key);
            self.close(&session, cause);
        }
    }

    /// Counts a session that is over. The stream closes, and its place is free, when it is dropped.
    fn close(&mut self, session: &Session, cause: Cause) {
        let Session { connection, client } = session;
        self.load.leave();
        self.stats.end(cause);
        self.stats.messages += connection.messages();
        self.stats.bytes_in += connection.bytes_in;
        self.stats.bytes_out += connection.bytes_out;
        debug!(
            "session {} ended: {}; {} from {}; {} messages, {} bytes in, {} bytes out",
            client.id,
            cause.name(),
            connection.stream().local(),
            client.peer,
            connection.messages(),
            connection.bytes_in,
            connection.bytes_out
        );
    }
}

/// Waits for events; a signal is none.
fn wait(poll: &mut Poll, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
    match poll.poll(events, timeout) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            events.clear();
            Ok(())
        }
        result => result,
    }
}
