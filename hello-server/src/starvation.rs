//! What to do while descriptors or memory have run out: pause, and say so without flooding the log.

use std::io;
use std::time::{Duration, Instant};

use log::{info, warn};

use crate::throttle::Throttle;

/// How long accepting pauses, so that want of descriptors costs no processor time. They are noticed
/// so long after they are there again.
const PAUSE: Duration = Duration::from_millis(250);

/// Whether accepting is starved, and since when.
#[derive(Debug, Default)]
pub(crate) struct Starvation {
    /// Until then nothing is tried.
    until: Option<Instant>,
    log: Throttle,
}

impl Starvation {
    /// Accepting has failed for want of something.
    pub(crate) fn begin(&mut self, error: &io::Error) {
        self.until = Some(Instant::now() + PAUSE);
        if let Some(times) = self.log.happened() {
            warn!("cannot accept, so clients have to wait ({times} times): {error}");
        }
    }

    /// Accepting has worked.
    #[inline]
    pub(crate) fn over(&mut self) {
        if self.until.take().is_some() {
            info!("accepting again");
        }
    }

    pub(crate) fn is_pausing(&self) -> bool {
        !self.pause().is_zero()
    }

    /// How much of the pause is left.
    pub(crate) fn pause(&self) -> Duration {
        self.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }
}
