//! A connection of datagrams.

use std::io::{Error, ErrorKind};
use std::time::Instant;

use mio::Token;
use mio::event::Event as Readiness;
use socket2::Socket;

use super::io::{receive, send};
use super::lane::Lane;
use super::stream_lane::PAUSE;
use super::{Io, Plan};
use crate::failure::Kind;
use crate::measure::{Datagrams, Event, Listener, Problem, Schedule};
use crate::transport::begin_connect;

/// See [`Lane`].
#[derive(Debug)]
pub(crate) struct DatagramLane {
    token: Token,
    schedule: Schedule,
    datagrams: Datagrams,
    socket: Option<Socket>,
    /// Nothing is sent before then, for this reason.
    down: Option<(Problem, Instant)>,
    is_blocked: bool,
    is_reached: bool,
    /// Which address it tries next.
    address: usize,
}

impl Lane for DatagramLane {
    fn new(number: u64, token: Token, plan: &Plan, _: Option<Socket>) -> Self {
        Self {
            token,
            schedule: plan.schedule(number),
            datagrams: Datagrams::new(plan.size, plan.target.timeout),
            socket: None,
            down: None,
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

    fn ready(&mut self, _: &Readiness, io: &mut Io<impl Listener>) {
        let outcome = self.read(false, io);
        self.go_on(outcome, io);
    }

    fn wait(&mut self, io: &mut Io<impl Listener>) -> bool {
        let is_open = self.socket.is_some();
        if is_open {
            let outcome = self.read(true, io);
            self.go_on(outcome, io);
        }
        is_open
    }

    fn send(&mut self, now: Instant, io: &mut Io<impl Listener>) {
        if let Some((why, _)) = self.down.clone() {
            if io.plan.is_punctual {
                self.skip(&why, now, io);
            }
            return;
        }
        if let Err(error) = self.write(now, io) {
            self.failed(&error, now, io);
        }
    }

    fn sweep(&mut self, now: Instant, io: &mut Io<impl Listener>) {
        if self.in_flight() == 0
            && let Err(error) = self.read(false, io)
        {
            self.failed(&error, now, io);
        }
        self.datagrams.expire(now, &mut io.listener);
        if self.down.as_ref().is_some_and(|(_, until)| now >= *until) {
            self.down = None;
        }
        if self.down.is_none() && self.socket.is_none() {
            self.open(now, io);
        }
        self.send(now, io);
    }

    fn give_up(&mut self, now: Instant, io: &mut Io<impl Listener>) {
        self.skip(&Problem::Cut(Kind::Timeout), now, io);
    }
}

impl DatagramLane {
    fn go_on(&mut self, outcome: Result<Instant, Error>, io: &mut Io<impl Listener>) {
        match outcome {
            Ok(now) => self.send(now, io),
            Err(error) => self.failed(&error, Instant::now(), io),
        }
    }

    fn open(&mut self, now: Instant, io: &mut Io<impl Listener>) {
        let address = &io.plan.addresses[self.address % io.plan.addresses.len()];
        let opened = begin_connect(&io.plan.target, address).map_err(|failure| failure.kind);
        let registered = opened.and_then(|socket| {
            let registered = io.register(&socket, self.token, false);
            let waiting = registered.and_then(|()| io.let_wait(&socket));
            waiting.map(|()| socket).map_err(|error| Kind::from(&error))
        });
        match registered {
            Ok(socket) => self.socket = Some(socket),
            Err(kind) => self.rest(Problem::Connect(kind), now, io),
        }
    }

    /// Takes what came, or waits for it; returns when that was.
    fn read(&mut self, is_patient: bool, io: &mut Io<impl Listener>) -> Result<Instant, Error> {
        let mut now = None;
        let was_idle = self.in_flight() == 0;
        // Behind the last reply only copies can be left; they are read with the next one.
        while let Some(socket) = self.socket.as_ref()
            && (was_idle || self.in_flight() > 0)
        {
            match receive(socket, &mut io.buffer, is_patient && now.is_none()) {
                Ok(length) => {
                    let received = Instant::now();
                    now = Some(received);
                    io.heard = received;
                    if !self.is_reached {
                        self.is_reached = true;
                        io.listener.hear(Event::Reached, received);
                    }
                    self.datagrams.receive(&io.buffer[..length], received, &mut io.listener);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(now.unwrap_or_else(Instant::now))
    }

    fn write(&mut self, now: Instant, io: &mut Io<impl Listener>) -> Result<(), Error> {
        let Some(socket) = self.socket.as_ref() else { return Ok(()) };
        let was_blocked = std::mem::take(&mut self.is_blocked);
        while self.schedule.ready(self.datagrams.in_flight()) > 0
            && (self.schedule.is_open() || !io.allowance.is_used_up(now))
        {
            match send(socket, self.datagrams.message()) {
                Ok(_) => {
                    io.granted(&self.schedule, 1, now);
                    self.datagrams.sent(io.take(&mut self.schedule, 1, now).since);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.is_blocked = true;
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if was_blocked != self.is_blocked {
            io.watch(socket, self.token, self.is_blocked)?;
        }
        Ok(())
    }

    /// The way to the server is cut: what is in flight will not be answered.
    fn failed(&mut self, error: &Error, now: Instant, io: &mut Io<impl Listener>) {
        let is_unix = io.plan.addresses.iter().all(socket2::SockAddr::is_unix);
        // A Unix socket stays with the server it knew; another address may have one.
        if is_unix || !self.is_reached {
            self.socket = None;
        }
        self.rest(Problem::Cut(Kind::from(error)), now, io);
    }

    fn rest(&mut self, problem: Problem, now: Instant, io: &mut Io<impl Listener>) {
        self.address += usize::from(!self.is_reached);
        self.datagrams.cut(&problem, now, &mut io.listener);
        io.listener.hear(Event::Failed(&problem), now);
        self.down = Some((problem, now + PAUSE));
    }

    /// What is due or in flight is lost.
    fn skip(&mut self, why: &Problem, now: Instant, io: &mut Io<impl Listener>) {
        for _ in 0..self.schedule.backlog() {
            self.datagrams.sent(io.take(&mut self.schedule, 1, now).since);
        }
        self.datagrams.cut(why, now, &mut io.listener);
    }
}
