//! Load and latency over one or many connections.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use socket2::Socket;

use crate::error::{Error, ErrorKind};
use crate::load::{self, ConnectionError, Partition, Plan, Rate, Stats};
use crate::net::max_connections;
use crate::options::{BenchOptions, OutputOptions, Target};
use crate::report::compare::Baseline;
use crate::report::hgrm::HdrFile;
use crate::report::progress::{self, Watched};
use crate::report::{self, json, text};
use crate::session::{explain_silence, locate};
use crate::units::number;

/// Runs a bench and reports it on `out`.
pub(crate) fn run(
    options: &BenchOptions,
    target: &Target,
    output: &OutputOptions,
    mut out: impl Write,
) -> ExitCode {
    let mut stats = Stats::new(Instant::now());
    let mut baseline = None;
    let outcome = Baseline::read(options, target).and_then(|read| {
        baseline = read;
        let hdr = HdrFile::create(options.hdr.as_deref())?;
        let outcome = measure(options, target, output, &mut stats);
        let written = hdr.write(&stats.latency);
        outcome.and(written)
    });
    let comparison = baseline.map(|baseline| baseline.compare(&stats));
    let outcome = outcome.and_then(|()| match &comparison {
        Some(comparison) => comparison.check(options.max_slowdown),
        None => Ok(()),
    });
    let reported = if output.json {
        let report = json::BenchReport::new(options, target, &stats, comparison.as_ref());
        json::write(&report, &outcome, out)
    } else if outcome.is_err() && stats.sent() == 0 {
        Ok(())
    } else {
        let written = text::write_bench(options, target, &stats, &mut out);
        let compared = written.and_then(|()| comparison.map_or(Ok(()), |one| one.write(out)));
        compared.map_err(Error::output)
    };
    report::finish(Some(&target.endpoint), outcome.and(reported))
}

/// Replaces `stats` by what was counted, if only that the server was not there.
///
/// # Errors
///
/// Why that does not show a path that works.
fn measure(
    options: &BenchOptions,
    target: &Target,
    output: &OutputOptions,
    stats: &mut Stats,
) -> Result<(), Error> {
    let most = max_connections(options.threads);
    if options.connections > most {
        return Err(Error::usage(format!(
            "--connections {} is more than the limit of open files allows: at most {most} (ulimit -n)",
            options.connections
        )));
    }
    let mut route = locate(target).inspect_err(|error| {
        stats.connection_errors.count(&ConnectionError::Connect(error.kind), 1);
    })?;
    if options.reconnect {
        route.leave(target.timeout());
    }
    let stop = load::stop_on_signal().map_err(failed)?;
    let plan = plan(options, Plan::new(target.clone(), route.addresses, options.size));
    let is_shown = output.quiet == 0 && io::stderr().is_terminal();
    *stats = run_threads(options.threads, &plan, route.preconnected, is_shown, &stop)?;
    stats.is_interrupted = stop.load(Ordering::Relaxed);
    let end = if stats.is_interrupted { Some(Instant::now()) } else { plan.end };
    if let Some(end) = end {
        stats.end(end);
    }
    stats
        .evaluate(target, &options.thresholds)
        .map_err(|error| explain(error, stats, target, options.size))?;
    match options.messages {
        Some(messages) if stats.sent() < messages && !stats.is_interrupted => {
            let (sent, messages) = (number(stats.sent()), number(messages));
            let message = format!("only {sent} of {messages} messages could be sent");
            Err(Error::unanswered(ErrorKind::Timeout, message))
        }
        Some(_) | None => Ok(()),
    }
}

/// Says of `error` what it means if not one datagram of this `size` was answered.
pub(crate) fn explain(error: Error, stats: &Stats, target: &Target, size: usize) -> Error {
    if target.is_datagram() && !stats.is_reached && stats.sent() > 0 {
        return explain_silence(error, target, &vec![b'.'; size]);
    }
    error
}

fn run_threads(
    count: usize,
    plan: &Plan,
    mut preconnected: Option<Socket>,
    is_shown: bool,
    stop: &AtomicBool,
) -> Result<Stats, Error> {
    let (snapshots, received) = mpsc::channel();
    let start = Mutex::new(());
    thread::scope(|scope| {
        // Nothing is sent before it is known that all threads can be made.
        let waiting = start.lock();
        let threads = (0..count).map(|index| {
            let partition = Partition { index, count, preconnected: preconnected.take() };
            let mut watched = Watched::new(plan, index, is_shown.then(|| snapshots.clone()));
            let start = &start;
            thread::Builder::new().spawn_scoped(scope, move || {
                drop(start.lock());
                load::run(plan, partition, &mut watched, stop).map(|()| watched.stats)
            })
        });
        let threads = threads.collect::<io::Result<Vec<_>>>().map_err(|error| {
            stop.store(true, Ordering::Relaxed);
            Error::usage(format!("--threads {count}: not all can be started: {error}"))
        })?;
        drop(waiting);
        drop(snapshots);
        if is_shown {
            progress::show(plan, count, received);
        }
        let mut sum = Stats::new(plan.warm_until);
        for thread in threads {
            let outcome = thread.join().expect("the panic hook has reported it");
            sum.add(outcome.map_err(failed)?);
        }
        Ok(sum)
    })
}

/// The system refuses what every run needs.
fn failed(error: io::Error) -> Error {
    Error::unreached(ErrorKind::Unreachable, error.to_string())
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
