//! A coarse clock: one thread reads the time, everybody else reads a number.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How coarse it is. Idle sessions are ended, and lingering ones closed, within two ticks of their
/// time.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// Ticks since the server started. It wraps around after 13 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tick(u32);

impl Tick {
    pub(crate) fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }
}

/// How many ticks it takes until all of `duration` has passed, wherever in a tick it began.
pub(crate) fn ticks(duration: Duration) -> u32 {
    let whole = duration.as_millis().div_ceil(TICK.as_millis());
    u32::try_from(whole).unwrap_or(u32::MAX).saturating_add(1)
}

/// The clock. A session is stamped with every message; a read of the real time for each would be
/// one of the larger costs of answering it.
#[derive(Debug, Default)]
pub(crate) struct Clock(AtomicU32);

impl Clock {
    #[inline]
    pub(crate) fn now(&self) -> Tick {
        Tick(self.0.load(Ordering::Relaxed))
    }
}

/// Advances a clock. There is one, and its thread does it every [`TICK`].
#[derive(Debug)]
pub(crate) struct Ticker {
    last: Instant,
}

impl Ticker {
    pub(crate) fn start(now: Instant) -> Self {
        Self { last: now }
    }

    /// Advances `clock` to the real time `now`, but never by more than two ticks: if this process
    /// stood still, for want of a processor or stopped by a signal, its clients did not.
    pub(crate) fn advance(&mut self, clock: &Clock, now: Instant) {
        let passed = now.duration_since(self.last).as_millis() / TICK.as_millis();
        if passed > 0 {
            self.last = now;
            clock.0.fetch_add(if passed == 1 { 1 } else { 2 }, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_follows_the_time_but_not_a_pause_of_the_process() {
        let (clock, start) = (Clock::default(), Instant::now());
        let mut ticker = Ticker::start(start);
        let mut at = |ticks: f64| {
            ticker.advance(&clock, start + TICK.mul_f64(ticks));
            clock.now().0
        };
        assert_eq!([at(0.9), at(1.0), at(1.5), at(2.1)], [0, 1, 1, 2]);
        assert_eq!([at(1000.0), at(1001.0)], [4, 5]);
    }

    #[test]
    fn a_duration_takes_at_least_its_ticks_wherever_it_began() {
        assert_eq!(ticks(Duration::from_millis(1)), 2);
        assert_eq!(ticks(Duration::from_secs(60)), 601);
    }

    #[test]
    fn ticks_are_counted_across_the_wrap() {
        assert_eq!(Tick(2).since(Tick(u32::MAX)), 3);
    }
}
