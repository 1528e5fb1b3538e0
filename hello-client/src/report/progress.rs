//! The line that shows on a terminal how far a bench has come.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::load::{Event, Observer, Plan, Stats};
use crate::units::{number, plural, time_or_dash};

/// How often the line is drawn.
const TICK: Duration = Duration::from_millis(200);

/// A thread's counts, for the line.
#[derive(Debug, Default)]
struct ThreadProgress {
    received: AtomicU64,
    errors: AtomicU64,
    p99_nanos: AtomicU64,
}

/// What is shown of all threads.
#[derive(Debug)]
pub(crate) struct Progress {
    threads: Option<Vec<Arc<ThreadProgress>>>,
    plan: Arc<Plan>,
}

/// Counts, and shows the counts from time to time.
#[derive(Debug)]
pub(crate) struct Watched {
    stats: Stats,
    thread: Option<Arc<ThreadProgress>>,
    next: Instant,
}

impl Progress {
    /// A line for a bench, if there is to be one.
    pub(crate) fn new(is_wanted: bool, thread_count: usize, plan: &Arc<Plan>) -> Self {
        let is_shown = is_wanted && io::stderr().is_terminal();
        let threads = || (0..thread_count).map(|_| Arc::default()).collect();
        Self { threads: is_shown.then(threads), plan: Arc::clone(plan) }
    }

    /// What the thread of this index counts with.
    pub(crate) fn watch(&self, index: usize, stats: Stats) -> Watched {
        let thread = self.threads.as_ref().and_then(|threads| threads.get(index).cloned());
        Watched { stats, thread, next: self.plan.start }
    }

    /// Whether there is a line.
    pub(crate) fn is_shown(&self) -> bool {
        self.threads.is_some()
    }

    /// Draws the line until all threads have `ended`.
    pub(crate) fn follow(&self, ended: &Receiver<()>) {
        let Some(threads) = &self.threads else { return };
        let target = ProgressDrawTarget::stderr();
        let bar = ProgressBar::with_draw_target(Some(1000), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:20} {msg}") {
            bar.set_style(style);
        }
        let (mut before, mut drawn) = (0, Instant::now());
        while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            let now = Instant::now();
            let sum = |count: fn(&ThreadProgress) -> &AtomicU64| {
                threads.iter().map(move |thread| count(thread).load(Ordering::Relaxed))
            };
            let received = sum(|thread| &thread.received).sum();
            let errors = sum(|thread| &thread.errors).sum();
            let p99 = sum(|thread| &thread.p99_nanos).max().filter(|nanos| *nanos > 0);
            let rate = (received - before) as f64 / (now - drawn).as_secs_f64();
            (before, drawn) = (received, now);
            let (done, left) = self.done(received, rate, now);
            bar.set_position((done * 1000.0) as u64);
            bar.set_message(match self.plan.warm_until.checked_duration_since(now) {
                Some(left) => format!("warming up, {:.1} s left", left.as_secs_f64()),
                None => format!(
                    "{left} left, {}/s, p99 {}, {}",
                    number(rate.round() as u64),
                    time_or_dash(p99.map(|nanos| nanos as f64 / 1e3)),
                    plural(errors, "error")
                ),
            });
        }
        bar.finish_and_clear();
    }

    /// Which part is done, and the time left.
    fn done(&self, received: u64, rate: f64, now: Instant) -> (f64, String) {
        let seconds = |seconds: f64| format!("{seconds:.1} s");
        match (self.plan.end, self.plan.messages) {
            (Some(end), _) => {
                let left = end.saturating_duration_since(now).as_secs_f64();
                let whole = (end - self.plan.start).as_secs_f64();
                (1.0 - left / whole, seconds(left))
            }
            (None, messages) => {
                let whole = messages.unwrap_or(1).max(1);
                let left = whole.saturating_sub(received) as f64;
                let time = if rate > 0.0 { seconds(left / rate) } else { "? s".to_owned() };
                (1.0 - left / whole as f64, time)
            }
        }
    }
}

impl Watched {
    /// What was counted.
    pub(crate) fn into_stats(self) -> Stats {
        self.stats
    }
}

impl Observer for Watched {
    fn on_event(&mut self, event: Event<'_>, now: Instant) {
        self.stats.on_event(event, now);
    }

    fn on_tick(&mut self, now: Instant) {
        let Some(thread) = self.thread.as_ref().filter(|_| now >= self.next) else { return };
        self.next = now + TICK;
        let p99 = self.stats.latency.quantile(0.99).unwrap_or_default() * 1e3;
        thread.received.store(self.stats.received(), Ordering::Relaxed);
        thread.errors.store(self.stats.errors(), Ordering::Relaxed);
        thread.p99_nanos.store(p99 as u64, Ordering::Relaxed);
    }
}
