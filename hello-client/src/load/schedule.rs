//! What to send when, and when to stop.

use std::time::{Duration, Instant};

use super::Batch;

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
    pub(super) fn due(self, number: u64) -> Duration {
        let nanos = self.period.as_nanos() * u128::from(number) / u128::from(self.messages);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
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
    open: Option<OpenLoop>,
    /// The most messages in flight.
    window: u64,
    sent: u64,
}

#[derive(Clone, Debug)]
struct OpenLoop {
    rate: Rate,
    start: Instant,
    /// The connections take turns: this one has the messages `turn`, `turn + turns`, and so on.
    turn: u64,
    turns: u64,
    scheduled: u64,
}

impl Schedule {
    /// A closed loop with `window` messages in flight.
    pub(super) fn closed(window: u64) -> Self {
        Self { open: None, window, sent: 0 }
    }

    /// An open loop from `start` on, for connection `turn` of `turns`, with at most `window`
    /// messages in flight.
    pub(super) fn open(rate: Rate, start: Instant, (turn, turns): (u64, u64), window: u64) -> Self {
        let open = OpenLoop { rate, start, turn, turns, scheduled: 0 };
        Self { open: Some(open), window, sent: 0 }
    }

    /// Whether messages are due by the clock.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// When the next message is due that is not yet [marked](Self::mark_due); never in a closed
    /// loop.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.due(open.scheduled))
    }

    /// The next message is due.
    pub(super) fn mark_due(&mut self) {
        if let Some(open) = &mut self.open {
            open.scheduled += 1;
        }
    }

    /// How many messages are due and not sent; none in a closed loop.
    pub(super) fn backlog(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.scheduled - self.sent)
    }

    /// How many messages may leave while this many are in flight.
    pub(super) fn ready(&self, in_flight: u64) -> u64 {
        let room = self.window.saturating_sub(in_flight);
        if self.is_open() { room.min(self.backlog()) } else { room }
    }

    /// The next messages to be sent now, at most as many as are `wanted`.
    pub(super) fn next_batch(&mut self, wanted: u64, now: Instant) -> Batch {
        let first = self.sent;
        let (count, since) = match &self.open {
            Some(open) => (1, open.due(first)),
            None => (wanted, now),
        };
        self.sent += count;
        Batch { first, count, since }
    }
}

impl OpenLoop {
    fn due(&self, number: u64) -> Instant {
        self.start + self.rate.due(self.turn + number * self.turns)
    }
}

/// An end by the clock or by the number of messages, after a warm-up that has neither.
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

    /// Whether nothing more may be sent.
    pub(super) fn is_exhausted(&self, now: Instant) -> bool {
        self.left == Some(0) || self.end.is_some_and(|end| now >= end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn per_second(messages: u64) -> Rate {
        Rate { period: Duration::from_secs(1), messages }
    }

    #[test]
    fn a_closed_loop_fills_its_window_and_times_from_the_sending() {
        let mut schedule = Schedule::closed(4);
        let now = Instant::now();
        assert_eq!((schedule.next_due(), schedule.ready(0), schedule.ready(3)), (None, 4, 1));
        assert_eq!(schedule.next_batch(4, now), Batch { first: 0, count: 4, since: now });
        assert_eq!(schedule.next_batch(1, now).first, 4);
    }

    #[test]
    fn an_open_loop_has_nothing_to_send_before_it_is_due() {
        let start = Instant::now();
        let mut schedule = Schedule::open(per_second(10), start, (0, 1), 2);
        assert_eq!(schedule.ready(0), 0);
        for number in 0..3 {
            assert_eq!(schedule.next_due(), Some(start + Duration::from_millis(100 * number)));
            schedule.mark_due();
        }
        assert_eq!((schedule.backlog(), schedule.ready(0), schedule.ready(2)), (3, 2, 0));
    }

    #[test]
    fn a_message_that_is_sent_late_is_timed_from_when_it_was_due() {
        let start = Instant::now();
        let mut schedule = Schedule::open(per_second(10), start, (0, 1), 1);
        schedule.mark_due();
        schedule.mark_due();
        let late = start + Duration::from_secs(5);
        assert_eq!(schedule.next_batch(2, late), Batch { first: 0, count: 1, since: start });
        assert_eq!(schedule.next_batch(1, late).since, start + Duration::from_millis(100));
    }

    #[test]
    fn a_number_of_messages_is_counted_from_the_end_of_the_warm_up() {
        let start = Instant::now();
        let warm = start + Duration::from_secs(1);
        let mut quota = Quota::new(warm, None, Some(5));
        assert_eq!(quota.take_quota(100, start), 100);
        assert_eq!(quota.take_quota(3, warm), 3);
        assert!(!quota.is_exhausted(warm));
        assert_eq!(quota.take_quota(3, warm), 2);
        assert_eq!(quota.take_quota(3, warm), 0);
        assert!(quota.is_exhausted(warm));
    }

    #[test]
    fn nothing_is_due_at_the_end_or_after_it() {
        let start = Instant::now();
        let end = start + Duration::from_secs(1);
        let mut quota = Quota::new(start, Some(end), None);
        assert_eq!(quota.take_quota(7, end - Duration::from_nanos(1)), 7);
        assert!(!quota.is_exhausted(start));
        assert_eq!(quota.take_quota(7, end), 0);
        assert!(quota.is_exhausted(end));
    }

    proptest! {
        #[test]
        fn connections_that_take_turns_send_the_whole_rate_at_even_distances(
            messages in 1..5_000_000u64, turns in 1..50u64, rounds in 1..20u64
        ) {
            let start = Instant::now();
            let mut schedules: Vec<_> = (0..turns)
                .map(|turn| Schedule::open(per_second(messages), start, (turn, turns), 1))
                .collect();
            for number in 0..turns * rounds {
                let schedule = &mut schedules[usize::try_from(number % turns).unwrap()];
                let due = start + per_second(messages).due(number);
                prop_assert_eq!(schedule.next_due(), Some(due));
                schedule.mark_due();
                prop_assert_eq!(schedule.next_batch(1, start).since, due);
            }
        }

        #[test]
        fn no_rounding_adds_up(messages in 1..5_000_000u64, seconds in 0..100_000u64) {
            let due = per_second(messages).due(messages * seconds);
            prop_assert_eq!(due, Duration::from_secs(seconds));
        }
    }
}
