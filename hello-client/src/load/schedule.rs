//! What to send when, and when to stop.

use std::time::{Duration, Instant};

use super::{Batch, ConnectionError, Event, Observer};

/// A number of messages in each period.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// The period.
    pub(crate) period: Duration,
    /// How many messages, at even distances; never zero.
    pub(crate) messages: u64,
}

impl Rate {
    /// When message `number` is due, after the start.
    fn due(self, number: u64) -> Duration {
        let nanos = self.period.as_nanos() * u128::from(number) / u128::from(self.messages);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How many messages are due before `elapsed` has passed since the start.
    fn due_before(self, elapsed: Duration) -> u64 {
        // A message is due in the nanosecond in which its time falls: due(n) < e, so P n < e M.
        let messages = elapsed.as_nanos().saturating_mul(u128::from(self.messages));
        u64::try_from(messages.div_ceil(self.period.as_nanos())).unwrap_or(u64::MAX)
    }
}

/// When the messages of a run are due, over all its connections, which take turns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timetable {
    rate: Rate,
    start: Instant,
    /// How many messages there are.
    total: u64,
}

impl Timetable {
    /// At this `rate` from `start` to `end`; or without an `end`, until this many `messages` were
    /// due after `warm_until`; or for ever.
    pub(super) fn new(
        rate: Rate,
        (start, warm_until): (Instant, Instant),
        end: Option<Instant>,
        messages: Option<u64>,
    ) -> Self {
        let endless = Self { rate, start, total: u64::MAX };
        let total = match end {
            Some(end) => endless.due_before(end),
            None => messages.map_or(u64::MAX, |messages| {
                endless.due_before(warm_until).saturating_add(messages)
            }),
        };
        Self { total, ..endless }
    }

    /// How many messages there are.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// When message `number` is due, if there is one.
    pub(super) fn due(&self, number: u64) -> Option<Instant> {
        (number < self.total).then(|| self.start + self.rate.due(number))
    }

    /// When one message more would be due; of a run that never ends, never.
    pub(super) fn end(&self) -> Option<Instant> {
        self.start.checked_add(self.rate.due(self.total)).filter(|_| self.total < u64::MAX)
    }

    /// How many messages are due at `now`.
    pub(super) fn due_by(&self, now: Instant) -> u64 {
        self.due_before(now + Duration::from_nanos(1))
    }

    /// How many messages are due before `moment`.
    pub(super) fn due_before(&self, moment: Instant) -> u64 {
        let elapsed = moment.saturating_duration_since(self.start);
        self.rate.due_before(elapsed).min(self.total)
    }
}

/// The messages of one connection.
///
/// In a closed loop one is sent for every reply, so that a number of them is always in flight. In
/// an open loop a message is *due* at its time whatever happened before. If it cannot leave then,
/// it is still timed from when it was due: what a server's pause did to the messages behind it is
/// measured, not left out ("coordinated omission").
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    open: Option<Turns>,
    /// The most messages in flight.
    window: u64,
    sent: u64,
}

/// One connection's part of a timetable: the messages `turn`, `turn + turns`, and so on.
#[derive(Clone, Copy, Debug)]
struct Turns {
    timetable: Timetable,
    turn: u64,
    turns: u64,
}

impl Turns {
    /// How many of the first `all` messages of the timetable are this connection's.
    fn share(&self, all: u64) -> u64 {
        all.saturating_sub(self.turn).div_ceil(self.turns)
    }
}

impl Schedule {
    /// A closed loop with `window` messages in flight.
    pub(super) fn closed(window: u64) -> Self {
        Self { open: None, window, sent: 0 }
    }

    /// An open loop, for connection `turn` of `turns`, with at most `window` messages in flight.
    pub(super) fn open(timetable: Timetable, (turn, turns): (u64, u64), window: u64) -> Self {
        Self { open: Some(Turns { timetable, turn, turns }), window, sent: 0 }
    }

    /// Whether messages are due by the clock.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// How many messages are due and not sent; none in a closed loop.
    pub(super) fn backlog(&self, now: Instant) -> u64 {
        let due = |open: &Turns| open.share(open.timetable.due_by(now));
        self.open.as_ref().map_or(0, |open| due(open).saturating_sub(self.sent))
    }

    /// Since when a message has been due and not sent, if there is one; never in a closed loop.
    pub(super) fn due_since(&self, now: Instant) -> Option<Instant> {
        let Turns { timetable, turn, turns } = self.open.filter(|_| self.backlog(now) > 0)?;
        timetable.due(turn + self.sent * turns)
    }

    /// How many messages may leave while this many are in flight.
    pub(super) fn ready(&self, in_flight: u64, now: Instant) -> u64 {
        let room = self.window.saturating_sub(in_flight);
        if self.is_open() { room.min(self.backlog(now)) } else { room }
    }

    /// The next messages to be sent now, at most as many as are `wanted`.
    pub(super) fn next_batch(&mut self, wanted: u64, now: Instant) -> Batch {
        let first = self.sent;
        let (count, since) = match &self.open {
            Some(Turns { timetable, turn, turns }) => {
                (1, timetable.due(turn + first * turns).unwrap_or(now))
            }
            None => (wanted, now),
        };
        self.sent += count;
        Batch { first, count, since }
    }

    /// Skips what was due before `moment` and has not left.
    pub(super) fn skip_until(&mut self, moment: Instant) {
        if let Some(open) = &self.open {
            self.sent = self.sent.max(open.share(open.timetable.due_before(moment)));
        }
    }

    /// Gives up what is due, for this reason: it is lost, as if it had left.
    pub(super) fn give_up(
        &mut self,
        now: Instant,
        why: &ConnectionError,
        observer: &mut dyn Observer,
    ) {
        let batch = Batch { first: self.sent, count: self.backlog(now), since: now };
        if batch.count > 0 {
            self.sent += batch.count;
            observer.on_event(Event::Lost(batch, why), now);
        }
    }

    /// Nothing is due any more.
    pub(super) fn close(&mut self) {
        *self = Self::closed(0);
    }

    /// The last messages, this many, have not left.
    pub(super) fn put_back(&mut self, count: u64) {
        self.sent -= count;
    }

    /// Of the messages that are due from `from` until `now`, how many there are, and how many of
    /// them were sent, if the last `unwritten` were not; none in a closed loop.
    pub(super) fn progress(&self, from: Instant, now: Instant, unwritten: u64) -> (u64, u64) {
        let Some(open) = &self.open else { return (0, 0) };
        let before = open.share(open.timetable.due_before(from));
        let due = open.share(open.timetable.due_by(now)).saturating_sub(before);
        (due, (self.sent - unwritten).saturating_sub(before).min(due))
    }
}

/// What a closed loop may send: until an end by the clock, or a number of messages after a warm-up.
#[derive(Clone, Debug)]
pub(super) struct Quota {
    warm_until: Instant,
    end: Option<Instant>,
    left: Option<u64>,
}

impl Quota {
    /// Messages until `end`, and after `warm_until` at most this many.
    pub(super) fn new(warm_until: Instant, end: Option<Instant>, messages: Option<u64>) -> Self {
        Self { warm_until, end, left: messages }
    }

    /// Uses up the quota for messages that are `wanted` at a moment, and returns for how many.
    pub(super) fn take_quota(&mut self, wanted: u64, at: Instant) -> u64 {
        if self.end.is_some_and(|end| at >= end) {
            return 0;
        }
        match &mut self.left {
            Some(left) if at >= self.warm_until => {
                let granted = wanted.min(*left);
                *left -= granted;
                granted
            }
            _ => wanted,
        }
    }

    /// Messages that were taken at a moment have not left.
    pub(super) fn put_back(&mut self, count: u64, taken_at: Instant) {
        if let Some(left) = &mut self.left
            && taken_at >= self.warm_until
        {
            *left += count;
        }
    }

    /// Whether nothing more may be sent.
    pub(super) fn is_exhausted(&self, now: Instant) -> bool {
        self.left == Some(0) || self.end.is_some_and(|end| now >= end)
    }
}

#[cfg(test)]
mod tests;
