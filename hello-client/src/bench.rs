//! Load and latency over one or many connections.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use socket2::Socket;

use crate::error::{Error, ErrorKind};
use crate::load::{
    self, ConnectionError, History, Interval, Partition, Plan, Rate, Row, Stats, Timeline,
};
use crate::net::max_connections;
use crate::options::{BenchOptions, OutputOptions, Target};
use crate::report::compare::Baseline;
use crate::report::hgrm::HdrFile;
use crate::report::progress::Progress;
use crate::report::rows::{CsvFile, RowWriter};
use crate::report::screen::Screen;
use crate::report::{self, json, text};
use crate::session::locate;
use crate::units::number;

/// How long an interval is by default.
const INTERVAL: Duration = Duration::from_secs(1);

/// Runs a bench and reports it on `out`.
pub(crate) fn run(
    options: &BenchOptions,
    target: &Target,
    output: &OutputOptions,
    mut out: impl Write,
) -> ExitCode {
    let mut result = BenchResult::new(Instant::now());
    let mut baseline = None;
    let outcome = Baseline::read(options, target).and_then(|read| {
        baseline = read;
        let hdr = HdrFile::create(options.hdr.as_deref())?;
        let csv = CsvFile::create(options.csv.as_deref())?;
        let is_shown = options.interval.is_some() && !output.json;
        let mut rows = RowWriter::new(csv, is_shown.then_some(&mut out));
        let outcome = measure(options, target, output, &mut rows, &mut result);
        let written = hdr.write(&result.stats.latency);
        let rows_written = rows.finish();
        outcome.and(rows_written).and(written)
    });
    let BenchResult { stats, history } = &result;
    let comparison = baseline.map(|baseline| baseline.compare(stats));
    let outcome = outcome.and_then(|()| match &comparison {
        Some(comparison) => comparison.check(options.max_slowdown),
        None => Ok(()),
    });
    let reported = if output.json {
        let report = json::BenchReport::new(options, target, stats, history, comparison.as_ref());
        json::write(&report, &outcome, out)
    } else if outcome.is_err() && stats.sent() == 0 {
        Ok(())
    } else {
        let screen = Screen::of_stdout();
        let written = text::write_bench(options, target, stats, history, screen, &mut out);
        let compared = written.and_then(|()| comparison.map_or(Ok(()), |one| one.write(out)));
        compared.map_err(Error::output)
    };
    report::finish(Some(&target.endpoint), outcome.and(reported))
}

/// What a bench has found out.
struct BenchResult {
    stats: Stats,
    history: History,
}

impl BenchResult {
    /// Nothing yet of a run whose warm-up ends then.
    fn new(warm_until: Instant) -> Self {
        Self { stats: Stats::new(warm_until), history: History::default() }
    }

    /// Adds the `intervals` of all threads as they come, and writes their `rows`; if those cannot be
    /// written, the threads `stop`. Returns the end of the last interval.
    fn collect(
        &mut self,
        plan: &Plan,
        intervals: &[Receiver<Interval>],
        rows: &mut RowWriter<'_>,
        mut progress: Progress<'_>,
        stop: &AtomicBool,
    ) -> Instant {
        let mut until = plan.warm_until;
        while let Some(interval) =
            load::next_interval(intervals, |intervals| progress.receive(intervals))
        {
            let row = Row::new(plan.warm_until, until, &interval);
            until = until.max(interval.until);
            self.stats.add(interval.stats);
            progress.update(&self.stats, &row);
            if !row.is_empty() {
                rows.write(&row);
                self.history.intervals.push(row);
            }
            if rows.is_broken() {
                stop.store(true, Ordering::Relaxed);
            }
        }
        until
    }
}

/// Replaces the `result` by that of a run, if only that the server was not there.
///
/// # Errors
///
/// Why that does not show a path that works.
fn measure(
    options: &BenchOptions,
    target: &Target,
    output: &OutputOptions,
    rows: &mut RowWriter<'_>,
    result: &mut BenchResult,
) -> Result<(), Error> {
    let most = max_connections(options.threads);
    if options.connections > most {
        return Err(Error::usage(format!(
            "--connections {} is more than the limit of open files allows: at most {most} (ulimit -n)",
            options.connections
        )));
    }
    let mut route = locate(target).inspect_err(|error| {
        result.stats.connection_errors.count(&ConnectionError::Connect(error.kind), 1);
    })?;
    if options.reconnect {
        route.leave(target.timeout());
    }
    let stop = load::stop_on_signal().map_err(Error::system)?;
    let plan = plan(options, Plan::new(target.clone(), route.addresses, options.size));
    let is_shown = output.quiet == 0
        && io::stderr().is_terminal()
        && !(rows.has_lines() && io::stdout().is_terminal());
    let progress = Progress::new(&plan, is_shown);
    *result = run_threads(options, &plan, route.preconnected, rows, progress, &stop)?;
    let stats = &result.stats;
    stats
        .evaluate(target, &options.thresholds)
        .map_err(|error| load::explain(error, stats, target, options.size))?;
    match options.messages {
        Some(messages) if stats.sent() < messages && !stats.is_interrupted => {
            let (sent, messages) = (number(stats.sent()), number(messages));
            let message = format!("only {sent} of {messages} messages could be sent");
            Err(Error::unanswered(ErrorKind::Timeout, message))
        }
        Some(_) | None => Ok(()),
    }
}

fn run_threads(
    options: &BenchOptions,
    plan: &Plan,
    mut preconnected: Option<Socket>,
    rows: &mut RowWriter<'_>,
    progress: Progress<'_>,
    stop: &AtomicBool,
) -> Result<BenchResult, Error> {
    let count = options.threads;
    let length = options.interval.unwrap_or(INTERVAL);
    let start = Mutex::new(());
    thread::scope(|scope| {
        // Nothing is sent before it is known that all threads can be made.
        let waiting = start.lock();
        let threads = (0..count).map(|index| {
            let partition = Partition { index, count, preconnected: preconnected.take() };
            let (sender, intervals) = mpsc::sync_channel(Timeline::QUEUE_LEN);
            let mut timeline = Timeline::new(plan, length, sender);
            let start = &start;
            let thread = thread::Builder::new().spawn_scoped(scope, move || {
                drop(start.lock());
                load::run(plan, partition, &mut timeline, stop)?;
                let is_stopped = stop.load(Ordering::Relaxed);
                Ok(timeline.finish(is_stopped.then(Instant::now)))
            });
            Ok((intervals, thread?))
        });
        let threads = threads.collect::<io::Result<Vec<_>>>().map_err(|error| {
            stop.store(true, Ordering::Relaxed);
            Error::usage(format!("--threads {count}: not all can be started: {error}"))
        })?;
        drop(waiting);
        let (intervals, threads): (Vec<_>, Vec<_>) = threads.into_iter().unzip();
        let mut result = BenchResult::new(plan.warm_until);
        let until = result.collect(plan, &intervals, rows, progress, stop);
        let gaps = threads.into_iter().map(|thread| {
            let outcome: io::Result<_> = thread.join().expect("the panic hook has reported it");
            outcome.map_err(Error::system)
        });
        let gaps = gaps.collect::<Result<_, _>>()?;
        result.stats.is_interrupted = stop.load(Ordering::Relaxed);
        if result.stats.is_interrupted || plan.end.is_some() {
            result.stats.end(until);
        }
        let usual_pause = usual_pause(plan, &result.stats);
        result.history.outages = load::outages(gaps, (plan.warm_until, until), usual_pause);
        Ok(result)
    })
}

/// How long no reply comes on a path that is good. Neither one on which each round trip takes long is
/// one outage after the other, nor is a single message that is lost one.
fn usual_pause(plan: &Plan, stats: &Stats) -> Duration {
    let round_trip = stats.latency.shortest().unwrap_or_default();
    let from_one_to_the_next =
        plan.rate.map(|rate| rate.period.div_f64(rate.messages as f64)).unwrap_or_default();
    (round_trip * 2).max(from_one_to_the_next.mul_f64(1.5))
}

/// The `plan` with all that `options` ask for.
fn plan(options: &BenchOptions, plan: Plan) -> Plan {
    let warm_until = plan.start + options.warmup;
    // Datagrams that are due by the clock do not wait for each other.
    let is_boundless = options.rate.is_some() && plan.target.is_datagram();
    Plan {
        connections: options.connections,
        window: if is_boundless { u64::MAX } else { options.pipeline },
        reconnect: options.reconnect,
        udp_buffer: options.udp_buffer,
        rate: options.rate.map(|messages| Rate { period: Duration::from_secs(1), messages }),
        warm_until,
        end: options.duration().map(|duration| warm_until + duration),
        messages: options.messages,
        ..plan
    }
}

#[cfg(test)]
mod tests;
