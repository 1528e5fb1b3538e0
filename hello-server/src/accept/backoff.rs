//! What to do while accept(2) fails: pause, and say so without flooding the log.

use std::io;
use std::time::Duration;

use log::{info, warn};

use crate::log_limit::LogLimiter;
use crate::sys::Instant;

/// How long accepting pauses, so that a lack of descriptors costs no processor time. Also the
/// longest delay before freed descriptors are used.
const PAUSE: Duration = Duration::from_millis(250);

/// Whether accepting pauses, and until when.
#[derive(Debug, Default)]
pub(crate) struct AcceptBackoff {
    until: Option<Instant>,
    log: LogLimiter,
}

impl AcceptBackoff {
    /// Accepting has failed.
    pub(crate) fn start(&mut self, error: &io::Error) {
        let now = Instant::now();
        self.until = Some(now + PAUSE);
        if let Some(repeats) = self.log.record(now) {
            warn!("cannot accept, so clients have to wait: {error}{repeats}");
        }
    }

    /// Accepting has worked.
    #[inline]
    pub(crate) fn clear(&mut self) {
        if self.until.take().is_some() {
            info!("accepting again");
        }
    }

    /// How much of the pause is left.
    pub(crate) fn remaining(&self) -> Duration {
        self.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepting_pauses_after_an_error_until_it_works_again() {
        let mut backoff = AcceptBackoff::default();
        assert_eq!(backoff.remaining(), Duration::ZERO);
        let before = Instant::now();
        backoff.start(&io::Error::other("no descriptors"));
        let until = backoff.until.expect("it pauses");
        assert!((before + PAUSE..=Instant::now() + PAUSE).contains(&until));

        // Long enough for any machine to be seen in it.
        backoff.until = Some(before + Duration::from_secs(3600));
        assert!(backoff.remaining() > Duration::from_secs(1800));
        backoff.clear();
        assert_eq!(backoff.remaining(), Duration::ZERO);
    }
}
