//! What every thread of a server knows: the settings of a session, and whether the server stops.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use hello_proto::Framing;

use crate::config::Config;

/// Settings and shutdown.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) framing: Framing,
    pub(crate) max_message: usize,
    /// `None` for no limit.
    pub(crate) idle_timeout: Option<Duration>,
    /// What the threads have of the grace.
    grace: Duration,
    /// When the threads have to end, once the server stops.
    deadline: OnceLock<Instant>,
}

impl Shared {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            framing: config.framing,
            max_message: config.max_message,
            idle_timeout: Some(config.idle_timeout).filter(|timeout| !timeout.is_zero()),
            grace: config.grace.saturating_sub(teardown_reserve(config.grace)),
            deadline: OnceLock::new(),
        }
    }

    /// The server stops from now on. Whoever notices first says so.
    pub(crate) fn begin_stop(&self) {
        self.deadline.get_or_init(|| Instant::now() + self.grace);
    }

    #[inline]
    pub(crate) fn is_stopping(&self) -> bool {
        self.deadline.get().is_some()
    }

    /// How much of the grace remains; all time there is until the server stops.
    #[inline]
    pub(crate) fn grace_remaining(&self) -> Duration {
        let remaining = |deadline: &Instant| deadline.saturating_duration_since(Instant::now());
        self.deadline.get().map_or(Duration::MAX, remaining)
    }
}

/// The part of the grace that is kept back for ending the process.
fn teardown_reserve(grace: Duration) -> Duration {
    (grace / 5).clamp(Duration::from_millis(100), Duration::from_secs(1))
}
