//! How many messages may still be sent.

use std::time::Instant;

/// An end by the clock or by the number of messages, after a warm-up that has neither.
#[derive(Clone, Debug)]
pub(crate) struct Allowance {
    warm_until: Instant,
    end: Option<Instant>,
    left: Option<u64>,
}

impl Allowance {
    /// Messages until `end`, and at most so many after `warm_until`.
    pub(crate) fn new(warm_until: Instant, end: Option<Instant>, messages: Option<u64>) -> Self {
        Self { warm_until, end, left: messages }
    }

    /// How many of so many messages that are `wanted` at a moment may be sent; they are then used
    /// up.
    pub(crate) fn take(&mut self, wanted: u64, at: Instant) -> u64 {
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

    /// Whether no more will be allowed.
    pub(crate) fn is_used_up(&self, now: Instant) -> bool {
        self.left == Some(0) || self.end.is_some_and(|end| now >= end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_number_of_messages_is_counted_from_the_end_of_the_warm_up() {
        let start = Instant::now();
        let warm = start + Duration::from_secs(1);
        let mut allowance = Allowance::new(warm, None, Some(5));
        assert_eq!(allowance.take(100, start), 100);
        assert_eq!(allowance.take(3, warm), 3);
        assert!(!allowance.is_used_up(warm));
        assert_eq!(allowance.take(3, warm), 2);
        assert_eq!(allowance.take(3, warm), 0);
        assert!(allowance.is_used_up(warm));
    }

    #[test]
    fn nothing_is_due_at_the_end_or_after_it() {
        let start = Instant::now();
        let end = start + Duration::from_secs(1);
        let mut allowance = Allowance::new(start, Some(end), None);
        assert_eq!(allowance.take(7, end - Duration::from_nanos(1)), 7);
        assert!(!allowance.is_used_up(start));
        assert_eq!(allowance.take(7, end), 0);
        assert!(allowance.is_used_up(end));
    }
}
