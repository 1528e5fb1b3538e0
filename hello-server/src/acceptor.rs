//! The thread that accepts: it lets clients in and hands them to the pool, or turns them away.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hello_proto::Reason;
use log::{debug, info};
use mio::{Events, Interest, Poll, Token, Waker};
use rustix::io::Errno;

use crate::Shared;
use crate::admission::Admission;
use crate::clock::TICK;
use crate::fault;
use crate::listener::Listener;
use crate::pool::{Client, Giver, Pool, WAKE};
use crate::refusal::Refusals;
use crate::starvation::Starvation;
use crate::stats::Stats;
use crate::stream::{Peer, Stream};
use crate::throttle::Throttle;
use crate::wait::wait;

/// So many clients are taken from one listener before the others have their turn.
const ACCEPTS_PER_TURN: usize = 256;

/// A listener, and whether clients may be waiting at it.
#[derive(Debug)]
struct Door {
    listener: Listener,
    may_wait: bool,
}

/// The acceptor.
#[derive(Debug)]
pub(crate) struct Acceptor {
    shared: Arc<Shared>,
    poll: Poll,
    waker: Arc<Waker>,
    doors: Vec<Door>,
    pool: Arc<Pool>,
    giver: Option<Giver>,
    admission: Arc<Admission>,
    refusals: Refusals,
    refused: Throttle,
    starvation: Starvation,
    next_id: u64,
    stats: Stats,
}

impl Acceptor {
    pub(crate) fn new(
        shared: Arc<Shared>,
        listeners: Vec<Listener>,
        pool: Arc<Pool>,
        admission: Arc<Admission>,
        max_refusals: usize,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let mut doors = Vec::new();
        for mut listener in listeners {
            poll.registry().register(&mut listener, Token(doors.len()), Interest::READABLE)?;
            doors.push(Door { listener, may_wait: true });
        }
        let refusals = Refusals::new(shared.framing, doors.len(), max_refusals);
        let giver = Some(pool.giver());
        let (starvation, next_id, stats) = (Starvation::default(), 1, Stats::default());
        Ok(Self {
            shared,
            poll,
            waker,
            doors,
            pool,
            giver,
            admission,
            refusals,
            refused: Throttle::default(),
            starvation,
            next_id,
            stats,
        })
    }

    pub(crate) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Accepts until the server stops, then turns away whoever is still waiting.
    ///
    /// # Errors
    ///
    /// Only when a listener itself fails.
    pub(crate) fn run(mut self) -> io::Result<Stats> {
        let mut events = Events::with_capacity(1024);
        while !self.shared.is_stopping() {
            self.turn(&mut events, self.patience())?;
            for door in 0..self.doors.len() {
                self.accept(door)?;
            }
        }
        self.stop(&mut events)?;
        Ok(self.stats)
    }

    /// How long there is nothing to do unless something happens.
    fn patience(&self) -> Option<Duration> {
        if self.doors.iter().any(|door| door.may_wait) {
            return Some(self.starvation.pause());
        }
        (!self.refusals.is_empty()).then_some(TICK)
    }

    fn turn(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        wait(&mut self.poll, events, timeout)?;
        for event in events.iter() {
            match event.token() {
                WAKE => {}
                Token(door) if door < self.doors.len() => self.doors[door].may_wait = true,
                token => self.refusals.ready(token, self.poll.registry()),
            }
        }
        self.refusals.sweep(self.shared.clock.now());
        Ok(())
    }

    /// Takes the clients that wait at a door, unless the last one could not be for want of
    /// descriptors, just now.
    fn accept(&mut self, door: usize) -> io::Result<()> {
        if self.starvation.is_pausing() {
            return Ok(());
        }
        for _ in 0..ACCEPTS_PER_TURN {
            if !self.doors[door].may_wait {
                break;
            }
            match self.doors[door].listener.accept() {
                Ok((stream, peer)) => {
                    self.starvation.over();
                    fault::inject("acceptor");
                    self.welcome(stream, peer);
                }
                Err(error) => match Failure::of(&error) {
                    Failure::NobodyWaits => self.doors[door].may_wait = false,
                    Failure::ClientGone => self.stats.aborted += 1,
                    Failure::Starved => {
                        self.stats.starved += 1;
                        self.starvation.begin(&error);
                        break;
                    }
                    Failure::Broken => return Err(error),
                },
            }
        }
        Ok(())
    }

    fn welcome(&mut self, stream: Stream, peer: Peer) {
        match self.admission.admit(&peer) {
            Ok(permit) => {
                let client = Client { id: self.next_id, peer, _permit: permit };
                self.next_id += 1;
                self.pool.give(self.pool.pick(), stream, client);
            }
            Err(reason) => self.refuse(stream, &peer, reason),
        }
    }

    fn refuse(&mut self, stream: Stream, peer: &Peer, reason: Reason) {
        if let Some(times) = self.refused.happened() {
            info!("refused {peer} at {} ({times} times): {reason}", stream.local());
        }
        self.stats.refuse(reason);
        let now = self.shared.clock.now();
        if let Err(error) = self.refusals.refuse(stream, reason, self.poll.registry(), now) {
            debug!("{peer} was gone before it could be refused: {error}");
        }
    }

    /// Tells those in the system's backlog why they are not served, and closes the doors.
    fn stop(&mut self, events: &mut Events) -> io::Result<()> {
        drop(self.giver.take());
        loop {
            self.close_doors();
            let left = self.shared.left();
            if left.is_zero() || (self.doors.is_empty() && self.refusals.is_empty()) {
                return Ok(());
            }
            self.turn(events, Some(left.min(TICK)))?;
        }
    }

    /// Closes the doors at which nobody waits any more.
    fn close_doors(&mut self) {
        for mut door in std::mem::take(&mut self.doors) {
            loop {
                match door.listener.accept() {
                    Ok((stream, peer)) => self.refuse(stream, &peer, Reason::ShuttingDown),
                    Err(error) => match Failure::of(&error) {
                        Failure::ClientGone => self.stats.aborted += 1,
                        // Sessions that end leave descriptors for those who wait.
                        Failure::Starved => break self.doors.push(door),
                        Failure::NobodyWaits | Failure::Broken => break,
                    },
                }
            }
        }
    }
}

/// Why nobody was accepted.
enum Failure {
    NobodyWaits,
    /// Errors of the network that Linux passes on from the new socket: accept(2) has them treated
    /// as though that client had not come.
    ClientGone,
    /// Descriptors or memory have run out.
    Starved,
    /// The listener itself has failed.
    Broken,
}

impl Failure {
    fn of(error: &io::Error) -> Self {
        match Errno::from_io_error(error) {
            Some(Errno::AGAIN) => Self::NobodyWaits,
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => Self::Starved,
            Some(
                Errno::CONNABORTED
                | Errno::INTR
                | Errno::PERM
                | Errno::PROTO
                | Errno::NOPROTOOPT
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::NONET
                | Errno::OPNOTSUPP,
            ) => Self::ClientGone,
            _ => Self::Broken,
        }
    }
}
