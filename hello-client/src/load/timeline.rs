//! A run in intervals, each with its own counts.
//!
//! A thread counts one interval at a time, and hands it over when it is over; the counts of the run
//! are the sum over its intervals. So a message is recorded once, the sums of the rows are the totals
//! of the report, and the percentiles of a row are those of all its round trips, in whatever thread.

use std::mem;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::outage::{Gap, Outage, Silence};
use super::{Event, Observer, Plan, Stats};
use crate::units::seconds;

/// What was counted from the end of one interval to that of the next.
#[derive(Debug)]
pub(crate) struct Interval {
    /// The counts; in the first interval also the errors of the warm-up.
    pub(crate) stats: Stats,
    /// Its end.
    pub(crate) until: Instant,
}

/// The observer of one thread of a bench.
#[derive(Debug)]
pub(crate) struct Timeline {
    stats: Stats,
    length: Duration,
    /// The end of the interval; the last one has none.
    until: Option<Instant>,
    /// The end of the run, if the clock ends it.
    end: Option<Instant>,
    warm_until: Instant,
    /// How many intervals were handed over.
    count: usize,
    intervals: SyncSender<Interval>,
    /// When the run would have ended if the clock does not end it: with its last reply or loss.
    latest: Instant,
    silence: Silence,
}

impl Timeline {
    /// How many intervals a run has; the last one goes on to its end. As rows of a report they take
    /// 64 MB.
    const MAX_INTERVALS: usize = 1_000_000;

    /// How many intervals wait for whoever takes them. Each has a histogram; while more of them wait
    /// the current one goes on.
    pub(crate) const QUEUE_LEN: usize = 16;

    /// Hands over `intervals` of this `length`.
    pub(crate) fn new(plan: &Plan, length: Duration, intervals: SyncSender<Interval>) -> Self {
        let until = plan.warm_until + length;
        Self {
            stats: Stats::new(plan.warm_until),
            length,
            until: Some(until).filter(|until| plan.end.is_none_or(|end| *until < end)),
            end: plan.end,
            warm_until: plan.warm_until,
            count: 0,
            intervals,
            latest: plan.warm_until,
            silence: Silence::new(plan.start),
        }
    }

    /// Hands over the last interval, and returns when no reply came. A run that was stopped ends at
    /// that time, not when the clock would have ended it.
    pub(crate) fn finish(self, stopped: Option<Instant>) -> Vec<Gap> {
        let until = stopped.or(self.end).map_or(self.latest, |end| end.max(self.latest));
        // Nobody takes it if the run has failed.
        let _ = self.intervals.send(Interval { stats: self.stats, until });
        self.silence.finish()
    }

    /// Hands over what is over. What cannot be handed over goes on.
    fn turn_over(&mut self, now: Instant) {
        while let Some(until) = self.until.filter(|until| now >= *until) {
            let stats = mem::replace(&mut self.stats, Stats::new(self.warm_until));
            let passed = match self.intervals.try_send(Interval { stats, until }) {
                Ok(()) => {
                    self.count += 1;
                    1
                }
                Err(TrySendError::Full(current) | TrySendError::Disconnected(current)) => {
                    self.stats = current.stats;
                    let lengths = (now - until).as_nanos() / self.length.as_nanos();
                    u32::try_from(lengths + 1).unwrap_or(u32::MAX)
                }
            };
            let next = until.checked_add(self.length.saturating_mul(passed));
            let is_last = self.count + 1 == Self::MAX_INTERVALS;
            let is_before_end = |next: &Instant| self.end.is_none_or(|end| *next < end);
            // What comes after the end, in answer to what was sent before it, is in the last one.
            self.until = next.filter(|next| !is_last && is_before_end(next));
        }
    }
}

impl Observer for Timeline {
    fn on_event(&mut self, event: Event<'_>, now: Instant) {
        if self.until.is_some_and(|until| now >= until) {
            self.turn_over(now);
        }
        let (is_reply, is_counted) = match event {
            Event::Answered(_) | Event::SessionEnded { .. } => (true, true),
            Event::Wrong(..) => (true, self.end.is_none()),
            Event::Late(_) | Event::Duplicated => (true, false),
            // Without a clock a run goes on while something is waited for, or tried again.
            Event::Lost(..) | Event::Failed(_) => (false, self.end.is_none()),
            Event::Reached
            | Event::Reordered(_)
            | Event::Unsent(_)
            | Event::Overflowed(_)
            | Event::Paced(_)
            | Event::Varied(_)
            | Event::Tcp(_) => (false, false),
        };
        if is_reply {
            self.silence.replied(now);
        }
        if is_counted {
            self.latest = self.latest.max(now);
        }
        self.stats.on_event(event, now);
    }

    fn on_tick(&mut self, now: Instant, owed_since: &dyn Fn() -> Option<Instant>) {
        self.turn_over(now);
        self.silence.on_tick(now, owed_since);
    }
}

/// Puts together the next interval of all `threads`, unless all are over; `receive` waits for that of
/// one thread.
///
/// A thread that could not hand over its intervals in time has made one of several. Then those of the
/// other threads are put together, too, up to the same moment.
pub(crate) fn next_interval(
    threads: &[Receiver<Interval>],
    mut receive: impl FnMut(&Receiver<Interval>) -> Option<Interval>,
) -> Option<Interval> {
    let mut sum: Option<Interval> = None;
    let mut ends = vec![None; threads.len()];
    let mut is_over = vec![false; threads.len()];
    let is_behind = |end: Option<Instant>, sum: &Option<Interval>| {
        end.is_none_or(|end| sum.as_ref().is_some_and(|sum| end < sum.until))
    };
    while let Some(thread) =
        (0..threads.len()).find(|thread| !is_over[*thread] && is_behind(ends[*thread], &sum))
    {
        match receive(&threads[thread]) {
            None => is_over[thread] = true,
            Some(next) => {
                ends[thread] = Some(next.until);
                match &mut sum {
                    None => sum = Some(next),
                    Some(sum) => {
                        sum.until = sum.until.max(next.until);
                        sum.stats.add(next.stats);
                    }
                }
            }
        }
    }
    sum
}

/// The figures of an interval, with units in the names: a row of a report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Row {
    /// From the end of the warm-up.
    pub(crate) start_s: f64,
    /// The last one may be shorter, or longer by what was in flight at the end.
    pub(crate) duration_s: f64,
    /// Replies that came in it, and were right and in time.
    pub(crate) messages: u64,
    /// Wrong replies and connection errors.
    pub(crate) errors: u64,
    /// Messages that were given up in it. When our own system dropped replies is not known, so
    /// these are among them.
    pub(crate) lost: u64,
    /// Percentiles of the round trips of its messages.
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) max_us: Option<f64>,
}

impl Row {
    /// The row of an interval that begins at `from`, in a run whose warm-up ended at `origin`.
    pub(crate) fn new(origin: Instant, from: Instant, interval: &Interval) -> Self {
        let stats = &interval.stats;
        let [p50_us, p99_us, max_us] = stats.latency.brief();
        Self {
            start_s: seconds(from.saturating_duration_since(origin)),
            duration_s: seconds(interval.until.saturating_duration_since(from)),
            messages: stats.received(),
            errors: stats.errors(),
            lost: stats.unanswered(),
            p50_us,
            p99_us,
            max_us,
        }
    }

    /// Whether it says nothing: a run may end in the moment in which an interval does.
    pub(crate) fn is_empty(&self) -> bool {
        self.duration_s == 0.0 && self.messages + self.errors + self.lost == 0
    }

    /// Messages answered in a second.
    pub(crate) fn messages_per_s(&self) -> Option<f64> {
        (self.duration_s > 0.0).then(|| self.messages as f64 / self.duration_s)
    }
}

/// A run over time: when it was good, and when bad.
#[derive(Debug, Default, Serialize)]
pub(crate) struct History {
    pub(crate) intervals: Vec<Row>,
    pub(crate) outages: Vec<Outage>,
}

#[cfg(test)]
mod tests;
