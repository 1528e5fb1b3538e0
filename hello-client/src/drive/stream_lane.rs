//! A connection over a stream: opened, measured, and opened again when it was cut off.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::Token;
use mio::event::Event as Readiness;
use socket2::Socket;

use super::lane::Lane;
use super::stream_link::Up;
use super::{Io, Plan};
use crate::failure::Kind;
use crate::measure::{Event, Listener, Problem, Schedule, Session};
use crate::transport::{begin_connect, finish_connect};

/// How long a server that cut us off is left alone.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// See [`Lane`].
#[derive(Debug)]
pub(crate) struct StreamLane {
    token: Token,
    schedule: Schedule,
    link: Link,
    /// A connection that was made before the run.
    given: Option<Socket>,
    /// Which address it tries next.
    address: usize,
}

#[derive(Debug)]
enum Link {
    /// There is no connection, because of this, and will be none before then.
    Down(Problem, Instant),
    /// One is being made since then.
    Opening(Socket, Instant),
    /// There is one.
    Up(Up),
}

impl Lane for StreamLane {
    fn new(number: u64, token: Token, plan: &Plan, socket: Option<Socket>) -> Self {
        let link = Link::Down(Problem::Connect(Kind::Closed), plan.start);
        Self { token, schedule: plan.schedule(number), link, given: socket, address: 0 }
    }

    fn schedule(&mut self) -> &mut Schedule {
        &mut self.schedule
    }

    fn in_flight(&self) -> u64 {
        if let Link::Up(up) = &self.link { up.session.owed() } else { 0 }
    }

    fn ready(&mut self, readiness: &Readiness, io: &mut Io<impl Listener>) {
        let outcome = match &mut self.link {
            Link::Opening(..) if readiness.is_writable() || readiness.is_error() => self.opened(io),
            Link::Up(up) => {
                let is_ending = readiness.is_read_closed() || readiness.is_error();
                up.read(false, is_ending, io)
            }
            Link::Opening(..) | Link::Down(..) => return,
        };
        self.go_on(outcome, io);
    }

    fn wait(&mut self, io: &mut Io<impl Listener>) -> bool {
        let Link::Up(up) = &mut self.link else { return false };
        let outcome = up.read(true, false, io);
        self.go_on(outcome, io);
        true
    }

    fn send(&mut self, now: Instant, io: &mut Io<impl Listener>) {
        match &mut self.link {
            Link::Up(up) if up.session.is_welcomed() => {
                let ready = self.schedule.ready(up.session.owed());
                let mut wanted = io.granted(&self.schedule, ready, now);
                while wanted > 0 {
                    let batch = io.take(&mut self.schedule, wanted, now);
                    wanted -= batch.count;
                    up.session.say(batch, now);
                }
                if let Err(cut) = up.write(self.token, io) {
                    // What the server said before it closed is still there, and tells why.
                    let problem = up.read(false, true, io).err().unwrap_or(cut);
                    self.down(problem, now, io);
                }
            }
            Link::Down(why, _) if io.plan.is_punctual => {
                let why = why.clone();
                self.skip(&why, now, io);
            }
            Link::Up(_) | Link::Opening(..) | Link::Down(..) => {}
        }
    }

    fn sweep(&mut self, now: Instant, io: &mut Io<impl Listener>) {
        let timeout = io.plan.target.timeout;
        match &mut self.link {
            Link::Down(_, until) if now >= *until => self.open(now, io),
            Link::Opening(_, since) if now.saturating_duration_since(*since) > timeout => {
                self.down(Problem::Connect(Kind::Timeout), now, io);
            }
            Link::Up(up) if up.session.is_overdue(timeout, now) => {
                self.down(Problem::Cut(Kind::Timeout), now, io);
            }
            Link::Up(_) | Link::Opening(..) | Link::Down(..) => {}
        }
    }

    fn give_up(&mut self, now: Instant, io: &mut Io<impl Listener>) {
        let why = Problem::Cut(Kind::Timeout);
        if let Link::Up(up) = &mut self.link {
            up.session.cut(&why, now, &mut io.listener);
        }
        self.skip(&why, now, io);
    }
}

impl StreamLane {
    fn go_on(&mut self, outcome: Result<Instant, Problem>, io: &mut Io<impl Listener>) {
        match outcome {
            Ok(now) => self.send(now, io),
            Err(problem) => self.down(problem, Instant::now(), io),
        }
    }

    fn open(&mut self, now: Instant, io: &mut Io<impl Listener>) {
        let address = &io.plan.addresses[self.address % io.plan.addresses.len()];
        let opening = match self.given.take() {
            Some(socket) => Ok(socket),
            None => begin_connect(&io.plan.target, address).map_err(|failure| failure.kind),
        };
        let registered = opening.and_then(|socket| {
            io.register(&socket, self.token, true).map_err(|error| Kind::from(&error))?;
            Ok(socket)
        });
        match registered {
            Ok(socket) => self.link = Link::Opening(socket, now),
            Err(kind) => self.down(Problem::Connect(kind), now, io),
        }
    }

    /// The connection was made, or could not be.
    fn opened(&mut self, io: &mut Io<impl Listener>) -> Result<Instant, Problem> {
        let now = Instant::now();
        let address = &io.plan.addresses[self.address % io.plan.addresses.len()];
        let down = Link::Down(Problem::Connect(Kind::Closed), now);
        let Link::Opening(socket, _) = mem::replace(&mut self.link, down) else {
            return Ok(now);
        };
        finish_connect(&socket, address)
            .and_then(|()| io.watch(&socket, self.token, false))
            .and_then(|()| io.let_wait(&socket))
            .map_err(|error| Problem::Connect(Kind::from(&error)))?;
        io.listener.hear(Event::Reached, now);
        let session = Session::new(Arc::clone(&io.plan.tape), now);
        self.link = Link::Up(Up::new(socket, session));
        Ok(now)
    }

    /// There is no connection any more.
    fn down(&mut self, problem: Problem, now: Instant, io: &mut Io<impl Listener>) {
        match &mut self.link {
            Link::Up(up) => up.session.cut(&problem, now, &mut io.listener),
            Link::Opening(..) | Link::Down(..) => self.address += 1,
        }
        io.listener.hear(Event::Failed(&problem), now);
        self.link = Link::Down(problem, now + PAUSE);
    }

    /// What is due is lost.
    fn skip(&mut self, why: &Problem, now: Instant, io: &mut Io<impl Listener>) {
        for _ in 0..self.schedule.backlog() {
            let batch = io.take(&mut self.schedule, 1, now);
            io.listener.hear(Event::Lost(batch, why), now);
        }
    }
}
