//! A connection over a stream: opened, measured, and opened again when it was lost.

use std::io::{Error, ErrorKind as IoErrorKind};
use std::mem;
use std::sync::Arc;
use std::time::Instant;

use mio::Token;
use mio::event::Event as Readiness;
use socket2::Socket;

use super::engine::{LoadConnection, ThreadContext, receive, send};
use super::schedule::Schedule;
use super::session::Session;
use super::{ConnectionError, Event, Observer, Plan};
use crate::error::ErrorKind;
use crate::net::{RETRY_INTERVAL, begin_connect, finish_connect};

/// See [`LoadConnection`].
#[derive(Debug)]
pub(super) struct StreamConnection {
    token: Token,
    schedule: Schedule,
    state: State,
    /// A socket that was connected before the run.
    preconnected: Option<Socket>,
    /// Which address it tries next.
    address: usize,
}

#[derive(Debug)]
enum State {
    /// There is no connection because of this error, and no attempt to connect before then.
    Backoff(ConnectionError, Instant),
    /// It has been connecting since then.
    Connecting(Socket, Instant),
    Established(Box<Link>),
}

/// An open connection.
#[derive(Debug)]
struct Link {
    socket: Socket,
    session: Session,
    /// Some of what was to be written is left, and the socket is registered for writing.
    is_blocked: bool,
}

impl LoadConnection for StreamConnection {
    fn new(number: usize, token: Token, plan: &Plan, preconnected: Option<Socket>) -> Self {
        let state = State::Backoff(ConnectionError::Connect(ErrorKind::Closed), plan.start);
        Self { token, schedule: plan.schedule(number), state, preconnected, address: 0 }
    }

    fn schedule(&mut self) -> &mut Schedule {
        &mut self.schedule
    }

    fn in_flight(&self) -> u64 {
        if let State::Established(link) = &self.state { link.session.in_flight() } else { 0 }
    }

    fn on_ready(&mut self, readiness: &Readiness, context: &mut ThreadContext<impl Observer>) {
        let outcome = match &mut self.state {
            State::Connecting(..) if readiness.is_writable() || readiness.is_error() => {
                self.establish(context)
            }
            State::Established(link) => {
                link.read(readiness.is_read_closed() || readiness.is_error(), context)
            }
            State::Connecting(..) | State::Backoff(..) => return,
        };
        match outcome {
            Ok(now) => self.send(now, context),
            Err(error) => self.disconnect(error, Instant::now(), context),
        }
    }

    fn send(&mut self, now: Instant, context: &mut ThreadContext<impl Observer>) {
        match &mut self.state {
            State::Established(link) if link.session.is_welcomed() => {
                let ready = self.schedule.ready(link.session.in_flight());
                let mut wanted = context.take_quota(&self.schedule, ready, now);
                while wanted > 0 {
                    let batch = context.next_batch(&mut self.schedule, wanted, now);
                    wanted -= batch.count;
                    link.session.send(batch, now);
                }
                if let Err(lost) = link.write(self.token, context) {
                    // What the server said before it closed can still be read, and tells why.
                    let error = link.read(true, context).err().unwrap_or(lost);
                    self.disconnect(error, now, context);
                }
            }
            State::Backoff(why, _) if context.plan.drop_late => {
                let why = why.clone();
                self.drop_backlog(&why, now, context);
            }
            State::Established(_) | State::Connecting(..) | State::Backoff(..) => {}
        }
    }

    fn expire(&mut self, now: Instant, context: &mut ThreadContext<impl Observer>) {
        let timeout = context.plan.target.timeout();
        let timed_out = match &self.state {
            State::Backoff(_, until) if now >= *until => return self.connect(now, context),
            State::Connecting(_, since) if now.saturating_duration_since(*since) > timeout => {
                ConnectionError::Connect(ErrorKind::Timeout)
            }
            State::Established(link) if link.session.is_overdue(timeout, now) => {
                ConnectionError::Lost(ErrorKind::Timeout)
            }
            State::Established(_) | State::Connecting(..) | State::Backoff(..) => return,
        };
        self.disconnect(timed_out, now, context);
    }

    fn abandon(&mut self, now: Instant, context: &mut ThreadContext<impl Observer>) {
        let why = ConnectionError::Lost(ErrorKind::Timeout);
        if let State::Established(link) = &mut self.state {
            link.session.disconnect(&why, now, &mut context.observer);
        }
        self.drop_backlog(&why, now, context);
    }
}

impl StreamConnection {
    fn connect(&mut self, now: Instant, context: &mut ThreadContext<impl Observer>) {
        let address = &context.plan.addresses[self.address % context.plan.addresses.len()];
        let connecting = match self.preconnected.take() {
            Some(socket) => Ok(socket),
            None => begin_connect(&context.plan.target, address).map_err(|error| error.kind),
        };
        let registered = connecting.and_then(|socket| {
            let registered = context.register(&socket, self.token, true);
            registered.map(|()| socket).map_err(|error| ErrorKind::from(&error))
        });
        match registered {
            Ok(socket) => self.state = State::Connecting(socket, now),
            Err(kind) => self.disconnect(ConnectionError::Connect(kind), now, context),
        }
    }

    /// The connection was made, or could not be.
    fn establish(
        &mut self,
        context: &mut ThreadContext<impl Observer>,
    ) -> Result<Instant, ConnectionError> {
        let now = Instant::now();
        let address = &context.plan.addresses[self.address % context.plan.addresses.len()];
        let backoff = State::Backoff(ConnectionError::Connect(ErrorKind::Closed), now);
        let State::Connecting(socket, _) = mem::replace(&mut self.state, backoff) else {
            return Ok(now);
        };
        finish_connect(&socket, address)
            .and_then(|()| context.reregister(&socket, self.token, false))
            .map_err(|error| ConnectionError::Connect(ErrorKind::from(&error)))?;
        context.observer.on_event(Event::Reached, now);
        let pattern = Arc::clone(&context.plan.pattern);
        let session = Session::new(context.plan.target.framing, pattern, now);
        self.state = State::Established(Box::new(Link { socket, session, is_blocked: false }));
        Ok(now)
    }

    /// There is no connection any more.
    fn disconnect(
        &mut self,
        error: ConnectionError,
        now: Instant,
        context: &mut ThreadContext<impl Observer>,
    ) {
        match &mut self.state {
            State::Established(link) => {
                link.session.disconnect(&error, now, &mut context.observer);
            }
            State::Connecting(..) | State::Backoff(..) => self.address += 1,
        }
        context.observer.on_event(Event::Failed(&error), now);
        self.state = State::Backoff(error, now + RETRY_INTERVAL);
    }

    /// What is due is lost.
    fn drop_backlog(
        &mut self,
        why: &ConnectionError,
        now: Instant,
        context: &mut ThreadContext<impl Observer>,
    ) {
        for _ in 0..self.schedule.backlog() {
            let batch = context.next_batch(&mut self.schedule, 1, now);
            context.observer.on_event(Event::Lost(batch, why), now);
        }
    }
}

impl Link {
    /// Takes what came, and returns when that was. If the connection `is_ending`, it reads up to
    /// that end.
    fn read(
        &mut self,
        is_ending: bool,
        context: &mut ThreadContext<impl Observer>,
    ) -> Result<Instant, ConnectionError> {
        loop {
            match receive(&self.socket, &mut context.buffer) {
                Ok(0) => return Err(ConnectionError::Lost(ErrorKind::Closed)),
                Ok(length) => {
                    let now = Instant::now();
                    context.last_received = now;
                    self.session.receive(&context.buffer[..length], now, &mut context.observer)?;
                    // A read that did not fill the buffer has emptied the socket, unless there is
                    // an end behind the data.
                    if length < context.buffer.len() && !is_ending {
                        return Ok(now);
                    }
                }
                Err(error) if error.kind() == IoErrorKind::WouldBlock => return Ok(Instant::now()),
                Err(error) => return Err(lost(&error)),
            }
        }
    }

    /// Writes what can be written without blocking.
    fn write<O>(
        &mut self,
        token: Token,
        context: &ThreadContext<O>,
    ) -> Result<(), ConnectionError> {
        let was_blocked = mem::take(&mut self.is_blocked);
        loop {
            let outgoing = self.session.outgoing();
            if outgoing.is_empty() {
                break;
            }
            match send(&self.socket, outgoing) {
                Ok(length) => self.session.advance(length),
                Err(error) if error.kind() == IoErrorKind::WouldBlock => {
                    self.is_blocked = true;
                    break;
                }
                Err(error) => return Err(lost(&error)),
            }
        }
        if was_blocked != self.is_blocked {
            let registered = context.reregister(&self.socket, token, self.is_blocked);
            registered.map_err(|error| lost(&error))?;
        }
        Ok(())
    }
}

fn lost(error: &Error) -> ConnectionError {
    ConnectionError::Lost(ErrorKind::from(error))
}
