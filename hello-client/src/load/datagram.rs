//! A socket of numbered datagrams.

use std::io::{Error, ErrorKind as IoErrorKind};
use std::time::Instant;

use mio::Token;
use mio::event::Event as Readiness;
use socket2::{SockAddr, Socket};

use super::engine::{LoadConnection, ThreadContext, receive, send};
use super::numbered::NumberedDatagrams;
use super::schedule::Schedule;
use super::{ConnectionError, Event, Observer, Plan};
use crate::error::ErrorKind;
use crate::net::{RETRY_INTERVAL, begin_connect};

/// See [`LoadConnection`].
#[derive(Debug)]
pub(super) struct DatagramSocket {
    token: Token,
    schedule: Schedule,
    datagrams: NumberedDatagrams,
    socket: Option<Socket>,
    /// Nothing is sent before then, because of this error.
    backoff: Option<(ConnectionError, Instant)>,
    is_blocked: bool,
    is_reached: bool,
    /// Which address it tries next.
    address: usize,
}

impl LoadConnection for DatagramSocket {
    fn new(number: usize, token: Token, plan: &Plan, _: Option<Socket>) -> Self {
        Self {
            token,
            schedule: plan.schedule(number),
            datagrams: NumberedDatagrams::new(plan.size, plan.target.timeout()),
            socket: None,
            backoff: None,
            is_blocked: false,
            is_reached: false,
            address: 0,
        }
    }

    fn schedule(&mut self) -> &mut Schedule {
        &mut self.schedule
    }

    fn in_flight(&self) -> u64 {
        self.datagrams.in_flight()
    }

    fn on_ready(&mut self, _: &Readiness, context: &mut ThreadContext<impl Observer>) {
        match self.read(context) {
            Ok(now) => self.send(now, context),
            Err(error) => self.disconnect(&error, Instant::now(), context),
        }
    }

    fn send(&mut self, now: Instant, context: &mut ThreadContext<impl Observer>) {
        if let Some((why, _)) = &self.backoff {
            if context.plan.drop_late {
                let why = why.clone();
                self.drop_backlog(&why, now, context);
            }
        } else if let Err(error) = self.write(now, context) {
            self.disconnect(&error, now, context);
        }
    }

    fn expire(&mut self, now: Instant, context: &mut ThreadContext<impl Observer>) {
        if self.in_flight() == 0
            && let Err(error) = self.read(context)
        {
            self.disconnect(&error, now, context);
        }
        self.datagrams.expire(now, &mut context.observer);
        self.backoff.take_if(|(_, until)| now >= *until);
        if self.backoff.is_none() && self.socket.is_none() {
            self.connect(now, context);
        }
        self.send(now, context);
    }

    fn abandon(&mut self, now: Instant, context: &mut ThreadContext<impl Observer>) {
        self.drop_backlog(&ConnectionError::Lost(ErrorKind::Timeout), now, context);
    }
}

impl DatagramSocket {
    fn connect(&mut self, now: Instant, context: &mut ThreadContext<impl Observer>) {
        let address = &context.plan.addresses[self.address % context.plan.addresses.len()];
        let connected = begin_connect(&context.plan.target, address).map_err(|error| error.kind);
        let registered = connected.and_then(|socket| {
            let registered = context.register(&socket, self.token, false);
            registered.map(|()| socket).map_err(|error| ErrorKind::from(&error))
        });
        match registered {
            Ok(socket) => self.socket = Some(socket),
            Err(kind) => self.enter_backoff(ConnectionError::Connect(kind), now, context),
        }
    }

    /// Takes what came, and returns when that was.
    fn read(&mut self, context: &mut ThreadContext<impl Observer>) -> Result<Instant, Error> {
        let mut now = None;
        let was_idle = self.in_flight() == 0;
        // Behind the last reply there can only be copies; they are read with the next one.
        while let Some(socket) = &self.socket
            && (was_idle || self.in_flight() > 0)
        {
            match receive(socket, &mut context.buffer) {
                Ok(length) => {
                    let received = Instant::now();
                    now = Some(received);
                    context.last_received = received;
                    if !self.is_reached {
                        self.is_reached = true;
                        context.observer.on_event(Event::Reached, received);
                    }
                    let reply = &context.buffer[..length];
                    self.datagrams.receive(reply, received, &mut context.observer);
                }
                Err(error) if error.kind() == IoErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(now.unwrap_or_else(Instant::now))
    }

    fn write<O>(&mut self, now: Instant, context: &mut ThreadContext<O>) -> Result<(), Error> {
        let Some(socket) = &self.socket else { return Ok(()) };
        let was_blocked = std::mem::take(&mut self.is_blocked);
        while self.schedule.ready(self.datagrams.in_flight()) > 0
            && (self.schedule.is_open() || !context.quota.is_exhausted(now))
        {
            match send(socket, self.datagrams.message()) {
                Ok(_) => {
                    context.take_quota(&self.schedule, 1, now);
                    self.datagrams.sent(context.next_batch(&mut self.schedule, 1, now).since);
                }
                Err(error) if error.kind() == IoErrorKind::WouldBlock => {
                    self.is_blocked = true;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        if was_blocked != self.is_blocked {
            context.reregister(socket, self.token, self.is_blocked)?;
        }
        Ok(())
    }

    /// The way to the server is lost: what is in flight will not be answered.
    fn disconnect(
        &mut self,
        error: &Error,
        now: Instant,
        context: &mut ThreadContext<impl Observer>,
    ) {
        // A Unix socket stays with the server it was connected to; another address may have one.
        if !self.is_reached || context.plan.addresses.iter().all(SockAddr::is_unix) {
            self.socket = None;
        }
        self.enter_backoff(ConnectionError::Lost(ErrorKind::from(error)), now, context);
    }

    fn enter_backoff(
        &mut self,
        error: ConnectionError,
        now: Instant,
        context: &mut ThreadContext<impl Observer>,
    ) {
        self.address += usize::from(!self.is_reached);
        self.datagrams.disconnect(&error, now, &mut context.observer);
        context.observer.on_event(Event::Failed(&error), now);
        self.backoff = Some((error, now + RETRY_INTERVAL));
    }

    /// What is due or in flight is lost.
    fn drop_backlog(
        &mut self,
        why: &ConnectionError,
        now: Instant,
        context: &mut ThreadContext<impl Observer>,
    ) {
        for _ in 0..self.schedule.backlog() {
            self.datagrams.sent(context.next_batch(&mut self.schedule, 1, now).since);
        }
        self.datagrams.disconnect(why, now, &mut context.observer);
    }
}
