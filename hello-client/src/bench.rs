//! Load and latency over one or many connections.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind};
use crate::load::{self, ConnectionError, Partition, Plan, Rate, Stats};
use crate::net::{Route, locate, raise_open_files};
use crate::options::{BenchOptions, OutputOptions, Target};
use crate::report::hgrm::HdrFile;
use crate::report::progress::{Progress, Watched};
use crate::report::{self, json, text};
use crate::units::number;

/// How long a bench takes by default.
const DURATION: Duration = Duration::from_secs(10);

/// Runs a bench and reports it on `out`; `stop` is called once the server is reached, and returns
/// what ends the bench early.
pub(crate) fn run(
    options: &BenchOptions,
    target: &Target,
    output: &OutputOptions,
    out: impl Write,
    stop: impl FnOnce() -> io::Result<Arc<AtomicBool>>,
) -> ExitCode {
    let mut stats = Stats::new(Instant::now());
    let outcome = HdrFile::create(options.hdr.as_deref()).and_then(|hdr| {
        let outcome = measure(options, target, output, &mut stats, stop);
        let written = hdr.write(&stats.latency);
        outcome.and(written)
    });
    let reported = if output.json {
        json::write(&json::BenchReport::new(options, target, &stats, &outcome), out)
    } else if outcome.is_err() && stats.sent() == 0 {
        Ok(())
    } else {
        let written = text::write_bench(options, target, &stats, out);
        written.map_err(|error| Error::output(&error))
    };
    report::finish(Some(&target.endpoint.to_string()), outcome.and(reported))
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
    stop: impl FnOnce() -> io::Result<Arc<AtomicBool>>,
) -> Result<(), Error> {
    raise_open_files(options.connections, options.threads)?;
    let route = locate(target).inspect_err(|error| {
        stats.connection_errors.count(&ConnectionError::Connect(error.kind), 1);
    })?;
    let failed = |error: io::Error| Error::unanswered(ErrorKind::Unreachable, error.to_string());
    let stop = stop().map_err(failed)?;
    let plan = Arc::new(plan(options, target, &route));
    let progress = Progress::new(output.quiet == 0, options.threads, &plan);
    *stats = run_threads(options.threads, &plan, route, &progress, &stop).map_err(failed)?;
    stats.evaluate(target)?;
    match options.messages {
        Some(messages) if stats.sent() < messages && !stop.load(Ordering::Relaxed) => {
            let (sent, messages) = (number(stats.sent()), number(messages));
            let message = format!("only {sent} of {messages} messages could be sent");
            Err(Error::unanswered(ErrorKind::Timeout, message))
        }
        _ => Ok(()),
    }
}

fn run_threads(
    count: usize,
    plan: &Arc<Plan>,
    route: Route,
    progress: &Progress,
    stop: &AtomicBool,
) -> io::Result<Stats> {
    let run = |index, preconnected| {
        let watched = progress.watch(index, Stats::new(plan.warm_until));
        let partition = Partition { index, count };
        load::run(Arc::clone(plan), partition, preconnected, watched, stop).map(Watched::into_stats)
    };
    thread::scope(|scope| {
        let (running, ended) = mpsc::channel();
        let others: Vec<_> = (1..count)
            .map(|index| thread::Builder::new().spawn_scoped(scope, move || run(index, None)))
            .collect::<io::Result<_>>()?;
        if progress.is_shown() {
            thread::Builder::new().spawn_scoped(scope, move || progress.follow(&ended))?;
        }
        // On the first thread, since a process with a single one is spared some locks.
        let mut sum = run(0, route.preconnected)?;
        for other in others {
            sum.add(other.join().expect("the panic hook has reported it")?);
        }
        drop::<mpsc::Sender<()>>(running);
        let is_stopped = stop.load(Ordering::Relaxed);
        if let Some(end) = if is_stopped { Some(Instant::now()) } else { plan.end } {
            sum.end(end);
        }
        Ok(sum)
    })
}

fn plan(options: &BenchOptions, target: &Target, route: &Route) -> Plan {
    let plan = Plan::new(target.clone(), route.addresses.clone(), options.size);
    let warm_until = plan.start + options.warmup;
    // Datagrams that are due by the clock do not wait for each other.
    let is_boundless = options.rate.is_some() && target.is_datagram();
    Plan {
        connections: options.connections,
        window: if is_boundless { u64::MAX } else { options.pipeline },
        rate: options.rate.map(|messages| Rate { period: Duration::from_secs(1), messages }),
        warm_until,
        end: match options.messages {
            Some(_) => None,
            None => Some(warm_until + options.duration.unwrap_or(DURATION)),
        },
        messages: options.messages,
        ..plan
    }
}

#[cfg(test)]
mod tests;
