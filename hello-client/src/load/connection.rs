//! One connection of a run: opened, measured, and opened again when it was lost.

use std::io::{self, Read};
use std::mem;
use std::os::fd::AsRawFd;
use std::time::Instant;

use hello_proto::WELCOME;
use mio::event::Event as Readiness;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use socket2::Socket;

use super::engine::ThreadContext;
use super::schedule::Schedule;
use super::{Batch, ConnectionError, Event, Observer, Plan};
use crate::error::ErrorKind;
use crate::net::{RETRY_INTERVAL, begin_connect, finish_connect};

/// What is in flight on a connection, and what a reply means. It has no socket and no clock.
pub(super) trait Session {
    /// Whether the bytes are datagrams, rather than parts of a stream.
    const IS_DATAGRAM: bool;

    fn new(plan: &Plan) -> Self;

    /// The socket has been connected, perhaps again.
    fn start(&mut self, plan: &Plan, now: Instant);

    /// Whether messages may be sent.
    fn is_ready(&self) -> bool;

    /// How many messages are in flight.
    fn in_flight(&self) -> u64;

    /// Sends these messages.
    fn send(&mut self, batch: Batch, now: Instant);

    /// Bytes to be written, if there are any; there may be more once these are.
    fn outgoing(&mut self) -> Option<&[u8]>;

    /// This many of the outgoing bytes were written.
    fn advance(&mut self, length: usize);

    /// Takes what one read returned.
    ///
    /// # Errors
    ///
    /// The session is over, for this reason.
    fn receive(
        &mut self,
        input: &[u8],
        now: Instant,
        observer: &mut dyn Observer,
    ) -> Result<(), ConnectionError>;

    /// Gives up what has timed out.
    ///
    /// # Errors
    ///
    /// The session has, as a whole.
    fn expire(&mut self, now: Instant, observer: &mut dyn Observer) -> Result<(), ConnectionError>;

    /// Nothing in flight will be answered.
    fn disconnect(&mut self, why: &ConnectionError, now: Instant, observer: &mut dyn Observer);
}

/// A session, its schedule, and the socket that carries it.
#[derive(Debug)]
pub(super) struct LoadConnection<S> {
    pub(super) schedule: Schedule,
    session: S,
    state: State,
    token: Token,
    /// Which of the plan's addresses to try, modulo their number.
    address: usize,
    /// The socket was connected before the run, and the server has welcomed it.
    is_preconnected: bool,
    is_reached: bool,
    /// The socket took only a part of what was to be written, and is registered for writing.
    is_blocked: bool,
}

#[derive(Debug)]
enum State {
    /// Not connected, because of this error; the next attempt is made at this time.
    Backoff(ConnectionError, Instant),
    /// Connecting since this time.
    Connecting(Socket, Instant),
    Established(Socket),
}

impl<S: Session> LoadConnection<S> {
    /// The connection with this number, to be opened with the first tick.
    pub(super) fn new(number: usize, token: Token, plan: &Plan) -> Self {
        Self {
            schedule: plan.schedule(number),
            session: S::new(plan),
            state: State::Backoff(ConnectionError::Connect(ErrorKind::Closed), plan.start),
            token,
            address: 0,
            is_preconnected: false,
            is_reached: false,
            is_blocked: false,
        }
    }

    /// Whether nothing is due or in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.session.in_flight() + self.schedule.backlog() == 0
    }

    /// Connects, reads and writes what can be.
    pub(super) fn on_ready(&mut self, ready: &Readiness, cx: &mut ThreadContext<'_>) {
        let outcome = match &self.state {
            State::Connecting(..) if ready.is_writable() || ready.is_error() => self.establish(cx),
            State::Established(_) => self.read(ready.is_read_closed() || ready.is_error(), cx),
            State::Connecting(..) | State::Backoff(..) => return,
        };
        match outcome {
            Ok(now) => self.send(now, cx),
            Err(error) => self.disconnect(error, Instant::now(), cx),
        }
    }

    /// Connects if it is time to, and gives up what has timed out.
    pub(super) fn on_tick(&mut self, now: Instant, cx: &mut ThreadContext<'_>) {
        let timeout = cx.plan.target.timeout();
        let outcome = match &self.state {
            State::Backoff(_, until) if now >= *until => self.connect(now, cx),
            State::Connecting(_, since) if now.saturating_duration_since(*since) > timeout => {
                Err(ConnectionError::Connect(ErrorKind::Timeout))
            }
            State::Established(_) => self.session.expire(now, cx.observer),
            State::Connecting(..) | State::Backoff(..) => Ok(()),
        };
        match outcome {
            Err(error) => self.disconnect(error, now, cx),
            Ok(()) if S::IS_DATAGRAM => self.send(now, cx),
            Ok(()) => {}
        }
    }

    /// Sends what may be sent.
    pub(super) fn send(&mut self, now: Instant, cx: &mut ThreadContext<'_>) {
        match &self.state {
            State::Established(_) if self.session.is_ready() => {}
            State::Backoff(why, _) if cx.plan.drop_late => {
                let why = why.clone();
                return self.abandon(&why, now, cx);
            }
            State::Established(_) | State::Connecting(..) | State::Backoff(..) => return,
        }
        let mut wanted = self.schedule.ready(self.session.in_flight());
        if !self.schedule.is_open() {
            // In an open loop the quota was used up when they became due.
            wanted = cx.quota.take_quota(wanted, now);
        }
        while wanted > 0 {
            wanted -= self.send_next(wanted, now, cx.plan);
        }
        if let Err(error) = self.write(cx) {
            // What the server said before it closed can still be read, and tells why.
            let error = self.read(true, cx).err().unwrap_or(error);
            self.disconnect(error, now, cx);
        }
    }

    /// Gives up what is due or in flight.
    pub(super) fn abandon(
        &mut self,
        why: &ConnectionError,
        now: Instant,
        cx: &mut ThreadContext<'_>,
    ) {
        for _ in 0..self.schedule.backlog() {
            self.send_next(1, now, cx.plan);
        }
        self.session.disconnect(why, now, cx.observer);
    }

    /// Sends the next messages, at most as many as are `wanted`, and returns how many. Sent late,
    /// they are timed from when they were due, unless the plan drops what is late.
    fn send_next(&mut self, wanted: u64, now: Instant, plan: &Plan) -> u64 {
        let mut batch = self.schedule.next_batch(wanted, now);
        if plan.drop_late {
            batch.since = now;
        }
        self.session.send(batch, now);
        batch.count
    }

    fn connect(&mut self, now: Instant, cx: &ThreadContext<'_>) -> Result<(), ConnectionError> {
        let address = &cx.plan.addresses[self.address % cx.plan.addresses.len()];
        let socket = begin_connect(&cx.plan.target, address)
            .map_err(|error| ConnectionError::Connect(error.kind))?;
        self.set_connecting(socket, now, &cx.registry).map_err(failed)
    }

    /// Uses `socket`, which is connected, and on which the server has welcomed us.
    pub(super) fn set_preconnected(
        &mut self,
        socket: Socket,
        now: Instant,
        registry: &Registry,
    ) -> io::Result<()> {
        self.is_preconnected = true;
        self.set_connecting(socket, now, registry)
    }

    /// Waits for `socket` to become writable, which it is once it is connected.
    fn set_connecting(
        &mut self,
        socket: Socket,
        now: Instant,
        registry: &Registry,
    ) -> io::Result<()> {
        let source = socket.as_raw_fd();
        registry.register(&mut SourceFd(&source), self.token, interest(true))?;
        self.state = State::Connecting(socket, now);
        Ok(())
    }

    /// Finishes what [`connect`](Self::connect) began.
    fn establish(&mut self, cx: &mut ThreadContext<'_>) -> Result<Instant, ConnectionError> {
        let now = Instant::now();
        let backoff = State::Backoff(ConnectionError::Connect(ErrorKind::Closed), now);
        if let State::Connecting(socket, _) = mem::replace(&mut self.state, backoff) {
            finish_connect(&socket).map_err(failed)?;
            self.reregister(&socket, false, cx).map_err(failed)?;
            self.state = State::Established(socket);
            self.is_blocked = false;
            self.session.start(cx.plan, now);
            if mem::take(&mut self.is_preconnected) {
                let mut welcome = Vec::new();
                cx.plan.target.framing.encode(WELCOME, &mut welcome);
                self.session.receive(&welcome, now, cx.observer)?;
            }
            if !S::IS_DATAGRAM {
                self.reached(now, cx);
            }
        }
        Ok(now)
    }

    /// Reports once a connection that the server is there.
    fn reached(&mut self, now: Instant, cx: &mut ThreadContext<'_>) {
        if !mem::replace(&mut self.is_reached, true) {
            cx.observer.on_event(Event::Reached, now);
        }
    }

    /// The connection was lost, or could not be opened.
    fn disconnect(&mut self, error: ConnectionError, now: Instant, cx: &mut ThreadContext<'_>) {
        // A server that was there may come back; one that was not may have another address.
        if !mem::take(&mut self.is_reached) {
            self.address += 1;
        }
        self.session.disconnect(&error, now, cx.observer);
        cx.observer.on_event(Event::Failed(&error), now);
        self.state = State::Backoff(error, now + RETRY_INTERVAL);
    }

    /// Takes what came, and returns when that was. If the stream `is_ending`, it reads up to that
    /// end.
    fn read(
        &mut self,
        is_ending: bool,
        cx: &mut ThreadContext<'_>,
    ) -> Result<Instant, ConnectionError> {
        let mut last = None;
        while let State::Established(socket) = &self.state {
            let length = match (&*socket).read(&mut cx.buffer) {
                Ok(0) if !S::IS_DATAGRAM => return Err(ConnectionError::Lost(ErrorKind::Closed)),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(lost(error)),
            };
            let now = *last.insert(Instant::now());
            cx.last_received = now;
            self.reached(now, cx);
            self.session.receive(&cx.buffer[..length], now, cx.observer)?;
            // A read that did not fill the buffer has emptied a stream, unless its end is behind
            // the data.
            if !S::IS_DATAGRAM && length < cx.buffer.len() && !is_ending {
                break;
            }
        }
        Ok(last.unwrap_or_else(Instant::now))
    }

    /// Writes what can be written without blocking.
    fn write(&mut self, cx: &ThreadContext<'_>) -> Result<(), ConnectionError> {
        let State::Established(socket) = &self.state else { return Ok(()) };
        let was_blocked = mem::take(&mut self.is_blocked);
        while let Some(bytes) = self.session.outgoing() {
            match socket.send(bytes) {
                Ok(length) => self.session.advance(length),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.is_blocked = true;
                    break;
                }
                Err(error) => return Err(lost(error)),
            }
        }
        if was_blocked != self.is_blocked {
            self.reregister(socket, self.is_blocked, cx).map_err(lost)?;
        }
        Ok(())
    }

    /// Registers `socket` for reading, and if `write`, for writing too. While nothing waits to be
    /// written that would only be a wakeup for each message that the server reads.
    fn reregister(&self, socket: &Socket, write: bool, cx: &ThreadContext<'_>) -> io::Result<()> {
        let source = socket.as_raw_fd();
        cx.registry.reregister(&mut SourceFd(&source), self.token, interest(write))
    }
}

fn interest(write: bool) -> Interest {
    if write { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE }
}

fn failed(error: io::Error) -> ConnectionError {
    ConnectionError::Connect(ErrorKind::from(&error))
}

fn lost(error: io::Error) -> ConnectionError {
    ConnectionError::Lost(ErrorKind::from(&error))
}
