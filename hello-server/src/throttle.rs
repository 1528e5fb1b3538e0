//! Keeps what happens often, and at the will of others, from filling the log.

use std::time::{Duration, Instant};

/// At most one line in so long.
const QUIET: Duration = Duration::from_secs(1);

/// Decides when something that happened again is worth a line.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    said: Option<Instant>,
    unsaid: u64,
}

impl Throttle {
    /// It happened: if it may be said, how often it did since it was last said.
    pub(crate) fn happened(&mut self) -> Option<u64> {
        self.unsaid += 1;
        let now = Instant::now();
        if self.said.is_some_and(|said| now - said < QUIET) {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_is_one_line_and_then_one_with_its_count() {
        let mut throttle = Throttle::default();
        assert_eq!(throttle.happened(), Some(1));
        // Less than QUIET, unless this machine stood still.
        let said = (0..9).filter_map(|_| throttle.happened()).count();
        assert!(said <= 1, "{said} lines");
        throttle.said = throttle.said.and_then(|said| said.checked_sub(QUIET));
        throttle.unsaid = 9;
        assert_eq!(throttle.happened(), Some(10));
    }
}
