//! The loop of one thread.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use socket2::Socket;

use super::connection::{Connection, Session};
use super::schedule::{Quota, Schedule};
use super::{Batch, ConnectionError, Observer, Partition, Plan};
use crate::error::ErrorKind;

/// How often the engine looks for what has timed out, and for a stop.
const TICK: Duration = Duration::from_millis(10);

/// What the connections of one thread share.
#[derive(Debug)]
pub(super) struct ThreadContext<O> {
    pub(super) plan: Arc<Plan>,
    pub(super) quota: Quota,
    pub(super) observer: O,
    pub(super) buffer: Vec<u8>,
    pub(super) last_received: Instant,
    registry: Registry,
}

impl<O> ThreadContext<O> {
    /// Room for the largest datagram, and for the replies of a long pipeline.
    const BUFFER: usize = 256 * 1024;

    /// Uses up the quota for messages of a connection that are ready to be sent, and returns how
    /// many of them may be. In an open loop it was used up when they became due.
    pub(super) fn take_quota(&mut self, schedule: &Schedule, ready: u64, now: Instant) -> u64 {
        if schedule.is_open() || ready == 0 { ready } else { self.quota.take_quota(ready, now) }
    }

    /// The next messages of a connection, at most as many as are `wanted`; sent late, they are
    /// timed from when they were due, unless the plan drops what is late.
    pub(super) fn next_batch(&self, schedule: &mut Schedule, wanted: u64, now: Instant) -> Batch {
        let batch = schedule.next_batch(wanted, now);
        if self.plan.drop_late { Batch { since: now, ..batch } } else { batch }
    }

    /// Asks to be told when `socket` can be read or written.
    pub(super) fn register(&self, socket: &Socket, token: Token) -> io::Result<()> {
        self.registry.register(&mut SourceFd(&socket.as_raw_fd()), token, interest(true))
    }

    /// Asks to be told when `socket` can be written, or not to. While nothing waits to be written
    /// that would only be a wakeup for each message the server read.
    pub(super) fn reregister(&self, socket: &Socket, token: Token, write: bool) -> io::Result<()> {
        self.registry.reregister(&mut SourceFd(&socket.as_raw_fd()), token, interest(write))
    }
}

fn interest(write: bool) -> Interest {
    if write { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE }
}

/// Runs one thread's connections.
#[derive(Debug)]
pub(super) struct Engine<S, O> {
    poll: Poll,
    timer: Timer,
    events: Events,
    connections: Vec<Connection<S>>,
    context: ThreadContext<O>,
    /// How many messages became due; the connections take turns.
    scheduled: usize,
    now: Instant,
    next_tick: Instant,
    /// At the last tick all messages had been answered or given up.
    drained: bool,
    /// When what has not left by then is given up.
    deadline: Option<Instant>,
}

impl<S: Session, O: Observer> Engine<S, O> {
    pub(super) fn new(
        plan: Arc<Plan>,
        partition: Partition,
        mut preconnected: Option<Socket>,
        observer: O,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let numbers = plan.connections_of(partition).enumerate();
        let connections = numbers
            .map(|(index, number)| {
                Connection::new(number, Token(index), &plan, preconnected.take())
            })
            .collect();
        Ok(Self {
            timer: Timer::new(poll.registry())?,
            events: Events::with_capacity(1024),
            connections,
            scheduled: 0,
            now: Instant::now(),
            next_tick: plan.start,
            drained: false,
            deadline: None,
            context: ThreadContext {
                quota: plan.quota(partition),
                observer,
                buffer: vec![0; ThreadContext::<O>::BUFFER],
                last_received: plan.start,
                registry: poll.registry().try_clone()?,
                plan,
            },
            poll,
        })
    }

    /// Runs to the end of the plan or until `stop`, and returns the observer.
    ///
    /// # Errors
    ///
    /// Those of poll(2).
    pub(super) fn run(mut self, stop: &AtomicBool) -> io::Result<O> {
        // Connections are opened before anything is due on them.
        self.tick(self.now);
        while self.poll_once(stop)? {}
        Ok(self.context.observer)
    }

    /// Waits for something to do, and does it. Returns false at the end of the run.
    fn poll_once(&mut self, stop: &AtomicBool) -> io::Result<bool> {
        let now = self.now;
        let next_due = self.send_due(now);
        if now >= self.next_tick {
            self.tick(now);
            if stop.load(Ordering::Relaxed) || self.is_over(now) {
                return Ok(false);
            }
            self.next_tick = now + TICK;
        }
        let last_received = self.context.last_received;
        self.wait(now, next_due)?;
        // The time of a reply is precise enough where no message is due by the clock.
        let is_timed = self.context.last_received != last_received && next_due.is_none();
        self.now = if is_timed { self.context.last_received } else { Instant::now() };
        Ok(true)
    }

    /// Sends what has become due, all of it on one connection together, and returns when the next
    /// message is.
    fn send_due(&mut self, now: Instant) -> Option<Instant> {
        let count = self.connections.len();
        let first = self.scheduled;
        let next_due = loop {
            let schedule = &mut self.connections[self.scheduled % count].schedule;
            let due = schedule.next_due()?;
            if due > now {
                break Some(due);
            }
            if self.context.quota.take_quota(1, due) == 0 {
                break None;
            }
            schedule.mark_due();
            self.scheduled += 1;
        };
        for turn in first..self.scheduled.min(first + count) {
            self.connections[turn % count].send(now, &mut self.context);
        }
        next_due
    }

    fn tick(&mut self, now: Instant) {
        for connection in &mut self.connections {
            connection.on_tick(now, &mut self.context);
        }
        self.context.observer.on_tick(now);
    }

    /// Whether all messages have left, and were answered or given up.
    fn is_over(&mut self, now: Instant) -> bool {
        let plan = &self.context.plan;
        let timeout = plan.target.timeout();
        let silence = now.saturating_duration_since(self.context.last_received);
        let can_stall = plan.end.is_none() && !plan.drop_late;
        if can_stall && silence > Plan::STALL_TIMEOUT.max(timeout.saturating_mul(2)) {
            self.deadline = Some(now);
        }
        if self.context.quota.is_exhausted(now) {
            if self.connections.iter().all(Connection::is_idle) {
                // Copies of the last replies may be on their way: until the next tick.
                return mem::replace(&mut self.drained, true);
            }
            // What is in flight times out by itself before; this is for what could not leave.
            self.deadline.get_or_insert(now + timeout + 2 * TICK);
        }
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return false;
        }
        let why = ConnectionError::Lost(ErrorKind::Timeout);
        for connection in &mut self.connections {
            connection.abandon(&why, now, &mut self.context);
        }
        true
    }

    /// Waits for the connections, and reads and writes what can be.
    fn wait(&mut self, now: Instant, next_due: Option<Instant>) -> io::Result<()> {
        let timeout = self.next_tick.saturating_duration_since(now);
        if let Some(due) = next_due {
            let remaining = due.saturating_duration_since(now);
            if remaining < timeout {
                self.timer.set(due, remaining)?;
            }
        }
        if let Err(error) = self.poll.poll(&mut self.events, Some(timeout))
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error);
        }
        for readiness in &self.events {
            if let Some(connection) = self.connections.get_mut(readiness.token().0) {
                connection.on_ready(readiness, &mut self.context);
            }
        }
        Ok(())
    }
}

/// A clock that wakes a poll to the microsecond, where a poll's own timeout knows milliseconds.
#[derive(Debug)]
struct Timer {
    clock: OwnedFd,
    set_for: Option<Instant>,
}

impl Timer {
    /// A timer that wakes with a token that no connection has.
    fn new(registry: &Registry) -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let clock = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let token = Token(usize::MAX - 1);
        registry.register(&mut SourceFd(&clock.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self { clock, set_for: None })
    }

    /// Wakes the poll at that moment, after `remaining`, which is not zero.
    fn set(&mut self, at: Instant, remaining: Duration) -> io::Result<()> {
        if self.set_for.replace(at) == Some(at) {
            return Ok(());
        }
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        let it_value = Timespec::try_from(remaining).map_err(io::Error::other)?;
        let once = Itimerspec { it_interval, it_value };
        timerfd_settime(&self.clock, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }
}
