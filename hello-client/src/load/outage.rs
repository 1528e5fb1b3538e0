//! When no reply came, though some were owed or nothing could be sent.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};

use crate::units::seconds;

/// The shortest outage.
const SHORTEST: Duration = Duration::from_millis(100);

/// How long no reply has come when it is first asked whether one is owed: often enough in an outage
/// that none is missed, and never while replies come.
const LOOK_AFTER: Duration = Duration::from_millis(20);

/// How many there may be of a run: the longest.
const MAX: usize = 1000;

/// A time in which a thread had no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The last reply before it.
    start: Instant,
    /// The first reply behind it, unless there is none.
    end: Option<Instant>,
    /// Since when a reply was owed or nothing could be sent, if that was so.
    owed_since: Option<Instant>,
}

impl Gap {
    /// How long it is; the last one is longer than all others.
    fn length(&self) -> Duration {
        self.end.map_or(Duration::MAX, |end| end.saturating_duration_since(self.start))
    }

    /// When neither of two threads had a reply.
    fn intersection(self, other: Self) -> Self {
        Self {
            start: self.start.max(other.start),
            end: [self.end, other.end].into_iter().flatten().min(),
            owed_since: [self.owed_since, other.owed_since].into_iter().flatten().min(),
        }
    }
}

/// Notes when no reply comes to the connections of a thread.
#[derive(Debug)]
pub(super) struct Silence {
    /// What it would be if a reply came now.
    gap: Gap,
    gaps: Vec<Gap>,
}

impl Silence {
    /// A reply is waited for from `start` on.
    pub(super) fn new(start: Instant) -> Self {
        Self { gap: Gap { start, end: None, owed_since: None }, gaps: Vec::new() }
    }

    /// A reply came.
    pub(super) fn replied(&mut self, now: Instant) {
        let gap = Gap { start: now, end: None, owed_since: None };
        if now.saturating_duration_since(self.gap.start) >= SHORTEST {
            self.gaps.push(Gap { end: Some(now), ..self.gap });
            if self.gaps.len() == 2 * MAX {
                self.gaps.sort_by_key(|gap| Reverse(gap.length()));
                self.gaps.truncate(MAX);
            }
        }
        self.gap = gap;
    }

    /// Looks whether a reply is owed.
    pub(super) fn on_tick(&mut self, now: Instant, owed_since: &dyn Fn() -> Option<Instant>) {
        let is_silent = now.saturating_duration_since(self.gap.start) >= LOOK_AFTER;
        // What is lost was owed, so that it stays so until there is a reply.
        if is_silent && self.gap.owed_since.is_none() {
            self.gap.owed_since = owed_since();
        }
    }

    /// The times without a reply, in order.
    pub(super) fn finish(mut self) -> Vec<Gap> {
        self.gaps.sort_by_key(|gap| gap.start);
        self.gaps.push(self.gap);
        self.gaps
    }
}

/// A time in which no connection had a reply that it should have had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Outage {
    /// From the end of the warm-up.
    #[serde(rename = "start_s", serialize_with = "in_seconds")]
    pub(crate) start: Duration,
    #[serde(rename = "duration_s", serialize_with = "in_seconds")]
    pub(crate) duration: Duration,
}

fn in_seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(seconds(*time))
}

/// The outages of a run that lasted from the end of its warm-up `from` one moment `until` another, in
/// order: when none of its `threads` had a reply. They are longer than the `usual_pause`, for which no
/// reply comes on a path that is good.
pub(crate) fn outages(
    threads: Vec<Vec<Gap>>,
    (from, until): (Instant, Instant),
    usual_pause: Duration,
) -> Vec<Outage> {
    let gaps = threads.into_iter().reduce(|one, other| intersect(&one, &other));
    let shortest = SHORTEST.max(usual_pause);
    let outages = gaps.into_iter().flatten().filter_map(|gap| {
        let start = gap.start.max(gap.owed_since?).max(from);
        let duration = gap.end.unwrap_or(until).min(until).saturating_duration_since(start);
        let start = start.saturating_duration_since(from);
        (duration >= shortest).then_some(Outage { start, duration })
    });
    longest(outages.collect(), MAX)
}

/// The longest of `outages`, at most `count` of them, in their order.
pub(crate) fn longest(mut outages: Vec<Outage>, count: usize) -> Vec<Outage> {
    outages.sort_by_key(|outage| Reverse(outage.duration));
    outages.truncate(count);
    outages.sort_by_key(|outage| outage.start);
    outages
}

/// When two threads had no reply at the same time.
fn intersect(one: &[Gap], other: &[Gap]) -> Vec<Gap> {
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    let mut both = Vec::new();
    while let (Some(first), Some(second)) = (one.peek(), other.peek()) {
        let gap = first.intersection(**second);
        // Whichever ends first meets no other; those without an end are the last.
        let is_first_over =
            first.end.is_some_and(|end| second.end.is_none_or(|later| end <= later));
        if is_first_over || second.end.is_none() {
            one.next();
        } else {
            other.next();
        }
        if gap.length() >= SHORTEST {
            both.push(gap);
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// When a thread had no reply: these are the times of its replies, in milliseconds, and since
    /// when one was owed each time that was asked.
    fn gaps(start: Instant, replies: &[u64], owed: impl Fn(u64) -> Option<u64>) -> Vec<Gap> {
        let at = |millis| start + Duration::from_millis(millis);
        let mut silence = Silence::new(start);
        let mut next = replies.iter().peekable();
        let last = replies.last().copied().unwrap_or_default();
        for millis in 0..=last.max(5000) {
            if millis % 10 == 0 {
                silence.on_tick(at(millis), &|| owed(millis).map(at));
            }
            while next.next_if_eq(&&millis).is_some() {
                silence.replied(at(millis));
            }
        }
        silence.finish()
    }

    /// The outages of a run of 5 s, in milliseconds.
    fn found(start: Instant, threads: Vec<Vec<Gap>>) -> Vec<(u128, u128)> {
        let outages = outages(threads, (start, start + Duration::from_secs(5)), Duration::ZERO);
        outages.iter().map(|one| (one.start.as_millis(), one.duration.as_millis())).collect()
    }

    #[test]
    fn an_outage_begins_when_a_reply_is_owed_and_ends_with_the_next_one() {
        let start = Instant::now();
        // The message that was due at 2500 is answered at 3000, those after 4000 never are.
        let owed = |now| match now {
            2500..3000 => Some(2500),
            4000.. => Some(3990),
            _ => None,
        };
        let replies = [500, 1000, 1500, 2000, 3000, 3500, 4000];
        let expected = vec![(2500, 500), (4000, 1000)];
        assert_eq!(found(start, vec![gaps(start, &replies, owed)]), expected);
    }

    #[test]
    fn a_pause_between_messages_that_are_all_answered_is_none() {
        let start = Instant::now();
        let gaps = gaps(start, &[1000, 2000, 3000], |_| None);
        assert_eq!((gaps.len(), found(start, vec![gaps])), (4, vec![]));
    }

    #[test]
    fn what_was_owed_and_is_lost_goes_on_until_there_is_a_reply() {
        let start = Instant::now();
        let owed = |now| (1000..1100).contains(&now).then_some(1000);
        let gaps = gaps(start, &[900, 3000], owed);
        assert_eq!(found(start, vec![gaps]), [(1000, 2000)]);
    }

    #[test]
    fn it_is_one_of_the_run_only_if_no_thread_had_a_reply() {
        let start = Instant::now();
        let always = |_| Some(0);
        let one = gaps(start, &[1000, 3000, 4950], always);
        let other = gaps(start, &[500, 1500, 2950, 4960], always);
        let idle = gaps(start, &[], |_| None);
        let expected = [(0, 500), (500, 500), (1000, 500), (1500, 1450), (3000, 1950)];
        assert_eq!(found(start, vec![one, idle, other]), expected);
    }

    #[test]
    fn the_warm_up_and_what_comes_after_the_end_do_not_count() {
        let start = Instant::now();
        let gaps = gaps(start, &[2000, 4000], |_| Some(0));
        let [from, until] = [500, 4500].map(|millis| start + Duration::from_millis(millis));
        let outages = outages(vec![gaps], (from, until), Duration::ZERO);
        let found: Vec<_> =
            outages.iter().map(|one| (one.start.as_millis(), one.duration.as_millis())).collect();
        assert_eq!(found, [(0, 1500), (1500, 2000), (3500, 500)]);
    }

    #[test]
    fn on_a_path_that_always_takes_longer_no_round_trip_is_an_outage() {
        let start = Instant::now();
        let gaps = gaps(start, &[600, 1200, 1800, 3200, 3800, 4400, 5000], Some);
        let end = start + Duration::from_secs(5);
        let satellite = Duration::from_millis(1200);
        let outages = outages(vec![gaps], (start, end), satellite);
        assert_eq!(outages.len(), 1, "{outages:?}");
    }

    #[test]
    fn of_gaps_without_end_the_longest_are_kept() {
        let mut silence = Silence::new(Instant::now());
        let mut now = silence.gap.start;
        for number in 0..100_000 {
            now += Duration::from_millis(if number == 500 { 5000 } else { 100 + number % 50 });
            silence.replied(now);
            assert!(silence.gaps.len() < 2 * MAX);
        }
        let gaps = silence.finish();
        assert!(gaps.is_sorted_by_key(|gap| gap.start));
        assert!(gaps.iter().any(|gap| gap.length() == Duration::from_secs(5)));
    }

    #[test]
    fn no_gap_is_dropped_before_there_are_twice_as_many_as_are_kept() {
        let mut silence = Silence::new(Instant::now());
        let start = silence.gap.start;
        (1..2 * MAX as u32).for_each(|number| silence.replied(start + number * SHORTEST));
        // And the one that has no end.
        assert_eq!(silence.finish().len(), 2 * MAX);
    }

    proptest! {
        #[test]
        fn threads_together_have_the_gaps_of_all_their_replies(
            threads in prop::collection::vec(prop::collection::btree_set(1..5000u64, 0..40), 1..5)
        ) {
            let start = Instant::now();
            let of_thread = |replies: &std::collections::BTreeSet<u64>| {
                gaps(start, &replies.iter().copied().collect::<Vec<_>>(), |_| Some(0))
            };
            let mut all: Vec<u64> = threads.iter().flatten().copied().collect();
            all.extend([0, 5000]);
            all.sort_unstable();
            let expected: Vec<_> = all
                .windows(2)
                .filter(|pair| pair[1] - pair[0] >= 100)
                .map(|pair| (u128::from(pair[0]), u128::from(pair[1] - pair[0])))
                .collect();
            prop_assert_eq!(found(start, threads.iter().map(of_thread).collect()), expected);
        }
    }
}
