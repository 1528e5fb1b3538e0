//! What to send when.

use std::time::{Duration, Instant};

use super::Batch;

/// A rate: so many messages in each period.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// The period.
    pub(crate) period: Duration,
    /// How many messages, at even distances; never zero.
    pub(crate) messages: u64,
}

impl Pace {
    /// When message `number` is due, after the start.
    pub(crate) fn due(self, number: u64) -> Duration {
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
pub(crate) struct Schedule {
    open: Option<OpenLoop>,
    /// At most so many are in flight.
    window: u64,
    taken: u64,
}

#[derive(Clone, Debug)]
struct OpenLoop {
    pace: Pace,
    start: Instant,
    /// The connections take turns: this one has the messages `turn`, `turn + turns`, and so on.
    turn: u64,
    turns: u64,
    released: u64,
}

impl Schedule {
    /// A closed loop with `window` messages in flight.
    pub(crate) fn closed(window: u64) -> Self {
        Self { open: None, window, taken: 0 }
    }

    /// An open loop from `start` on for the connection whose `turn` of `turns` it is, with at most
    /// `window` messages in flight.
    pub(crate) fn open(pace: Pace, start: Instant, (turn, turns): (u64, u64), window: u64) -> Self {
        let open = OpenLoop { pace, start, turn, turns, released: 0 };
        Self { open: Some(open), window, taken: 0 }
    }

    /// Whether messages are due by the clock.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// When the next message is due that was not released; never in a closed loop.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.due(open.released))
    }

    /// The next message is due.
    pub(crate) fn release(&mut self) {
        if let Some(open) = &mut self.open {
            open.released += 1;
        }
    }

    /// How many messages are due and not sent; none in a closed loop.
    pub(crate) fn backlog(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.released - self.taken)
    }

    /// How many messages may leave while so many are in flight.
    pub(crate) fn ready(&self, in_flight: u64) -> u64 {
        let room = self.window.saturating_sub(in_flight);
        if self.is_open() { room.min(self.backlog()) } else { room }
    }

    /// Takes messages to be sent now, at most so many as are `wanted`.
    pub(crate) fn take(&mut self, wanted: u64, now: Instant) -> Batch {
        let first = self.taken;
        let (count, since) = match &self.open {
            Some(open) => (1, open.due(first)),
            None => (wanted, now),
        };
        self.taken += count;
        Batch { first, count, since }
    }
}

impl OpenLoop {
    fn due(&self, number: u64) -> Instant {
        self.start + self.pace.due(self.turn + number * self.turns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(messages: u64) -> Pace {
        Pace { period: Duration::from_secs(1), messages }
    }

    #[test]
    fn a_closed_loop_fills_its_window_and_times_from_the_sending() {
        let mut schedule = Schedule::closed(4);
        let now = Instant::now();
        assert_eq!((schedule.next_due(), schedule.ready(0), schedule.ready(3)), (None, 4, 1));
        assert_eq!(schedule.take(4, now), Batch { first: 0, count: 4, since: now });
        assert_eq!(schedule.take(1, now).first, 4);
    }

    #[test]
    fn an_open_loop_has_nothing_to_send_before_it_is_due() {
        let start = Instant::now();
        let mut schedule = Schedule::open(rate(10), start, (0, 1), 2);
        assert_eq!(schedule.ready(0), 0);
        for number in 0..3 {
            assert_eq!(schedule.next_due(), Some(start + Duration::from_millis(100 * number)));
            schedule.release();
        }
        assert_eq!((schedule.backlog(), schedule.ready(0), schedule.ready(2)), (3, 2, 0));
    }

    #[test]
    fn a_message_that_is_sent_late_is_timed_from_when_it_was_due() {
        let start = Instant::now();
        let mut schedule = Schedule::open(rate(10), start, (0, 1), 1);
        schedule.release();
        schedule.release();
        let late = start + Duration::from_secs(5);
        assert_eq!(schedule.take(2, late), Batch { first: 0, count: 1, since: start });
        assert_eq!(schedule.take(1, late).since, start + Duration::from_millis(100));
    }

    proptest! {
        #[test]
        fn connections_that_take_turns_send_the_whole_rate_at_even_distances(
            messages in 1..5_000_000u64, turns in 1..50u64, rounds in 1..20u64
        ) {
            let start = Instant::now();
            let mut schedules: Vec<_> = (0..turns)
                .map(|turn| Schedule::open(rate(messages), start, (turn, turns), 1))
                .collect();
            for number in 0..turns * rounds {
                let schedule = &mut schedules[usize::try_from(number % turns).unwrap()];
                let due = start + rate(messages).due(number);
                prop_assert_eq!(schedule.next_due(), Some(due));
                schedule.release();
                prop_assert_eq!(schedule.take(1, start).since, due);
            }
        }

        #[test]
        fn no_rounding_adds_up(messages in 1..5_000_000u64, seconds in 0..100_000u64) {
            let due = rate(messages).due(messages * seconds);
            prop_assert_eq!(due, Duration::from_secs(seconds));
        }
    }
}
