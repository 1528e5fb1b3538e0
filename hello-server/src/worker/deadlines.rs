//! When a worker has to look at which of its sessions.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::sys::Instant;

/// A point in time, in nanoseconds since the worker started: half the size of an `Instant`, and
/// there are two in each session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(u64);

impl Time {
    pub(crate) const NEVER: Self = Self(u64::MAX);

    pub(crate) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanoseconds(duration)))
    }

    /// Zero if `earlier` is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The clock of a worker. It is read once a turn, because a read for each message would be one of
/// the larger costs of answering it.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(crate) fn now(&self) -> Time {
        Time(nanoseconds(self.start.elapsed()))
    }
}

/// The sessions that have a deadline, the earliest first.
///
/// An entry may be too early, never too late: a session that was active since is scheduled anew when
/// its entry comes up, so activity costs nothing here. A queue per timeout would not do, because a
/// session scheduled anew belongs before those that were active later.
#[derive(Debug, Default)]
pub(crate) struct Deadlines(BTreeSet<(Time, u32)>);

impl Deadlines {
    pub(crate) fn insert(&mut self, at: Time, key: usize) {
        if at != Time::NEVER {
            self.0.insert((at, compact(key)));
        }
    }

    pub(crate) fn remove(&mut self, at: Time, key: usize) {
        self.0.remove(&(at, compact(key)));
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Time> {
        self.0.first().map(|&(at, _)| at)
    }

    /// Takes out the key of an entry that has come up by `now`.
    pub(crate) fn pop(&mut self, now: Time) -> Option<usize> {
        if self.next()? > now {
            return None;
        }
        self.0.pop_first().map(|(_, key)| key as usize)
    }
}

fn compact(key: usize) -> u32 {
    u32::try_from(key).expect("a process has fewer descriptors than that")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_deadline_comes_up_first_and_none_before_its_time() {
        let mut deadlines = Deadlines::default();
        let at = |seconds| Time(0).after(Duration::from_secs(seconds));
        for (seconds, key) in [(3, 0), (1, 1), (2, 2), (1, 3)] {
            deadlines.insert(at(seconds), key);
        }
        deadlines.remove(at(1), 3);
        assert_eq!(deadlines.next(), Some(at(1)));
        assert_eq!(deadlines.pop(at(0)), None);
        assert_eq!([at(2), at(2), at(2)].map(|now| deadlines.pop(now)), [Some(1), Some(2), None]);
        assert_eq!(deadlines.next(), Some(at(3)));
    }

    #[test]
    fn the_end_of_time_is_never_reached() {
        assert_eq!(Time(1).after(Duration::MAX), Time::NEVER);
        let mut deadlines = Deadlines::default();
        deadlines.insert(Time::NEVER, 0);
        assert_eq!(deadlines.next(), None);
    }

    #[test]
    fn no_time_has_passed_since_a_later_moment() {
        let (early, late) = (Time(1), Time(1).after(Duration::from_nanos(5)));
        assert_eq!(
            (late.since(early), early.since(late)),
            (Duration::from_nanos(5), Duration::ZERO)
        );
    }
}
