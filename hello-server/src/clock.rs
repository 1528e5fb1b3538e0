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
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    now: AtomicU32,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now(), now: AtomicU32::new(0) }
    }

    /// Reads the real time. Called by one thread, every [`TICK`].
    pub(crate) fn advance(&self) {
        let ticks = self.start.elapsed().as_millis() / TICK.as_millis();
        // Wraps around, as documented at `Tick`.
        self.now.store(ticks as u32, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn now(&self) -> Tick {
        Tick(self.now.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
