//! The line that shows on a terminal how far a bench has come.

use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::load::{Event, Observer, Plan, Stats};
use crate::units::{number, plural, time_or_dash};

/// How often the line is drawn.
const TICK: Duration = Duration::from_millis(200);

/// What a thread has counted so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    thread: usize,
    received: u64,
    errors: u64,
    /// In microseconds.
    p99: Option<f64>,
}

/// Counts, and if the progress is shown, sends snapshots of the counts.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) stats: Stats,
    thread: usize,
    snapshots: Option<Sender<Snapshot>>,
    next_snapshot: Instant,
}

impl Watched {
    /// What the thread of this index counts with.
    pub(crate) fn new(plan: &Plan, thread: usize, snapshots: Option<Sender<Snapshot>>) -> Self {
        let stats = Stats::new(plan.warm_until);
        Self { stats, thread, snapshots, next_snapshot: plan.start + TICK }
    }
}

impl Observer for Watched {
    fn on_event(&mut self, event: Event<'_>, now: Instant) {
        self.stats.on_event(event, now);
    }

    fn on_tick(&mut self, now: Instant) {
        if let Some(snapshots) = &self.snapshots
            && now >= self.next_snapshot
        {
            self.next_snapshot = now + TICK;
            // The line may have failed; the bench goes on.
            let _ = snapshots.send(Snapshot {
                thread: self.thread,
                received: self.stats.received(),
                errors: self.stats.errors(),
                p99: self.stats.latency.quantile(0.99),
            });
        }
    }
}

/// Draws the line on standard error until no thread sends `snapshots` any more.
pub(crate) fn show(plan: &Plan, threads: usize, snapshots: Receiver<Snapshot>) {
    let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:20} {msg}") {
        bar.set_style(style);
    }
    let mut latest = vec![Snapshot::default(); threads];
    let (mut before, mut drawn) = (0, plan.start);
    for snapshot in snapshots {
        let thread = snapshot.thread;
        latest[thread] = snapshot;
        if thread > 0 {
            // Once for all of them: they send at about the same time.
            continue;
        }
        let now = Instant::now();
        let received = latest.iter().map(|thread| thread.received).sum();
        let errors = latest.iter().map(|thread| thread.errors).sum();
        let p99 = latest.iter().filter_map(|thread| thread.p99).reduce(f64::max);
        let rate = (received - before) as f64 / (now - drawn).as_secs_f64();
        (before, drawn) = (received, now);
        let (done, left) = done(plan, received, rate, now);
        bar.set_position((done * 1000.0) as u64);
        bar.set_message(match plan.warm_until.checked_duration_since(now) {
            Some(left) => format!("warming up, {:.1} s left", left.as_secs_f64()),
            None => format!(
                "{left} left, {}/s, p99 {}, {}",
                number(rate.round() as u64),
                time_or_dash(p99),
                plural(errors, "error")
            ),
        });
    }
    bar.finish_and_clear();
}

/// Which part is done, and the time left.
fn done(plan: &Plan, received: u64, rate: f64, now: Instant) -> (f64, String) {
    let seconds = |seconds: f64| format!("{seconds:.1} s");
    match (plan.end, plan.messages) {
        (Some(end), _) => {
            let left = end.saturating_duration_since(now).as_secs_f64();
            let whole = (end - plan.start).as_secs_f64();
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
