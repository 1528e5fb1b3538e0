//! Whether the server is there.

use std::time::{Duration, Instant};

/// What is known of a server: it has gone when a connection fails, or a message is lost and no later
/// one was answered; it is back with the next reply.
#[derive(Debug, Default)]
pub(super) struct Presence {
    /// When the latest message that was answered had been sent.
    answered: Option<Instant>,
    /// Since when the server is gone.
    gone: Option<Instant>,
}

impl Presence {
    /// A message that was sent at `since` is lost, or a connection failed then. Returns whether the
    /// server has gone only now.
    pub(super) fn lost(&mut self, since: Instant) -> bool {
        let is_news = self.gone.is_none() && self.answered.is_none_or(|answered| answered < since);
        if is_news {
            self.gone = Some(since);
        }
        is_news
    }

    /// A message that was sent at `since` is answered `now`. Returns for how long the server was gone,
    /// if it was.
    pub(super) fn answered(&mut self, since: Instant, now: Instant) -> Option<Duration> {
        self.answered = self.answered.max(Some(since));
        self.gone.take().map(|gone| now.saturating_duration_since(gone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_gone_from_the_first_message_that_it_lost_to_the_next_reply() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut presence = Presence::default();
        assert_eq!(presence.answered(at(0), at(0)), None);
        assert!(presence.lost(at(1)));
        assert!(!presence.lost(at(2)), "it is known");
        assert_eq!(presence.answered(at(3), at(4)), Some(Duration::from_secs(3)));
        assert_eq!(presence.answered(at(5), at(5)), None);
        assert!(presence.lost(at(6)));
    }

    #[test]
    fn a_lost_message_with_a_reply_to_a_later_one_is_only_a_lost_message() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut presence = Presence::default();
        presence.answered(at(2), at(2));
        assert!(!presence.lost(at(1)));
        assert_eq!(presence.answered(at(3), at(3)), None);
    }

    #[test]
    fn a_server_that_was_never_there_is_gone_from_the_beginning() {
        let start = Instant::now();
        let mut presence = Presence::default();
        assert!(presence.lost(start));
        let later = start + Duration::from_secs(2);
        assert_eq!(presence.answered(later, later), Some(Duration::from_secs(2)));
    }
}
