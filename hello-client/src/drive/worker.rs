//! The loop of one thread.

use std::io;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use socket2::Socket;

use super::lane::Lane;
use super::timer::Timer;
use super::{Io, Plan, Share};
use crate::measure::Listener;

/// How often it looks for what is overdue, and whether it is to stop.
pub(super) const SWEEP: Duration = Duration::from_millis(10);

/// Runs this share of `plan` to its end, or until it is told to stop, and returns the listener.
///
/// # Errors
///
/// The system has no poll or timer for us.
pub(crate) fn run<L: Lane, S: Listener>(
    plan: Arc<Plan>,
    share: Share,
    first: Option<Socket>,
    listener: S,
    stop: &AtomicBool,
) -> io::Result<S> {
    let mut worker = Worker::<L, S>::new(plan, share, first, listener)?;
    // Connections are opened before anything is due on them.
    worker.sweep(worker.now);
    while worker.turn(stop)? {}
    Ok(worker.io.listener)
}

#[derive(Debug)]
struct Worker<L, S> {
    poll: Poll,
    timer: Timer,
    events: Events,
    lanes: Vec<L>,
    io: Io<S>,
    /// How many messages became due; the connections take turns.
    released: usize,
    now: Instant,
    next_sweep: Instant,
    /// At the last sweep all messages had been answered or given up.
    was_idle: bool,
    /// When what has not left by then is given up.
    deadline: Option<Instant>,
}

impl<L: Lane, S: Listener> Worker<L, S> {
    fn new(
        plan: Arc<Plan>,
        share: Share,
        mut first: Option<Socket>,
        listener: S,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let lanes: Vec<_> = plan
            .connections_of(share)
            .enumerate()
            .map(|(index, number)| L::new(number, Token(index), &plan, first.take()))
            .collect();
        let next_sweep = plan.start;
        let io = Io::new(plan, share, poll.registry().try_clone()?, listener);
        Ok(Self {
            timer: Timer::new(poll.registry())?,
            poll,
            events: Events::with_capacity(1024),
            lanes,
            io,
            released: 0,
            now: Instant::now(),
            next_sweep,
            was_idle: false,
            deadline: None,
        })
    }

    /// Waits for something to do, and does it. False at the end of the run.
    fn turn(&mut self, stop: &AtomicBool) -> io::Result<bool> {
        let now = self.now;
        let next_due = self.release(now);
        if now >= self.next_sweep {
            self.sweep(now);
            if stop.load(Ordering::Relaxed) || self.is_over(now) {
                return Ok(false);
            }
            self.next_sweep = now + SWEEP;
        }
        let heard = self.io.heard;
        if !(self.io.is_alone && self.lanes[0].wait(&mut self.io)) {
            self.wait(now, next_due)?;
        }
        // Where a message is timed anyway, and none is due, that is often enough.
        let is_timed = self.io.heard != heard && next_due.is_none();
        self.now = if is_timed { self.io.heard } else { Instant::now() };
        Ok(true)
    }

    /// Sends what has become due, all of it on one connection together, and says what will be next.
    fn release(&mut self, now: Instant) -> Option<Instant> {
        let count = self.lanes.len();
        let first = self.released;
        let next_due = loop {
            let schedule = self.lanes[self.released % count].schedule();
            let due = schedule.next_due()?;
            if due > now {
                break Some(due);
            }
            if self.io.allowance.take(1, due) == 0 {
                break None;
            }
            schedule.release();
            self.released += 1;
        };
        for turn in first..self.released.min(first + count) {
            self.lanes[turn % count].send(now, &mut self.io);
        }
        next_due
    }

    fn sweep(&mut self, now: Instant) {
        for lane in &mut self.lanes {
            lane.sweep(now, &mut self.io);
        }
        self.io.listener.pause(now);
    }

    /// Whether all messages have left, and were answered or given up.
    fn is_over(&mut self, now: Instant) -> bool {
        let plan = &self.io.plan;
        let timeout = plan.target.timeout;
        let silence = now.saturating_duration_since(self.io.heard);
        let is_patient = plan.end.is_some() || plan.is_punctual;
        if !is_patient && silence > Plan::PATIENCE.max(timeout.saturating_mul(2)) {
            self.deadline = Some(now);
        }
        if self.io.allowance.is_used_up(now) {
            let is_idle = |lane: &mut L| lane.in_flight() + lane.schedule().backlog() == 0;
            if self.lanes.iter_mut().all(is_idle) {
                // Copies of the last replies may be on their way: until the next sweep.
                return mem::replace(&mut self.was_idle, true);
            }
            // By then what is in flight was given up by itself, so it is for what could not leave.
            self.deadline.get_or_insert(now + timeout + 2 * SWEEP);
        }
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return false;
        }
        self.lanes.iter_mut().for_each(|lane| lane.give_up(now, &mut self.io));
        true
    }

    /// Waits for the connections, and reads and writes what can be.
    fn wait(&mut self, now: Instant, next_due: Option<Instant>) -> io::Result<()> {
        let timeout = self.next_sweep.saturating_duration_since(now);
        if let Some(due) = next_due {
            let left = due.saturating_duration_since(now);
            if left < timeout {
                self.timer.set(due, left)?;
            }
        }
        if let Err(error) = self.poll.poll(&mut self.events, Some(timeout))
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error);
        }
        for readiness in &self.events {
            if let Some(lane) = self.lanes.get_mut(readiness.token().0) {
                lane.ready(readiness, &mut self.io);
            }
        }
        Ok(())
    }
}
