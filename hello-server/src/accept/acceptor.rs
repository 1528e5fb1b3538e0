//! The thread that accepts clients and dispatches them to the pool, or rejects them.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{io, mem};

use hello_proto::ErrorReason;
use log::{debug, info};
use mio::Token;

use super::backoff::AcceptBackoff;
use super::error::AcceptError;
use super::proxy::{Arrival, Arrivals, Arrived, HeaderError};
use super::reject::Rejections;
use crate::admission::Admission;
use crate::failpoint;
use crate::listen::listener::Listener;
use crate::log_limit::LogLimiter;
use crate::net::poll::{WAKE, poll};
use crate::net::stream::{Peer, Stream};
use crate::shared::Shared;
use crate::stats::{Counter, ThreadStats};
use crate::sys::{Events, Instant, Poll, Waker};
use crate::worker::pool::{Client, Pool};

/// Clients taken from one listener before the others have their turn.
const MAX_ACCEPTS: usize = 256;

/// How soon accepting is tried again during a stop.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// A listener, and whether clients may be waiting at it.
#[derive(Debug)]
struct ListenerSlot {
    listener: Listener,
    readable: bool,
}

/// The acceptor.
#[derive(Debug)]
pub(crate) struct Acceptor {
    shared: Arc<Shared>,
    poll: Poll,
    waker: Arc<Waker>,
    listeners: Vec<ListenerSlot>,
    pool: Pool,
    admission: Arc<Admission>,
    /// With the PROXY protocol.
    arrivals: Option<Arrivals>,
    /// How many wait for their header, for the monitor.
    waiting: Arc<AtomicU64>,
    rejections: Rejections,
    rejected: LogLimiter,
    backoff: AcceptBackoff,
    next_id: u64,
    stats: ThreadStats,
}

impl Acceptor {
    /// An acceptor that keeps at most `max_rejections` rejected clients until they close.
    pub(crate) fn new(
        shared: Arc<Shared>,
        listeners: Vec<Listener>,
        pool: Pool,
        admission: Arc<Admission>,
        max_rejections: usize,
        waiting: Arc<AtomicU64>,
        stats: ThreadStats,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let mut slots = Vec::new();
        for listener in listeners {
            listener.register(poll.registry(), Token(slots.len()))?;
            slots.push(ListenerSlot { listener, readable: true });
        }
        Ok(Self {
            arrivals: shared.proxy_protocol.then(|| Arrivals::new(shared.idle_timeout)),
            waiting,
            rejections: Rejections::new(shared.framing, slots.len(), max_rejections),
            shared,
            poll,
            waker,
            listeners: slots,
            pool,
            admission,
            rejected: LogLimiter::default(),
            backoff: AcceptBackoff::default(),
            next_id: 1,
            stats,
        })
    }

    /// Wakes it, to see that the server stops.
    pub(crate) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Accepts until the server stops, then accepts for the last time, or rejects, whoever is still
    /// waiting.
    ///
    /// # Errors
    ///
    /// Only when polling itself fails.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        while !self.shared.is_stopping() {
            let timeout = self.timeout();
            self.poll_once(&mut events, timeout)?;
            for slot in 0..self.listeners.len() {
                self.accept(slot);
            }
            self.expire_arrivals();
        }
        self.stop(&mut events)
    }

    /// How long nothing is to be done unless something happens.
    fn timeout(&mut self) -> Option<Duration> {
        let accept = self.listeners.iter().any(|slot| slot.readable);
        let accept = accept.then(|| self.backoff.remaining());
        let arrivals = self.arrivals.as_ref().and_then(Arrivals::remaining);
        accept.into_iter().chain(arrivals).chain(self.rejections.expire()).min()
    }

    fn poll_once(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        if let Some(arrivals) = &self.arrivals {
            self.waiting.store(arrivals.len() as u64, Ordering::Relaxed);
        }
        poll(&mut self.poll, events, timeout)?;
        for event in events.iter() {
            match event.token() {
                WAKE => {}
                Token(slot) if slot < self.listeners.len() => self.listeners[slot].readable = true,
                token if Arrivals::owns(token) => self.on_arrival(token),
                token => self.rejections.on_ready(token, self.poll.registry()),
            }
        }
        Ok(())
    }

    /// Accepts the clients that wait at a listener, unless accepting pauses.
    fn accept(&mut self, slot: usize) {
        if !self.backoff.remaining().is_zero() {
            return;
        }
        for _ in 0..MAX_ACCEPTS {
            let ListenerSlot { listener, readable } = &mut self.listeners[slot];
            if !*readable || self.shared.is_stopping() {
                break;
            }
            match try_accept(listener, &mut self.stats) {
                Ok((stream, peer)) => {
                    self.backoff.clear();
                    failpoint::hit("acceptor");
                    self.admit(stream, peer);
                }
                Err((AcceptError::WouldBlock, _)) => *readable = false,
                Err((AcceptError::Aborted, _)) => {}
                Err((AcceptError::Exhausted, error)) => {
                    self.backoff.start(&error);
                    break;
                }
            }
        }
    }

    fn admit(&mut self, stream: Stream, peer: Peer) {
        let permit = match self.admission.admit() {
            Ok(permit) => permit,
            Err(reason) => return self.reject(stream, &peer, reason),
        };
        let arrival = Arrival { permit, stream, peer };
        match &mut self.arrivals {
            Some(arrivals) => {
                if let Some(arrived) = arrivals.push(arrival, self.poll.registry()) {
                    self.arrived(arrived);
                }
            }
            None => self.dispatch(arrival),
        }
    }

    fn dispatch(&mut self, Arrival { mut permit, stream, peer }: Arrival) {
        match permit.claim(&peer) {
            Ok(()) => {
                let client = Client { id: self.next_id, peer, _permit: permit };
                self.next_id += 1;
                self.pool.dispatch((stream, client));
            }
            Err(reason) => {
                drop(permit);
                self.reject(stream, &peer, reason);
            }
        }
    }

    fn on_arrival(&mut self, token: Token) {
        if let Some(arrivals) = &mut self.arrivals
            && let Some(arrived) = arrivals.on_ready(token, self.poll.registry())
        {
            self.arrived(arrived);
        }
    }

    fn expire_arrivals(&mut self) {
        while let Some(arrivals) = &mut self.arrivals
            && let Some(arrived) = arrivals.expire(self.poll.registry())
        {
            self.arrived(arrived);
        }
    }

    /// Goes on with a connection whose client is known, or closes it without a word, as the PROXY
    /// protocol has it.
    fn arrived(&mut self, (arrival, header): Arrived) {
        let error = match header {
            Ok(peer) => return self.dispatch(Arrival { peer, ..arrival }),
            Err(error) => error,
        };
        self.stats.count(Counter::RejectedProxyHeader);
        let Arrival { peer, stream, .. } = &arrival;
        match error {
            HeaderError::Unused | HeaderError::Lost(_) => debug!(peer:%; "{peer}: {error}"),
            HeaderError::Invalid { .. } | HeaderError::Late(_) | HeaderError::Incomplete => {
                self.log_rejected(stream, peer, &error);
            }
        }
    }

    fn reject(&mut self, stream: Stream, peer: &Peer, reason: ErrorReason) {
        self.log_rejected(&stream, peer, &reason);
        self.stats.reject(reason);
        if let Err(error) = self.rejections.reject(stream, reason, self.poll.registry()) {
            debug!("{peer} was gone before it could be rejected: {error}");
        }
    }

    fn log_rejected(&mut self, stream: &Stream, peer: &Peer, reason: &dyn Display) {
        if let Some(repeats) = self.rejected.record(Instant::now()) {
            let local = stream.local();
            info!(peer:%, local, reason:%; "rejected {peer} at {local}: {reason}{repeats}");
        }
    }

    /// Closes the listeners. Those in their backlogs are told why they are not served, or still
    /// served if the server drains; what waits at an inherited one is for the next server.
    fn stop(mut self, events: &mut Events) -> io::Result<()> {
        for slot in self.listeners.extract_if(.., |slot| slot.listener.is_inherited()) {
            slot.listener.deregister(self.poll.registry());
        }
        self.listeners.iter().for_each(|slot| slot.listener.stop());
        loop {
            let serves = self.shared.serves_sessions();
            if !serves {
                self.reject_arrivals();
            }
            if !serves || self.is_done() {
                // The end of their queues is what tells the workers to stop.
                drop(mem::take(&mut self.pool));
            }
            self.drain_backlogs();
            let rejections = self.rejections.expire();
            let is_over = self.shared.grace_remaining().is_zero();
            if is_over || (self.is_done() && rejections.is_none()) {
                return Ok(());
            }
            let retry = (!self.listeners.is_empty()).then_some(RETRY_INTERVAL);
            let arrivals = self.arrivals.as_ref().and_then(Arrivals::remaining);
            let steps = retry.into_iter().chain(arrivals).chain(rejections);
            let timeout = steps.chain(self.shared.until_next_step(serves)).min();
            self.poll_once(events, timeout)?;
            self.expire_arrivals();
        }
    }

    /// There is nobody whom it may still have to admit.
    fn is_done(&self) -> bool {
        self.listeners.is_empty()
            && self.arrivals.as_ref().is_none_or(|arrivals| arrivals.len() == 0)
    }

    /// Tells those whose header has not arrived why they are not served.
    fn reject_arrivals(&mut self) {
        while let Some(arrivals) = &mut self.arrivals
            && let Some(Arrival { stream, peer, .. }) = arrivals.pop(self.poll.registry())
        {
            self.reject(stream, &peer, ErrorReason::ShuttingDown);
        }
    }

    /// Closes each listener at which nobody waits any more, or all when the grace is over.
    fn drain_backlogs(&mut self) {
        for slot in mem::take(&mut self.listeners) {
            while !self.shared.grace_remaining().is_zero() {
                match try_accept(&slot.listener, &mut self.stats) {
                    Ok((stream, peer)) if self.shared.serves_sessions() => self.admit(stream, peer),
                    Ok((stream, peer)) => self.reject(stream, &peer, ErrorReason::ShuttingDown),
                    Err((AcceptError::Aborted, _)) => {}
                    // Sessions that end leave descriptors for those who wait.
                    Err((AcceptError::Exhausted, _)) => {
                        self.listeners.push(slot);
                        break;
                    }
                    Err((AcceptError::WouldBlock, _)) => break,
                }
            }
        }
    }
}

/// Accepts one client, or counts the error and says what it asks for.
fn try_accept(
    listener: &Listener,
    stats: &mut ThreadStats,
) -> Result<(Stream, Peer), (AcceptError, io::Error)> {
    failpoint::error("accept").and_then(|()| listener.accept()).map_err(|error| {
        let class = AcceptError::from(&error);
        match class {
            AcceptError::WouldBlock => {}
            AcceptError::Aborted => stats.count(Counter::Aborted),
            AcceptError::Exhausted => stats.count(Counter::Starved),
        }
        (class, error)
    })
}
