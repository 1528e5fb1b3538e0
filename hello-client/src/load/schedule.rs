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
        if self.is_open() && room > 0 { room.min(self.backlog(now)) } else { room }
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn per_second(messages: u64) -> Rate {
        Rate { period: Duration::from_secs(1), messages }
    }

    /// A timetable without an end.
    fn endless(rate: Rate, start: Instant) -> Timetable {
        Timetable::new(rate, (start, start), None, None)
    }

    #[test]
    fn a_closed_loop_fills_its_window_and_times_from_the_sending() {
        let mut schedule = Schedule::closed(4);
        let now = Instant::now();
        assert_eq!((schedule.ready(0, now), schedule.ready(3, now)), (4, 1));
        assert_eq!(schedule.next_batch(4, now), Batch { first: 0, count: 4, since: now });
        assert_eq!(schedule.next_batch(1, now).first, 4);
    }

    #[test]
    fn an_open_loop_has_nothing_to_send_before_it_is_due() {
        let start = Instant::now();
        let schedule = Schedule::open(endless(per_second(10), start), (0, 1), 2);
        let now = start + Duration::from_millis(200);
        let before = now - Duration::from_nanos(1);
        assert_eq!((schedule.backlog(start), schedule.backlog(before)), (1, 2));
        let ready = [0, 1, 2].map(|in_flight| schedule.ready(in_flight, now));
        assert_eq!((schedule.backlog(now), ready), (3, [2, 1, 0]));
    }

    #[test]
    fn a_message_that_is_sent_late_is_timed_from_when_it_was_due() {
        let start = Instant::now();
        let mut schedule = Schedule::open(endless(per_second(10), start), (0, 1), 1);
        let late = start + Duration::from_secs(5);
        assert_eq!(schedule.next_batch(2, late), Batch { first: 0, count: 1, since: start });
        assert_eq!(schedule.next_batch(1, late).since, start + Duration::from_millis(100));
    }

    #[test]
    fn what_has_not_left_has_been_due_since_its_time() {
        let start = Instant::now();
        let mut schedule = Schedule::open(endless(per_second(10), start), (1, 2), 9);
        let first = start + Duration::from_millis(100);
        assert_eq!(schedule.due_since(first - Duration::from_nanos(1)), None);
        assert_eq!(schedule.due_since(first + Duration::from_secs(1)), Some(first));
        schedule.next_batch(1, first);
        let second = start + Duration::from_millis(300);
        assert_eq!([first, second].map(|now| schedule.due_since(now)), [None, Some(second)]);
        assert_eq!(Schedule::closed(9).due_since(second), None);
    }

    #[test]
    fn what_did_not_leave_is_due_again() {
        let start = Instant::now();
        let mut schedule = Schedule::open(endless(per_second(1), start), (0, 1), 9);
        let now = start + Duration::from_secs(2);
        let first = [0, 1, 2].map(|_| schedule.next_batch(1, now));
        schedule.put_back(2);
        assert_eq!(schedule.backlog(now), 2);
        assert_eq!([0, 1].map(|_| schedule.next_batch(1, now)), first[1..]);

        let mut quota = Quota::new(start, None, Some(5));
        assert_eq!(quota.take_quota(5, now), 5);
        quota.put_back(2, now);
        quota.put_back(2, start - Duration::from_nanos(1));
        assert_eq!(quota.take_quota(9, now), 2, "those of the warm-up are not in the quota");
    }

    #[test]
    fn what_did_not_leave_in_the_warm_up_is_skipped() {
        let start = Instant::now();
        let mut schedule = Schedule::open(endless(per_second(10), start), (0, 1), 9);
        let warm = start + Duration::from_secs(1);
        schedule.skip_until(warm);
        assert_eq!((schedule.backlog(warm), schedule.next_batch(1, warm).since), (1, warm));
        schedule.skip_until(warm);
        assert_eq!(schedule.next_batch(1, warm).first, 11);
    }

    #[test]
    fn progress_is_counted_from_the_end_of_the_warm_up() {
        let start = Instant::now();
        let warm = start + Duration::from_secs(1);
        let mut schedule = Schedule::open(endless(per_second(10), start), (1, 2), 9);
        // Of 20 messages in two seconds, half are this connection's; half of them count.
        let now = start + Duration::from_millis(1999);
        assert_eq!(schedule.progress(warm, now, 0), (5, 0));
        for number in 0..8 {
            assert_eq!(schedule.next_batch(1, now).first, number);
        }
        assert_eq!(schedule.progress(warm, now, 0), (5, 3));
        assert_eq!(schedule.progress(warm, now, 1), (5, 2));
        assert_eq!(schedule.progress(start, now, 0), (10, 8));
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

        let timetable = Timetable::new(per_second(10), (start, warm), None, Some(5));
        assert_eq!(timetable.total(), 15);
        assert_eq!(timetable.due(14), Some(warm + Duration::from_millis(400)));
        assert_eq!((timetable.due(15), timetable.due_by(warm + 2 * (warm - start))), (None, 15));
        assert_eq!(timetable.end(), Some(warm + Duration::from_millis(500)));
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

        let timetable = Timetable::new(per_second(10), (start, start), Some(end), None);
        assert_eq!((timetable.total(), timetable.end()), (10, Some(end)));
    }

    #[test]
    fn a_run_of_any_rate_and_length_has_a_total() {
        let start = Instant::now();
        let year = Duration::from_secs(365 * 24 * 60 * 60);
        let rate = Rate { period: Duration::from_nanos(1), messages: u64::MAX };
        let timetable = Timetable::new(rate, (start, start), Some(start + year), None);
        assert_eq!(timetable.total(), u64::MAX);
        assert_eq!((timetable.end(), timetable.due_by(start + year)), (None, u64::MAX));
        let rate = Rate { period: year, messages: 1 };
        let timetable = Timetable::new(rate, (start, start), None, Some(1_000_000_000_000));
        assert_eq!(timetable.due_by(start + year), 2);
    }

    proptest! {
        #[test]
        fn connections_that_take_turns_send_the_whole_rate_at_even_distances(
            messages in 1..5_000_000u64, turns in 1..50u64, rounds in 1..20u64
        ) {
            let start = Instant::now();
            let timetable = endless(per_second(messages), start);
            let mut schedules: Vec<_> = (0..turns)
                .map(|turn| Schedule::open(timetable, (turn, turns), 1))
                .collect();
            for number in 0..turns * rounds {
                let schedule = &mut schedules[usize::try_from(number % turns).unwrap()];
                let due = start + per_second(messages).due(number);
                prop_assert_eq!(timetable.due(number), Some(due));
                // Several messages may be due in the same nanosecond.
                prop_assert!(schedule.backlog(due) > 0);
                prop_assert_eq!(schedule.next_batch(1, start).since, due);
            }
        }

        #[test]
        fn as_many_messages_are_due_as_have_their_time_before(
            period in 1..100_000_000_000u64, messages in 1..5_000_000_000u64, number in 0..1u64 << 40
        ) {
            let rate = Rate { period: Duration::from_nanos(period), messages };
            let due = rate.due(number);
            // All of these are due by then, and none of those behind them.
            let count = rate.due_before(due + Duration::from_nanos(1));
            prop_assert!(count > number);
            prop_assert!(rate.due(count - 1) <= due && due < rate.due(count));
            prop_assert!(rate.due_before(due) <= number);
        }

        #[test]
        fn no_rounding_adds_up(messages in 1..5_000_000u64, seconds in 0..100_000u64) {
            let due = per_second(messages).due(messages * seconds);
            prop_assert_eq!(due, Duration::from_secs(seconds));
        }
    }
}
