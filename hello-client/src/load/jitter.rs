//! How much round trips vary from one to the next.

use std::time::{Duration, Instant};

use super::{Batch, Event, Observer};

/// The mean absolute difference of consecutive round trips.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Jitter {
    /// All differences together.
    sum: Duration,
    count: u64,
}

impl Jitter {
    /// Adds the differences of `other`.
    pub(crate) fn add(&mut self, other: Self) {
        self.sum += other.sum;
        self.count += other.count;
    }

    /// In microseconds; unknown without two round trips in a row.
    pub(crate) fn micros(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum.as_secs_f64() * 1e6 / self.count as f64)
    }
}

/// The round trips of one connection, in the order of the replies.
#[derive(Debug, Default)]
pub(super) struct Variation {
    jitter: Jitter,
    last: Option<Duration>,
}

impl Variation {
    /// The next round trip is the first one of a new connection.
    pub(super) fn restart(&mut self) {
        self.last = None;
    }

    /// What was counted so far.
    pub(super) fn jitter(&self) -> Jitter {
        self.jitter
    }

    /// Messages that were sent together have the same round trip, if their replies came together.
    fn record(&mut self, round_trip: Duration, count: u64) {
        let previous = self.last.replace(round_trip);
        self.jitter.sum += previous.map_or(Duration::ZERO, |last| last.abs_diff(round_trip));
        self.jitter.count += if previous.is_some() { count } else { count.saturating_sub(1) };
    }
}

/// Counts how the round trips on a connection vary, on the way of its events to another observer.
pub(super) struct Varying<'a> {
    pub(super) variation: &'a mut Variation,
    /// Messages from before this moment do not count.
    pub(super) warm_until: Instant,
    pub(super) observer: &'a mut dyn Observer,
}

impl Observer for Varying<'_> {
    fn on_event(&mut self, event: Event<'_>, now: Instant) {
        if let Event::Answered(Batch { count, since, .. }) = event
            && since >= self.warm_until
        {
            self.variation.record(now.saturating_duration_since(since), count);
        }
        self.observer.on_event(event, now);
    }
}

#[cfg(test)]
mod tests {
    use super::super::stats::tests::Notes;
    use super::*;

    fn micros(round_trips: &[(u64, u64)]) -> Variation {
        let mut variation = Variation::default();
        for (micros, count) in round_trips {
            variation.record(Duration::from_micros(*micros), *count);
        }
        variation
    }

    #[test]
    fn it_is_the_mean_difference_of_a_round_trip_to_the_one_before() {
        assert_eq!(micros(&[]).jitter().micros(), None);
        assert_eq!(micros(&[(70, 1)]).jitter().micros(), None);
        assert_eq!(micros(&[(70, 1), (100, 1), (90, 1)]).jitter().micros(), Some(20.0));
        assert_eq!(micros(&[(70, 2), (100, 2)]).jitter().micros(), Some(10.0));
    }

    #[test]
    fn two_connections_have_no_round_trips_in_a_row() {
        let mut variation = micros(&[(70, 1), (80, 1)]);
        variation.restart();
        variation.record(Duration::from_secs(1), 1);
        assert_eq!(variation.jitter().micros(), Some(10.0));
        let mut sum = variation.jitter();
        sum.add(micros(&[(70, 1), (100, 1)]).jitter());
        assert_eq!(sum.micros(), Some(20.0));
    }

    #[test]
    fn messages_of_the_warm_up_do_not_count_and_every_event_is_passed_on() {
        let start = Instant::now();
        let warm_until = start + Duration::from_secs(1);
        let (mut variation, mut notes) = (Variation::default(), Notes::default());
        let mut varying = Varying { variation: &mut variation, warm_until, observer: &mut notes };
        for (first, since, micros) in [(0, start, 5), (1, warm_until, 70), (2, warm_until, 90)] {
            let now = since + Duration::from_micros(micros);
            varying.on_event(Event::Answered(Batch { first, count: 1, since }), now);
        }
        assert_eq!(variation.jitter().micros(), Some(20.0));
        assert_eq!(notes.take(), ["answered 0+1", "answered 1+1", "answered 2+1"]);
    }
}
