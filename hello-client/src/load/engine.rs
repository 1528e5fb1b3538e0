//! The loop of one thread.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use super::connection::{LoadConnection, Session};
use super::schedule::Quota;
use super::{ConnectionError, Observer, Partition, Plan};
use crate::error::ErrorKind;

/// How often the engine looks for what has timed out, and for a stop.
const TICK: Duration = Duration::from_millis(10);

/// Room for the largest datagram, and for the replies of a long pipeline.
const READ_BUFFER: usize = 256 * 1024;

/// The token of the timer; connections are numbered from 0.
const TIMER: Token = Token(usize::MAX - 1);

/// What the connections of one thread share.
pub(super) struct ThreadContext<'a> {
    pub(super) plan: &'a Plan,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) quota: Quota,
    pub(super) buffer: Vec<u8>,
    pub(super) last_received: Instant,
    pub(super) registry: Registry,
}

/// Runs one thread's connections.
pub(super) struct Engine<'a, S> {
    poll: Poll,
    /// Wakes the poll when a message is due, to the microsecond; a poll's own timeout is in
    /// milliseconds.
    timer: OwnedFd,
    events: Events,
    connections: Vec<LoadConnection<S>>,
    context: ThreadContext<'a>,
    /// How many messages became due; the connections take turns.
    scheduled: usize,
    next_tick: Instant,
    /// Whether all messages had been answered or given up at the last tick.
    drained: bool,
    /// When what could not be sent is given up.
    deadline: Option<Instant>,
}

impl<'a, S: Session> Engine<'a, S> {
    pub(super) fn new(
        plan: &'a Plan,
        partition: Partition,
        observer: &'a mut dyn Observer,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let source = timer.as_raw_fd();
        poll.registry().register(&mut SourceFd(&source), TIMER, Interest::READABLE)?;
        let numbers = plan.connections_of(&partition).enumerate();
        let mut connections: Vec<_> = numbers
            .map(|(index, number)| LoadConnection::new(number, Token(index), plan))
            .collect();
        let quota = plan.quota(&partition);
        if let (Some(socket), Some(first)) = (partition.preconnected, connections.first_mut()) {
            first.set_preconnected(socket, plan.start, poll.registry())?;
        }
        Ok(Self {
            timer,
            events: Events::with_capacity(1024),
            connections,
            context: ThreadContext {
                plan,
                observer,
                quota,
                buffer: vec![0; READ_BUFFER],
                last_received: plan.start,
                registry: poll.registry().try_clone()?,
            },
            poll,
            scheduled: 0,
            next_tick: plan.start,
            drained: false,
            deadline: None,
        })
    }

    /// Runs to the end of the plan or until `stop`.
    ///
    /// # Errors
    ///
    /// Those of poll(2).
    pub(super) fn run(mut self, stop: &AtomicBool) -> io::Result<()> {
        loop {
            let now = Instant::now();
            if now >= self.next_tick {
                self.tick(now);
                if stop.load(Ordering::Relaxed) || self.is_over(now) {
                    return Ok(());
                }
                self.next_tick = now + TICK;
            }
            let next_due = self.send_due(now);
            self.wait(now, next_due)?;
        }
    }

    fn tick(&mut self, now: Instant) {
        for connection in &mut self.connections {
            connection.on_tick(now, &mut self.context);
        }
        self.context.observer.on_tick(now);
    }

    /// Whether all messages have left, and were answered or given up.
    fn is_over(&mut self, now: Instant) -> bool {
        let plan = self.context.plan;
        let timeout = plan.target.timeout();
        let silence = now.saturating_duration_since(self.context.last_received);
        let can_stall = plan.end.is_none() && !plan.drop_late;
        if can_stall && silence > Plan::STALL_TIMEOUT.max(timeout.saturating_mul(2)) {
            self.deadline = Some(now);
        }
        if self.context.quota.is_exhausted(now) {
            if self.connections.iter().all(LoadConnection::is_idle) {
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

    /// Waits for the connections, at most until the next message is due, and reads and writes what
    /// can be.
    fn wait(&mut self, now: Instant, next_due: Option<Instant>) -> io::Result<()> {
        let timeout = self.next_tick.saturating_duration_since(now);
        if let Some(remaining) = next_due.map(|due| due.saturating_duration_since(now))
            && remaining < timeout
        {
            let once = Itimerspec {
                it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
                it_value: Timespec::try_from(remaining).map_err(io::Error::other)?,
            };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
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
