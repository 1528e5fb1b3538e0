//! One connection of a run: opened, measured, and opened again when it was lost.

use std::io;
use std::mem;
use std::time::Instant;

use mio::Token;
use mio::event::Event as Readiness;
use rustix::io::retry_on_intr;
use rustix::net::{self, RecvFlags, SendFlags};
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
    fn start(&mut self, now: Instant);

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
        observer: &mut impl Observer,
    ) -> Result<(), ConnectionError>;

    /// Gives up what has timed out.
    ///
    /// # Errors
    ///
    /// The session has, as a whole.
    fn expire(&mut self, now: Instant, observer: &mut impl Observer)
    -> Result<(), ConnectionError>;

    /// Nothing in flight will be answered.
    fn disconnect(&mut self, why: &ConnectionError, now: Instant, observer: &mut impl Observer);
}

/// A session, its schedule, and the socket that carries it.
#[derive(Debug)]
pub(super) struct Connection<S> {
    pub(super) schedule: Schedule,
    session: S,
    state: State,
    token: Token,
    /// A socket that was connected before the run.
    preconnected: Option<Socket>,
    /// Which address it tries next.
    address: usize,
    is_reached: bool,
    /// Some of what was to be written is left, and the socket is registered for writing.
    is_blocked: bool,
}

#[derive(Debug)]
enum State {
    /// There is no connection because of this error, and no attempt to connect before then.
    Backoff(ConnectionError, Instant),
    /// It has been connecting since then.
    Connecting(Socket, Instant),
    Established(Socket),
}

impl<S: Session> Connection<S> {
    /// The connection with this number, on `preconnected` if there is a socket already.
    pub(super) fn new(
        number: usize,
        token: Token,
        plan: &Plan,
        preconnected: Option<Socket>,
    ) -> Self {
        Self {
            schedule: plan.schedule(number),
            session: S::new(plan),
            state: State::Backoff(ConnectionError::Connect(ErrorKind::Closed), plan.start),
            token,
            preconnected,
            address: 0,
            is_reached: false,
            is_blocked: false,
        }
    }

    /// Whether nothing is due or in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.session.in_flight() + self.schedule.backlog() == 0
    }

    /// Connects, reads and writes what can be.
    pub(super) fn on_ready<O: Observer>(&mut self, ready: &Readiness, cx: &mut ThreadContext<O>) {
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
    pub(super) fn on_tick<O: Observer>(&mut self, now: Instant, cx: &mut ThreadContext<O>) {
        let timeout = cx.plan.target.timeout();
        let outcome = match &self.state {
            State::Backoff(_, until) if now >= *until => self.connect(now, cx),
            State::Connecting(_, since) if now.saturating_duration_since(*since) > timeout => {
                Err(ConnectionError::Connect(ErrorKind::Timeout))
            }
            State::Established(_) => {
                // A copy of the last reply may have been left unread.
                let read = S::IS_DATAGRAM && self.session.in_flight() == 0;
                let read = if read { self.read(false, cx).map(drop) } else { Ok(()) };
                read.and_then(|()| self.session.expire(now, &mut cx.observer))
            }
            State::Connecting(..) | State::Backoff(..) => Ok(()),
        };
        match outcome {
            Err(error) => self.disconnect(error, now, cx),
            Ok(()) if S::IS_DATAGRAM => self.send(now, cx),
            Ok(()) => {}
        }
    }

    /// Sends what may be sent.
    pub(super) fn send<O: Observer>(&mut self, now: Instant, cx: &mut ThreadContext<O>) {
        match &self.state {
            State::Established(_) if self.session.is_ready() => {}
            State::Backoff(why, _) if cx.plan.drop_late => {
                let why = why.clone();
                return self.abandon(&why, now, cx);
            }
            State::Established(_) | State::Connecting(..) | State::Backoff(..) => return,
        }
        let ready = self.schedule.ready(self.session.in_flight());
        let mut wanted = cx.take_quota(&self.schedule, ready, now);
        while wanted > 0 {
            let batch = cx.next_batch(&mut self.schedule, wanted, now);
            wanted -= batch.count;
            self.session.send(batch, now);
        }
        if let Err(error) = self.write(cx) {
            // What the server said before it closed can still be read, and tells why.
            let error = self.read(true, cx).err().unwrap_or(error);
            self.disconnect(error, now, cx);
        }
    }

    /// Gives up what is due or in flight.
    pub(super) fn abandon<O: Observer>(
        &mut self,
        why: &ConnectionError,
        now: Instant,
        cx: &mut ThreadContext<O>,
    ) {
        for _ in 0..self.schedule.backlog() {
            self.session.send(cx.next_batch(&mut self.schedule, 1, now), now);
        }
        self.session.disconnect(why, now, &mut cx.observer);
    }

    fn connect<O>(&mut self, now: Instant, cx: &ThreadContext<O>) -> Result<(), ConnectionError> {
        let address = &cx.plan.addresses[self.address % cx.plan.addresses.len()];
        let socket = match self.preconnected.take() {
            Some(socket) => socket,
            None => begin_connect(&cx.plan.target, address)
                .map_err(|error| ConnectionError::Connect(error.kind))?,
        };
        cx.register(&socket, self.token).map_err(|error| failed(&error))?;
        self.state = State::Connecting(socket, now);
        Ok(())
    }

    /// The connection was made, or could not be.
    fn establish<O: Observer>(
        &mut self,
        cx: &mut ThreadContext<O>,
    ) -> Result<Instant, ConnectionError> {
        let now = Instant::now();
        let address = &cx.plan.addresses[self.address % cx.plan.addresses.len()];
        let backoff = State::Backoff(ConnectionError::Connect(ErrorKind::Closed), now);
        if let State::Connecting(socket, _) = mem::replace(&mut self.state, backoff) {
            finish_connect(&socket, address)
                .and_then(|()| cx.reregister(&socket, self.token, false))
                .map_err(|error| failed(&error))?;
            self.state = State::Established(socket);
            self.is_blocked = false;
            self.session.start(now);
            if !S::IS_DATAGRAM {
                self.reached(now, cx);
            }
        }
        Ok(now)
    }

    /// The server is there.
    fn reached<O: Observer>(&mut self, now: Instant, cx: &mut ThreadContext<O>) {
        if !mem::replace(&mut self.is_reached, true) {
            cx.observer.on_event(Event::Reached, now);
        }
    }

    /// There is no connection any more.
    fn disconnect<O: Observer>(
        &mut self,
        error: ConnectionError,
        now: Instant,
        cx: &mut ThreadContext<O>,
    ) {
        // A server that was there may come back; one that was not may have another address.
        if !mem::take(&mut self.is_reached) {
            self.address += 1;
        }
        self.session.disconnect(&error, now, &mut cx.observer);
        cx.observer.on_event(Event::Failed(&error), now);
        self.state = State::Backoff(error, now + RETRY_INTERVAL);
    }

    /// Takes what came, and returns when that was. If the stream `is_ending`, it reads up to that
    /// end.
    fn read<O: Observer>(
        &mut self,
        is_ending: bool,
        cx: &mut ThreadContext<O>,
    ) -> Result<Instant, ConnectionError> {
        let was_idle = self.session.in_flight() == 0;
        let mut last = None;
        while let State::Established(socket) = &self.state {
            let received =
                retry_on_intr(|| net::recv(socket, &mut *cx.buffer, RecvFlags::DONTWAIT));
            let length = match received.map_err(io::Error::from) {
                Ok((0, _)) if !S::IS_DATAGRAM => {
                    return Err(ConnectionError::Lost(ErrorKind::Closed));
                }
                Ok((length, _)) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(lost(&error)),
            };
            let now = *last.insert(Instant::now());
            cx.last_received = now;
            self.reached(now, cx);
            self.session.receive(&cx.buffer[..length], now, &mut cx.observer)?;
            // A read that did not fill the buffer has emptied a stream, unless there is an end
            // behind the data. Behind the last datagram there can only be copies.
            let is_drained = match S::IS_DATAGRAM {
                true => !was_idle && self.session.in_flight() == 0,
                false => length < cx.buffer.len() && !is_ending,
            };
            if is_drained {
                break;
            }
        }
        Ok(last.unwrap_or_else(Instant::now))
    }

    /// Writes what can be written without blocking.
    fn write<O>(&mut self, cx: &ThreadContext<O>) -> Result<(), ConnectionError> {
        let State::Established(socket) = &self.state else { return Ok(()) };
        let was_blocked = mem::take(&mut self.is_blocked);
        while let Some(bytes) = self.session.outgoing() {
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            match retry_on_intr(|| net::send(socket, bytes, flags)).map_err(io::Error::from) {
                Ok(length) => self.session.advance(length),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.is_blocked = true;
                    break;
                }
                Err(error) => return Err(lost(&error)),
            }
        }
        if was_blocked != self.is_blocked {
            let registered = cx.reregister(socket, self.token, self.is_blocked);
            registered.map_err(|error| lost(&error))?;
        }
        Ok(())
    }
}

fn failed(error: &io::Error) -> ConnectionError {
    ConnectionError::Connect(ErrorKind::from(error))
}

fn lost(error: &io::Error) -> ConnectionError {
    ConnectionError::Lost(ErrorKind::from(error))
}
