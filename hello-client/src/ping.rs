//! Round trips one by one.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::bench::explain;
use crate::error::{Error, ErrorKind};
use crate::load::{self, Batch, ConnectionError, Event, Observer, Partition, Plan, Rate, Stats};
use crate::options::{OutputOptions, PingOptions, Target};
use crate::report::{self, json, text};
use crate::session::{Route, locate};
use crate::units::{plural, time};

/// Pings, and reports on `out`.
pub(crate) fn run(
    options: &PingOptions,
    target: &Target,
    output: &OutputOptions,
    mut out: impl Write,
) -> ExitCode {
    // Under --json the object is alone on standard output.
    let measured = if output.json {
        measure(options, target, &mut IgnoreErrors(io::stderr()))
    } else {
        measure(options, target, &mut out)
    };
    let (stats, outcome) = match measured {
        Ok((stats, unreached)) => {
            let outcome = stats.evaluate(target, &options.thresholds);
            // Why the server was not there in the first place says more than what followed from it.
            let outcome =
                outcome.map_err(|error| unreached.filter(|_| !stats.is_reached).unwrap_or(error));
            let outcome = outcome.map_err(|error| explain(error, &stats, target, options.size));
            (stats, outcome)
        }
        Err(error) => {
            let mut stats = Stats::new(Instant::now());
            stats.connection_errors.count(&ConnectionError::Connect(error.kind), 1);
            (stats, Err(error))
        }
    };
    let reported = if output.json {
        json::write(&json::PingReport::new(options, target, &stats), &outcome, out)
    } else {
        text::write_ping(target, &stats, out).map_err(Error::output)
    };
    report::finish(Some(&target.endpoint), outcome.and(reported))
}

/// The counts, and why the server was not there at first.
///
/// # Errors
///
/// Why nothing was sent.
fn measure(
    options: &PingOptions,
    target: &Target,
    lines: &mut dyn Write,
) -> Result<(Stats, Option<Error>), Error> {
    let (route, unreached) = match locate(target) {
        Err(error) if error.kind == ErrorKind::Unresolved || !target.wait.is_zero() => {
            return Err(error);
        }
        // The server may come later.
        Err(error) => (Route::unverified(target)?, Some(error)),
        Ok(route) => (route, None),
    };
    let failed = |error: io::Error| Error::unreached(ErrorKind::Unreachable, error.to_string());
    let stop = load::stop_on_signal().map_err(failed)?;
    let (size, interval) = (plural(options.size as u64, "byte"), options.interval);
    writeln!(lines, "PING {}: {size} every {interval:?}", target.endpoint)
        .and_then(|()| lines.flush())
        .map_err(Error::output)?;
    let plan = Plan {
        window: u64::MAX,
        rate: Some(Rate { period: options.interval, messages: 1 }),
        drop_late: true,
        messages: options.count,
        ..Plan::new(target.clone(), route.addresses, options.size)
    };
    let stats = Stats::new(plan.start);
    let mut printer = LinePrinter { size: options.size, stats, lines, stop: &stop };
    let partition = Partition { index: 0, count: 1, preconnected: route.preconnected };
    load::run(&plan, partition, &mut printer, &stop).map_err(failed)?;
    let mut stats = printer.stats;
    stats.is_interrupted = stop.load(Ordering::Relaxed);
    Ok((stats, unreached))
}

/// What cannot be written is dropped: nothing depends on it.
struct IgnoreErrors<W>(W);

impl<W: Write> Write for IgnoreErrors<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.0.write(bytes).unwrap_or(bytes.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().or(Ok(()))
    }
}

/// Counts, and writes a line for each message.
struct LinePrinter<'a> {
    size: usize,
    stats: Stats,
    lines: &'a mut dyn Write,
    /// Set when `lines` cannot be written any more.
    stop: &'a AtomicBool,
}

impl LinePrinter<'_> {
    fn print_each(&mut self, batch: Batch, what: impl Display) {
        // A signal ends it within a batch, too.
        let numbers = batch.first..batch.first + batch.count;
        for number in numbers.take_while(|_| !self.stop.load(Ordering::Relaxed)) {
            self.print(format_args!("seq={} {what}", number + 1));
        }
    }

    fn print(&mut self, line: impl Display) {
        if writeln!(self.lines, "{line}").and_then(|()| self.lines.flush()).is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

impl Observer for LinePrinter<'_> {
    fn on_event(&mut self, event: Event<'_>, now: Instant) {
        let size = self.size;
        let rtt = |batch: &Batch| {
            let round_trip = now.saturating_duration_since(batch.since);
            time(round_trip.as_nanos() as f64 / 1e3)
        };
        match &event {
            Event::Answered(batch) => {
                self.print_each(*batch, format_args!("bytes={size} rtt={}", rtt(batch)));
            }
            Event::Lost(batch, why) => self.print_each(*batch, format_args!("lost: {why}")),
            Event::Late(batch) => {
                self.print_each(*batch, format_args!("late: bytes={size} rtt={}", rtt(batch)));
            }
            Event::Wrong(Some(batch), wrong) => {
                self.print_each(*batch, format_args!("wrong: {wrong}"));
            }
            Event::Wrong(None, wrong) => self.print(format_args!("wrong: {wrong}")),
            Event::Duplicated => self.print("a reply came twice"),
            Event::Reordered(_)
            | Event::Reached
            | Event::Failed(_)
            | Event::Unsent(_)
            | Event::Overflowed(_)
            | Event::Paced(_)
            | Event::SessionEnded { .. }
            | Event::Tcp(_)
            | Event::Varied(_) => {}
        }
        self.stats.on_event(event, now);
    }
}

#[cfg(test)]
mod tests;
