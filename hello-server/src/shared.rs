//! What every thread of a server knows: the settings of a session, and whether the server stops.

use std::sync::OnceLock;
use std::time::Duration;

use hello_proto::Framing;

use crate::config::Config;
use crate::sys::Instant;

/// The two steps of a stop. Between them the server drains: unless it is asked to, they are one.
#[derive(Clone, Copy, Debug)]
struct Stop {
    /// When the sessions that are still open are ended.
    drained: Instant,
    /// When the threads have to end.
    deadline: Instant,
}

/// Settings and shutdown.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) framing: Framing,
    pub(crate) max_message: usize,
    /// Streams begin with a header of the PROXY protocol.
    pub(crate) proxy_protocol: bool,
    /// `None` for no limit.
    pub(crate) idle_timeout: Option<Duration>,
    /// What the threads have of the grace.
    grace: Duration,
    stop: OnceLock<Stop>,
}

impl Shared {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            framing: config.framing,
            max_message: config.max_message,
            proxy_protocol: config.proxy_protocol,
            idle_timeout: Some(config.idle_timeout).filter(|timeout| !timeout.is_zero()),
            grace: config.grace.saturating_sub(teardown_reserve(config.grace)),
            stop: OnceLock::new(),
        }
    }

    /// The server stops from now on, and leaves open sessions alone for `drain`. Whoever notices
    /// first says so.
    pub(crate) fn begin_stop(&self, drain: Duration) {
        self.stop.get_or_init(|| {
            let drained = Instant::now() + drain;
            Stop { drained, deadline: drained + self.grace }
        });
    }

    /// Nothing new is taken any more.
    #[inline]
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.get().is_some()
    }

    /// Sessions are served: the server does not stop, or it drains.
    #[inline]
    pub(crate) fn serves_sessions(&self) -> bool {
        self.stop.get().is_none_or(|stop| Instant::now() < stop.drained)
    }

    /// How much of the grace remains; all time there is until the server stops.
    #[inline]
    pub(crate) fn grace_remaining(&self) -> Duration {
        let remaining = |stop: &Stop| stop.deadline.saturating_duration_since(Instant::now());
        self.stop.get().map_or(Duration::MAX, remaining)
    }

    /// How long the step of the stop lasts in which sessions are still `served`, or that in which
    /// they are not; `None` if the server does not stop. Zero once it is over, so that a thread which
    /// has yet to notice does not wait for the end of the next one.
    pub(crate) fn until_next_step(&self, served: bool) -> Option<Duration> {
        let stop = self.stop.get()?;
        let end = if served { stop.drained } else { stop.deadline };
        Some(end.saturating_duration_since(Instant::now()))
    }
}

/// The part of the grace that is kept back for ending the process.
fn teardown_reserve(grace: Duration) -> Duration {
    (grace / 5).clamp(Duration::from_millis(100), Duration::from_secs(1))
}
