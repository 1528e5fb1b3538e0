//! Keeps what happens often, and at the will of others, from filling the log.

use std::fmt;
use std::time::Duration;

use crate::sys::Instant;

/// At most one line in this time.
const INTERVAL: Duration = Duration::from_secs(1);

/// Decides when something that happened again is worth a line.
#[derive(Debug, Default)]
pub struct LogLimiter {
    reported: Option<Instant>,
    unreported: u64,
}

impl LogLimiter {
    /// It happened at `now`: how often since the last report, if it may be reported.
    pub fn record(&mut self, now: Instant) -> Option<Repeats> {
        self.unreported += 1;
        if self.reported.is_some_and(|reported| now.duration_since(reported) < INTERVAL) {
            return None;
        }
        self.reported = Some(now);
        Some(Repeats(std::mem::take(&mut self.unreported)))
    }
}

/// How often something happened since the last report, to stand at the end of a line; nothing for
/// once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeats(u64);

impl fmt::Display for Repeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => Ok(()),
            count => write!(f, " ({count} since last report)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_is_one_line_and_then_one_with_its_count() {
        let (mut limiter, start) = (LogLimiter::default(), Instant::now());
        let mut record = |millis| limiter.record(start + Duration::from_millis(millis));
        assert_eq!(record(0), Some(Repeats(1)));
        assert_eq!([record(1), record(500), record(999)], [None; 3]);
        assert_eq!(record(1000), Some(Repeats(4)));
        assert_eq!(Repeats(4).to_string(), " (4 since last report)");
        assert_eq!(Repeats(1).to_string(), "");
    }
}
