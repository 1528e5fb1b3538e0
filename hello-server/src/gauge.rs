//! How busy a worker is, and whether the machine has a core to spare.

use std::fs;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Measures the processor time that the calling thread uses.
#[derive(Debug)]
pub(crate) struct Gauge {
    used: Duration,
    at: Instant,
    machine_idle: Option<u64>,
}

/// One measurement, since the one before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Of this thread, in percent of one core.
    pub(crate) busy: u32,
    /// Of the whole machine, in percent of one core; as much as can be where nothing tells.
    pub(crate) machine_idle: u32,
}

impl Gauge {
    /// Begins to measure, on the thread that is measured.
    pub(crate) fn start() -> Self {
        Self { used: used(), at: Instant::now(), machine_idle: machine_idle() }
    }

    /// Measures, if the last time is at least `period` ago.
    pub(crate) fn read(&mut self, period: Duration) -> Option<Reading> {
        let elapsed = self.at.elapsed();
        if elapsed < period {
            return None;
        }
        let last = std::mem::replace(self, Self::start());
        let percent = |part: Duration| {
            let percent = part.as_secs_f64() / elapsed.as_secs_f64() * 100.0;
            percent as u32
        };
        let busy = percent(self.used.saturating_sub(last.used));
        let machine_idle = match (self.machine_idle, last.machine_idle) {
            (Some(now), Some(then)) => {
                percent(Duration::from_millis(now.saturating_sub(then) * MILLIS_PER_JIFFY))
            }
            _ => u32::MAX,
        };
        Some(Reading { busy, machine_idle })
    }
}

/// `USER_HZ` is 100 on every architecture that std supports: time(7).
const MILLIS_PER_JIFFY: u64 = 10;

fn used() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The idle time of all cores since the start of the machine, in jiffies: proc_stat(5).
fn machine_idle() -> Option<u64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.strip_prefix("cpu ")?.split_ascii_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_only_waits_is_not_busy_and_one_that_computes_is_busier() {
        let period = Duration::from_millis(50);
        let mut gauge = Gauge::start();
        std::thread::sleep(period);
        let idle = gauge.read(period).unwrap();
        let begin = Instant::now();
        while begin.elapsed() < period {
            std::hint::black_box(());
        }
        let busy = gauge.read(period).unwrap();
        assert!(idle.busy < busy.busy, "{idle:?} {busy:?}");
        assert!(gauge.read(Duration::from_secs(3600)).is_none());
    }
}
