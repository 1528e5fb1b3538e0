//! One thread of the pool: it owns a poll, and serves every session that it was handed.

mod balance;
mod stop;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;
use hello_proto::{Reason, ServerSession};
use log::debug;
use mio::{Events, Poll, Token};
use slab::Slab;

use crate::Shared;
use crate::clock::{TICK, Tick};
use crate::connection::{Connection, Fate, Lent, Out};
use crate::fault;
use crate::gauge::Gauge;
use crate::pool::{Client, Giver, Handed, Pool, WAKE};
use crate::stats::{Cause, Stats};
use crate::stream::Stream;
use crate::wait::wait;

/// The most that one read takes, in bytes. What arrived together up to this much is answered
/// together.
const READ: usize = 64 * 1024;

/// The most events that one wait returns.
const EVENTS: usize = 256;

/// A connection, and whose it is.
#[derive(Debug)]
pub(crate) struct Session {
    /// First, so that the place is free by the time that the client sees the stream closed.
    client: Client,
    connection: Connection,
}

/// A worker of the pool.
#[derive(Debug)]
pub(crate) struct Worker {
    shared: Arc<Shared>,
    pool: Arc<Pool>,
    /// Its place in the pool.
    index: usize,
    giver: Option<Giver>,
    handed: Receiver<Handed>,
    poll: Poll,
    /// A session's key is the token of its events.
    sessions: Slab<Session>,
    lent: Lent,
    swept: Tick,
    /// In percent of a core, as of the last reading of the gauge.
    busy: u32,
    stats: Stats,
}

impl Worker {
    pub(crate) fn new(
        shared: Arc<Shared>,
        pool: Arc<Pool>,
        index: usize,
        handed: Receiver<Handed>,
        poll: Poll,
    ) -> io::Result<Self> {
        let giver = Some(pool.giver());
        let swept = shared.clock.now();
        let out = Out::new(poll.registry().try_clone()?, swept);
        let lent = Lent { input: vec![0; READ].into_boxed_slice(), out };
        let (sessions, busy, stats) = (Slab::new(), 0, Stats::default());
        Ok(Self { shared, pool, index, giver, handed, poll, sessions, lent, swept, busy, stats })
    }

    /// Serves until the server stops, and then until every session has ended or the grace is over.
    pub(crate) fn run(mut self) -> io::Result<Stats> {
        let mut events = Events::with_capacity(EVENTS);
        let mut gauge = Gauge::start();
        while !self.shared.is_stopping() {
            // Time passes only for a worker that has sessions, or is still thought busy.
            let timeout = (!self.sessions.is_empty() || self.busy > 0).then_some(TICK);
            self.turn(&mut events, timeout)?;
            if self.tick() {
                self.sweep(self.shared.idle_ticks);
                self.balance(&mut gauge);
            }
        }
        self.stop(&mut events)?;
        Ok(self.stats)
    }

    /// Waits for events, and does what they make possible; whether there are new sessions.
    fn turn(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<bool> {
        self.pool.set_asleep(self.index, true);
        let timeout = if self.handed.is_empty() { timeout } else { Some(Duration::ZERO) };
        wait(&mut self.poll, events, timeout)?;
        self.pool.set_asleep(self.index, false);
        self.lent.out.now = self.shared.clock.now();
        for event in events.iter().filter(|event| event.token() != WAKE) {
            if self.shared.left().is_zero() {
                break;
            }
            let key = event.token().0;
            if let Some(session) = self.sessions.get_mut(key) {
                let fate = session.connection.proceed(event.is_read_closed(), &mut self.lent);
                self.settle(key, fate);
            }
        }
        Ok(self.adopt())
    }

    /// Takes in what was handed over; whether anything was.
    fn adopt(&mut self) -> bool {
        let mut is_any = false;
        while let Ok(handed) = self.handed.try_recv() {
            is_any = true;
            match handed {
                Handed::Accepted(stream, client) => self.open(stream, client),
                Handed::Moved(session) => self.take_over(*session),
            }
        }
        is_any
    }

    fn open(&mut self, stream: Stream, client: Client) {
        let place = self.sessions.vacant_entry();
        let session = ServerSession::new(self.shared.framing, self.shared.max_message);
        let token = Token(place.key());
        self.stats.opened += 1;
        fault::inject("worker");
        debug!("session {} opened: {} from {}", client.id, stream.local(), client.peer);
        match Connection::open(stream, client.id, token, session, &mut self.lent.out) {
            Ok(connection) => {
                place.insert(Session { connection, client });
            }
            Err(error) => {
                debug!("session {} ended: lost: {error}", client.id);
                self.stats.end(Cause::Lost);
            }
        }
    }

    fn take_over(&mut self, mut session: Session) {
        let place = self.sessions.vacant_entry();
        let registered = session.connection.register(Token(place.key()), &self.lent.out);
        let key = place.key();
        place.insert(session);
        if registered.is_err() {
            self.settle(key, Fate::Close(Cause::Lost));
        }
    }

    /// Whether the clock has moved since this was last asked.
    fn tick(&mut self) -> bool {
        let now = self.shared.clock.now();
        now != std::mem::replace(&mut self.swept, now)
    }

    /// Ends the sessions whose time is over.
    fn sweep(&mut self, patience: u32) {
        let now = self.swept;
        self.lent.out.now = now;
        self.each(|session, shared, lent| {
            let connection = &mut session.connection;
            if !connection.is_overdue(patience, now) {
                return Fate::Keep;
            }
            // If it was this server that stood still, what the client did meanwhile is still there.
            let fate = connection.proceed(false, lent);
            if fate != Fate::Keep || !connection.is_overdue(patience, now) {
                fate
            } else if connection.is_open() {
                connection.end(Reason::Idle(shared.idle_timeout), &mut lent.out)
            } else {
                Fate::Close(connection.cause(Cause::Shutdown))
            }
        });
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
