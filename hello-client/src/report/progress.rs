//! The line that shows on a terminal how far a bench has come.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::screen::Screen;
use crate::load::{Plan, Row, Stats};
use crate::units::{number, plural, time_or_dash};

/// How often the line is drawn.
const TICK: Duration = Duration::from_millis(200);

/// The bar, in characters.
const BAR: usize = 20;

/// The line may grow by the `^C` that a terminal shows behind it, and still be one line, which can be
/// cleared.
const MARGIN: usize = 3;

/// To the start of the line, and clear it.
const CLEAR: &str = "\r\x1b[K";

/// The line, and what is in it besides the time left: what was known at the end of the last interval.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    plan: &'a Plan,
    is_shown: bool,
    received: u64,
    errors: u64,
    rate: f64,
    /// In microseconds.
    p99: Option<f64>,
}

impl<'a> Progress<'a> {
    /// A line on standard error if it `is_shown`.
    pub(crate) fn new(plan: &'a Plan, is_shown: bool) -> Self {
        Self { plan, is_shown, received: 0, errors: 0, rate: 0.0, p99: None }
    }

    /// Draws the line until there is something to receive, or nobody to send it.
    pub(crate) fn receive<T>(&self, receiver: &Receiver<T>) -> Option<T> {
        loop {
            match receiver.recv_timeout(TICK) {
                Ok(received) => return Some(received),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.draw(),
            }
        }
    }

    /// What was counted until now, and the last row of it.
    pub(crate) fn update(&mut self, sum: &Stats, row: &Row) {
        if self.is_shown {
            self.received = sum.received();
            self.errors = sum.errors();
            self.rate = row.messages_per_s().unwrap_or_default();
            self.p99 = sum.latency.quantile(0.99);
        }
    }

    fn draw(&self) {
        if self.is_shown {
            let width = Screen::of_stderr().width.saturating_sub(MARGIN);
            let line = format!("{CLEAR}{}", self.line(width, Instant::now()));
            // The bench goes on without it.
            let _ = io::stderr().write_all(line.as_bytes());
        }
    }

    /// The line at a moment, at most so wide.
    fn line(&self, width: usize, now: Instant) -> String {
        let (done, left) = self.done(now);
        let mut line = match self.plan.warm_until.checked_duration_since(now) {
            Some(left) => format!("warming up, {:.1} s left", left.as_secs_f64()),
            None if self.received + self.errors == 0 => format!("{left} left"),
            None => {
                let rate = number(self.rate.round() as u64);
                let (p99, errors) = (time_or_dash(self.p99), plural(self.errors, "error"));
                format!("{left} left, {rate}/s, p99 {p99}, {errors}")
            }
        };
        // It is in ASCII.
        line.truncate(width);
        if line.len() + BAR < width {
            let full = (done.clamp(0.0, 1.0) * BAR as f64) as usize;
            line = format!("{}{} {line}", "█".repeat(full), "░".repeat(BAR - full));
        }
        line
    }

    /// Which part is done, and the time left.
    fn done(&self, now: Instant) -> (f64, String) {
        let seconds = |seconds: f64| format!("{seconds:.1} s");
        match (self.plan.end, self.plan.messages) {
            (Some(end), _) => {
                let left = end.saturating_duration_since(now).as_secs_f64();
                let whole = (end - self.plan.start).as_secs_f64();
                (1.0 - left / whole, seconds(left))
            }
            (None, messages) => {
                let whole = messages.unwrap_or(1).max(1);
                let left = whole.saturating_sub(self.received) as f64;
                let rate = self.rate;
                let time = if rate > 0.0 { seconds(left / rate) } else { "? s".to_owned() };
                (1.0 - left / whole as f64, time)
            }
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = io::stderr().write_all(CLEAR.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::target;

    /// A run of 10 s, of which half are over.
    fn line(width: usize, errors: u64) -> String {
        let plan = Plan::new(target(&[]), vec![], 16);
        let plan = Plan { end: Some(plan.start + Duration::from_secs(10)), ..plan };
        let now = plan.start + Duration::from_secs(5);
        let p99 = Some(183.4);
        let progress =
            Progress { plan: &plan, is_shown: false, received: 5, errors, rate: 1_234_567.0, p99 };
        progress.line(width, now)
    }

    #[test]
    fn a_line_has_a_bar_where_there_is_room_for_it() {
        let expected = "5.0 s left, 1,234,567/s, p99 183.4 us, 0 errors";
        assert_eq!(line(47, 0), expected);
        assert_eq!(line(77, 0), format!("██████████░░░░░░░░░░ {expected}"));
    }

    #[test]
    fn a_line_is_never_wider_than_the_terminal() {
        for width in 0..120 {
            assert!(line(width, 1_000_000).chars().count() <= width);
        }
    }
}
