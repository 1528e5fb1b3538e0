//! The loop of one thread.

use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Registry, Token};

use super::addresses::Addresses;
use super::connection::LoadConnection;
use super::schedule::{Quota, Timetable};
use super::session::Session;
use super::stats::{Event, Limit, Observer, Pace};
use super::{Jitter, Partition, Plan, TcpTotals};
use crate::net::Timer;

/// How often the engine looks for what has timed out, and for a stop.
const TICK: Duration = Duration::from_millis(10);

/// Room for the largest datagram, and for the replies of a long pipeline.
const READ_BUFFER: usize = 256 * 1024;

/// The token of the timer; connections are numbered from 0.
const TIMER: Token = Token(usize::MAX - 1);

/// A thread that sleeps for less than this part of the time in which it is behind could not have sent
/// more, in percent.
const BUSY: u32 = 5;

/// The rate is kept if at most this part of the messages is late, in percent.
const LATE: u64 = 1;

/// What the connections of one thread share.
pub(super) struct ThreadContext<'a> {
    pub(super) plan: &'a Plan,
    pub(super) addresses: Addresses,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) quota: Quota,
    pub(super) buffer: Vec<u8>,
    pub(super) last_received: Instant,
    pub(super) registry: Registry,
    /// The connections that have more to send after a burst.
    pub(super) paused: Vec<Token>,
    /// How many connections have not sent all that is due.
    pub(super) behind: usize,
    /// What TCP knew of the connections that have ended.
    pub(super) tcp: TcpTotals,
}

impl ThreadContext<'_> {
    /// Reports what the system dropped, unless it did so in the warm-up.
    pub(super) fn count_drops(&mut self, dropped: u64, now: Instant) {
        if dropped > 0 && now >= self.plan.warm_until {
            self.observer.on_event(Event::Overflowed(dropped), now);
        }
    }
}

/// Runs one thread's connections.
pub(super) struct Engine<'a, S> {
    poll: Poll,
    /// Wakes the poll when a message is due.
    timer: Timer,
    events: Events,
    /// Every so many-th connection of the plan, from the thread's own index on.
    connections: Vec<LoadConnection<S>>,
    /// The thread's index, and the number of threads.
    partition: (usize, usize),
    context: ThreadContext<'a>,
    /// When messages are due, in an open loop.
    timetable: Option<Timetable>,
    /// How many messages were due at the last turn, over all threads.
    due: u64,
    /// When the last turn was.
    turned: Instant,
    next_tick: Instant,
    /// How long a connection was behind, while there is a pace to report.
    behind_for: Duration,
    /// How long of that the thread had nothing to do.
    slept: Duration,
    /// Whether the pace was reported.
    is_paced: bool,
    /// Whether what was dropped in the warm-up is known.
    is_warm: bool,
    /// Whether the warm-up is over.
    is_measuring: bool,
    /// Whether nothing more is sent.
    is_closed: bool,
    /// Whether all messages had been answered or given up at the last tick.
    drained: bool,
    /// Since when there is nothing more to become due.
    exhausted: Option<Instant>,
}

/// Since when a reply is owed on one of the `connections`, or nothing can be sent on any of them.
fn owed_since<S: Session>(
    connections: &[LoadConnection<S>],
    now: Instant,
    plan: &Plan,
) -> Option<Instant> {
    let owed = connections.iter().filter_map(|connection| connection.owed_since(now)).min();
    let down = connections.iter().map(|connection| connection.down_since(now, plan));
    let down = down.collect::<Option<Vec<_>>>().and_then(|down| down.into_iter().max());
    [owed, down].into_iter().flatten().min()
}

impl<'a, S: Session> Engine<'a, S> {
    pub(super) fn new(
        plan: &'a Plan,
        partition: Partition,
        observer: &'a mut dyn Observer,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let timer = Timer::new(poll.registry(), TIMER)?;
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
            partition: (partition.index, partition.count),
            context: ThreadContext {
                plan,
                addresses: Addresses::new(plan),
                observer,
                quota,
                buffer: vec![0; READ_BUFFER],
                last_received: plan.start,
                registry: poll.registry().try_clone()?,
                paused: Vec::new(),
                behind: 0,
                tcp: TcpTotals::default(),
            },
            poll,
            timetable: plan.timetable(),
            due: 0,
            turned: plan.start,
            next_tick: plan.start,
            behind_for: Duration::ZERO,
            slept: Duration::ZERO,
            is_paced: false,
            is_warm: plan.warm_until == plan.start,
            is_measuring: false,
            is_closed: false,
            drained: false,
            exhausted: None,
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
            let is_tick = now >= self.next_tick;
            if is_tick {
                self.tick(now);
                let is_over = self.is_over(now);
                if is_over || stop.load(Ordering::Relaxed) {
                    self.finish(is_over);
                    return Ok(());
                }
                self.next_tick = now + TICK;
            }
            let next_due = self.send_due(now);
            if is_tick {
                self.look_for_silence(now);
            }
            self.wait(now, next_due)?;
        }
    }

    fn tick(&mut self, now: Instant) {
        if !self.is_warm && now + 2 * TICK >= self.context.plan.warm_until {
            // A little early, so that nothing that is measured has to wait for it.
            self.is_warm = true;
            self.take_drops();
        }
        self.context.addresses.update();
        for connection in &mut self.connections {
            connection.on_tick(now, &mut self.context);
        }
    }

    /// Looks whether a reply is owed, or a message could not leave, once all that is due had its turn.
    fn look_for_silence(&mut self, now: Instant) {
        let connections = &self.connections;
        let plan = self.context.plan;
        // Once all datagrams have left, silence is only the wait for those that are lost.
        let is_wait = S::IS_DATAGRAM && self.is_exhausted(now);
        let owed_since = || owed_since(connections, now, plan).filter(|_| !is_wait);
        self.context.observer.on_tick(now, &owed_since);
    }

    /// Whether nothing more becomes due, or may be sent.
    fn is_exhausted(&self, now: Instant) -> bool {
        match self.timetable {
            Some(timetable) => self.due == timetable.total(),
            None => self.context.quota.is_exhausted(now),
        }
    }

    /// Whether all messages have left, and were answered or given up.
    fn is_over(&mut self, now: Instant) -> bool {
        let plan = self.context.plan;
        let timeout = plan.target.timeout();
        let silence = now.saturating_duration_since(self.context.last_received);
        let can_stall = plan.end.is_none() && !plan.drop_late;
        if can_stall && silence > Plan::STALL_TIMEOUT.max(timeout.saturating_mul(2)) {
            return true;
        }
        if !self.is_exhausted(now) && !self.is_closed {
            self.exhausted = None;
            return false;
        }
        if self.connections.iter().all(|connection| connection.is_idle(now)) {
            // Copies of the last replies may be on their way: until the next tick.
            return mem::replace(&mut self.drained, true);
        }
        let waited = now.saturating_duration_since(*self.exhausted.get_or_insert(now));
        let timeout = timeout + 2 * TICK;
        if waited > timeout && !self.is_closed {
            // What has left until now has its time to be answered, too.
            self.close(now);
        }
        waited > 2 * timeout
    }

    /// Sends nothing more.
    fn close(&mut self, now: Instant) {
        self.is_closed = true;
        for connection in &mut self.connections {
            connection.close(now, &mut self.context);
        }
    }

    /// Reports what is left to report. If the run `is_over`, rather than stopped, what is in flight
    /// is lost.
    fn finish(&mut self, is_over: bool) {
        // What has become due after the last turn had no chance to leave.
        let now = self.turned;
        self.report_pace(now);
        self.close(now);
        if is_over {
            for connection in &mut self.connections {
                connection.abandon(now, &mut self.context);
            }
        }
        let dropped = self.take_drops();
        self.context.count_drops(dropped, now);
        let mut jitter = Jitter::default();
        self.connections.iter().for_each(|one| jitter.add(one.jitter()));
        self.context.observer.on_event(Event::Varied(jitter), now);
        for connection in &self.connections {
            connection.sample_tcp(&mut self.context.tcp);
        }
        let totals = mem::take(&mut self.context.tcp);
        self.context.observer.on_event(Event::Tcp(totals), now);
    }

    /// What the system has dropped since it was last asked.
    fn take_drops(&mut self) -> u64 {
        self.connections.iter_mut().map(LoadConnection::take_drops).sum()
    }

    /// Whether messages that are measured become due.
    fn is_pacing(&self) -> bool {
        self.is_measuring && !self.is_paced
    }

    /// Reports once how well the rate was kept until `now`.
    fn report_pace(&mut self, now: Instant) {
        let warm_until = self.context.plan.warm_until;
        let Some(timetable) = self.timetable else { return };
        let is_all_due = self.due == timetable.total();
        let end = timetable.end().filter(|end| is_all_due || *end <= now).unwrap_or(now);
        let period = end.saturating_duration_since(warm_until);
        if mem::replace(&mut self.is_paced, true) || period.is_zero() {
            return;
        }
        let progress = |until| {
            let progress = self.connections.iter().map(|one| one.progress(warm_until, until));
            progress.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
        };
        let (due, sent) = progress(end);
        // What became due since the last tick may be on its way.
        let late = progress(end - TICK.min(period)).0.saturating_sub(sent);
        let limit = (late * 100 > due * LATE).then(|| {
            let is_busy = self.slept * 100 < self.behind_for * BUSY;
            if is_busy { Limit::Client } else { Limit::Path }
        });
        self.context.observer.on_event(Event::Paced(Pace { sent, period, limit }), now);
    }

    /// Sends what has become due, all of it on one connection together, and returns when the next
    /// message is.
    fn send_due(&mut self, now: Instant) -> Option<Instant> {
        let turn = now - mem::replace(&mut self.turned, now);
        if self.is_pacing() && self.context.behind > 0 {
            self.behind_for += turn;
        }
        let warm_until = self.context.plan.warm_until;
        if now >= warm_until && !mem::replace(&mut self.is_measuring, true) {
            self.connections.iter_mut().for_each(|one| one.schedule.skip_until(warm_until));
        }
        for token in mem::take(&mut self.context.paused) {
            self.connections[token.0].resume(now, &mut self.context);
        }
        let timetable = self.timetable?;
        let (index, threads) = self.partition;
        let count = self.context.plan.connections as u64;
        // Which of the thread's connections has this message, if one has.
        let connection = |number: u64| {
            let connection = (number % count) as usize;
            (connection % threads == index).then_some(connection / threads)
        };
        let before = mem::replace(&mut self.due, timetable.due_by(now));
        for number in (before..self.due).take(self.context.plan.connections) {
            if let Some(index) = connection(number) {
                self.connections[index].send(now, &mut self.context);
            }
        }
        if timetable.end().is_some_and(|end| now >= end) {
            self.report_pace(now);
        }
        // Who is behind already waits for something else.
        let can_send = |index: usize| !self.connections[index].is_behind();
        let next = (self.due..).take(self.context.plan.connections);
        let next = next.filter(|_| self.context.behind < self.connections.len());
        let mut next = next.filter(|number| connection(*number).is_some_and(can_send));
        timetable.due(next.next()?)
    }

    /// Waits for the connections, at most until the next message is due, and reads and writes what
    /// can be.
    fn wait(&mut self, now: Instant, next_due: Option<Instant>) -> io::Result<()> {
        if !self.context.paused.is_empty() {
            self.poll(Duration::ZERO)?;
        } else {
            self.sleep(now, next_due)?;
        }
        for readiness in &self.events {
            if let Some(connection) = self.connections.get_mut(readiness.token().0) {
                connection.on_ready(readiness, &mut self.context);
            }
        }
        Ok(())
    }

    /// Waits for the next event, or until the next message is due.
    fn sleep(&mut self, now: Instant, next_due: Option<Instant>) -> io::Result<()> {
        let mut timeout = self.next_tick.saturating_duration_since(now);
        if let Some(remaining) = next_due.map(|due| due.saturating_duration_since(now))
            && remaining < timeout
        {
            timeout = self.timer.poll_timeout(remaining, timeout)?;
        }
        if self.context.behind == 0 {
            return self.poll(timeout);
        }
        // What makes it wait is something else only if there is nothing else to do.
        self.poll(Duration::ZERO)?;
        if self.events.is_empty() {
            let asleep = Instant::now();
            self.poll(timeout)?;
            if self.is_pacing() {
                self.slept += asleep.elapsed();
            }
        }
        Ok(())
    }

    fn poll(&mut self, timeout: Duration) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            outcome => outcome,
        }
    }
}
