//! A line for each message.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::config::Ping;
use crate::measure::{Batch, Event, Listener, Tally};
use crate::units::{plural, time};

/// Counts, and writes what happens to each message.
#[derive(Debug)]
pub(super) struct Journal<W> {
    size: usize,
    tally: Tally,
    lines: W,
    stop: Arc<AtomicBool>,
}

/// Writes what will be measured.
///
/// # Errors
///
/// Those of `lines`.
pub(super) fn write_heading(config: &Ping, lines: &mut impl Write) -> io::Result<()> {
    let Ping { target, interval, size, .. } = config;
    let size = plural(*size as u64, "byte");
    writeln!(lines, "PING {}: {size} every {interval:?}", target.endpoint)?;
    lines.flush()
}

impl<W: Write> Journal<W> {
    /// Messages of `size` bytes. If `lines` cannot be written any more, it says `stop`.
    pub(super) fn new(size: usize, tally: Tally, lines: W, stop: Arc<AtomicBool>) -> Self {
        Self { size, tally, lines, stop }
    }

    /// What was counted.
    pub(super) fn into_tally(self) -> Tally {
        self.tally
    }

    fn write(&mut self, batch: Batch, what: impl Fn(u64) -> String) {
        for number in batch.first..batch.first + batch.count {
            self.line(&what(number + 1));
        }
    }

    fn line(&mut self, line: &dyn Display) {
        if writeln!(self.lines, "{line}").and_then(|()| self.lines.flush()).is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

impl<W: Write> Listener for Journal<W> {
    fn hear(&mut self, event: Event<'_>, now: Instant) {
        let size = self.size;
        let round_trip = |batch: Batch| micros(now.saturating_duration_since(batch.since));
        match &event {
            Event::Answered(batch) => {
                let rtt = time(round_trip(*batch));
                self.write(*batch, |seq| format!("seq={seq} bytes={size} rtt={rtt}"));
            }
            Event::Lost(batch, why) => self.write(*batch, |seq| format!("seq={seq} lost: {why}")),
            Event::Late(batch) => {
                let rtt = time(round_trip(*batch));
                self.write(*batch, |seq| format!("seq={seq} late: bytes={size} rtt={rtt}"));
            }
            Event::Wrong(Some(batch), wrong) => {
                self.write(*batch, |seq| format!("seq={seq} wrong: {wrong}"));
            }
            Event::Wrong(None, wrong) => self.line(&format_args!("wrong: {wrong}")),
            Event::Duplicated => self.line(&"a reply came twice"),
            Event::Reordered(_) | Event::Reached | Event::Failed(_) => {}
        }
        self.tally.hear(event, now);
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e3
}
