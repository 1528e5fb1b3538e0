//! Round trips one by one, to one or many servers at the same time.

mod lines;
mod presence;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::error::{Error, ErrorKind};
use crate::load::{self, ConnectionError, Partition, Plan, Rate, Stats};
use crate::net::max_connections;
use crate::options::{OutputOptions, PingOptions, Target};
use crate::report::json::{self, Object, PingReport};
use crate::report::{self, text};
use crate::session::{Route, locate};
use crate::threads::for_each_at_once;
use crate::units::plural;
use lines::{IgnoreErrors, LinePrinter, Lines, Style};

/// How often it looks for a stop while the server is being located.
const TICK: Duration = Duration::from_millis(10);

/// Pings all `targets` at the same time, and reports on `out`.
pub(crate) fn run(
    options: &PingOptions,
    targets: &[Target],
    output: &OutputOptions,
    mut out: impl Write + Send,
) -> ExitCode {
    let stop = match load::stop_on_signal() {
        Ok(stop) => stop,
        Err(error) => return report::finish(None::<&str>, Err(Error::system(error))),
    };
    // Raises the limit. An endpoint for which that does not suffice says so itself.
    max_connections(targets.len());
    // Under --json the object is alone on standard output.
    let mut stderr = IgnoreErrors(io::stderr());
    let lines = Lines::new(if output.json { &mut stderr } else { &mut out }, &stop);
    let pings = ping_all(options, targets, &lines, &stop);
    if let Err(error) = lines.finish() {
        // What was measured was cut short.
        return unwritten(error);
    }
    let written = write(options, &pings, output, out);
    let codes = pings.into_iter().map(|ping| {
        let code = ping.outcome.as_ref().map_or_else(Error::exit_code, |()| 0);
        report::finish(Some(&ping.target.endpoint), ping.outcome);
        code
    });
    match (codes.max(), written) {
        (Some(0) | None, Err(error)) => unwritten(error),
        (code, _) => ExitCode::from(code.unwrap_or_default()),
    }
}

fn unwritten(error: io::Error) -> ExitCode {
    report::finish(None::<&str>, Err(Error::output(error)))
}

/// Says what is wrong with a command line that asks for `--json-lines`: as a summary of a run that did
/// not begin.
pub(crate) fn refuse(error: Error, out: impl Write) -> ExitCode {
    let outcome = Err(error);
    // The error is on standard error, too.
    let _ = json::write_object(&Summary::new(Object::new(&(), &outcome)), out);
    report::finish(None::<&str>, outcome)
}

/// What was measured on the path to one server, and whether that is as it should be.
struct Ping<'a> {
    target: &'a Target,
    stats: Stats,
    outcome: Result<(), Error>,
}

impl<'a> Ping<'a> {
    /// One that could not begin.
    fn failed(target: &'a Target, error: Error) -> Self {
        let mut stats = Stats::new(Instant::now());
        stats.connection_errors.count(&ConnectionError::Connect(error.kind), 1);
        Self { target, stats, outcome: Err(error) }
    }
}

fn ping_all<'a>(
    options: &PingOptions,
    targets: &'a [Target],
    lines: &Lines<'_>,
    stop: &AtomicBool,
) -> Vec<Ping<'a>> {
    let style = Style::new(options, targets);
    let ping = |target| ping(options, target, &style, lines, stop);
    let without_thread = |target, error| Ping::failed(target, Error::system(error));
    let mut pings = Vec::new();
    for_each_at_once(targets, ping, without_thread, |ping| pings.push(ping));
    pings
}

/// Pings one server.
fn ping<'a>(
    options: &PingOptions,
    target: &'a Target,
    style: &Style,
    lines: &Lines<'_>,
    stop: &AtomicBool,
) -> Ping<'a> {
    match measure(options, target, style, lines, stop) {
        Ok((stats, unreached)) => {
            let outcome = stats.evaluate(target, &options.thresholds);
            // Why the server was not there in the first place says more than what followed from it.
            let outcome =
                outcome.map_err(|error| unreached.filter(|_| !stats.is_reached).unwrap_or(error));
            let outcome =
                outcome.map_err(|error| load::explain(error, &stats, target, options.size));
            Ping { target, stats, outcome }
        }
        Err(error) => Ping::failed(target, error),
    }
}

/// The counts, and why the server was not there at first.
///
/// # Errors
///
/// Why nothing was sent.
fn measure(
    options: &PingOptions,
    target: &Target,
    style: &Style,
    lines: &Lines<'_>,
    stop: &AtomicBool,
) -> Result<(Stats, Option<Error>), Error> {
    let Some(found) = find_until(target, stop)? else {
        let mut stats = Stats::new(Instant::now());
        stats.is_interrupted = true;
        return Ok((stats, None));
    };
    let (route, unreached) = found?;
    if !options.json_lines {
        let (size, interval) = (plural(options.size as u64, "byte"), options.interval);
        lines.write(&format!("PING {}: {size} every {interval:?}", target.endpoint));
    }
    let plan = Plan {
        window: u64::MAX,
        rate: Some(Rate { period: options.interval, messages: 1 }),
        drop_late: true,
        messages: options.count,
        follows_name: true,
        ..Plan::new(target.clone(), route.addresses, options.size)
    };
    let mut printer = LinePrinter::new(target, Stats::new(plan.start), style, lines);
    let partition = Partition { index: 0, count: 1, preconnected: route.preconnected };
    load::run(&plan, partition, &mut printer, stop).map_err(Error::system)?;
    let mut stats = printer.into_stats();
    stats.is_interrupted = stop.load(Ordering::Relaxed);
    Ok((stats, unreached))
}

/// The way to a server, and if it is not there yet, why.
type Found = (Route, Option<Error>);

/// What [`find`] returns; nothing if it was stopped before.
///
/// # Errors
///
/// There is no thread for it.
fn find_until(target: &Target, stop: &AtomicBool) -> Result<Option<Result<Found, Error>>, Error> {
    let (sender, found) = mpsc::channel();
    let target = target.clone();
    // Most of what it does cannot be interrupted, and with --wait it may take long; after a stop its
    // thread is abandoned.
    thread::Builder::new().spawn(move || sender.send(find(&target))).map_err(Error::system)?;
    while !stop.load(Ordering::Relaxed) {
        match found.recv_timeout(TICK) {
            Ok(found) => return Ok(Some(found)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => panic!("the panic hook has reported it"),
        }
    }
    Ok(None)
}

/// Finds the server, or where it may come later.
///
/// # Errors
///
/// It has no address, or was waited for in vain.
fn find(target: &Target) -> Result<Found, Error> {
    match locate(target) {
        Ok(route) => Ok((route, None)),
        Err(error) if error.kind == ErrorKind::Unresolved || !target.wait.is_zero() => Err(error),
        Err(error) => Ok((Route::unverified(target)?, Some(error))),
    }
}

/// Writes what comes at the end.
///
/// # Errors
///
/// Those of `out`.
fn write(
    options: &PingOptions,
    pings: &[Ping<'_>],
    output: &OutputOptions,
    mut out: impl Write,
) -> io::Result<()> {
    /// What `--json` prints of several endpoints.
    #[derive(Serialize)]
    struct Report<R> {
        outcome: &'static str,
        pings: Vec<R>,
    }
    fn report<'a>(options: &PingOptions, ping: &'a Ping<'_>) -> PingReport<'a> {
        PingReport::new(options, ping.target, &ping.stats)
    }
    if output.json
        && let [ping] = pings
    {
        json::write_object(&Object::new(&report(options, ping), &ping.outcome), out)
    } else if output.json {
        let outcome = json::outcome(pings.iter().all(|ping| ping.outcome.is_ok()));
        let reports: Vec<_> =
            pings.iter().map(|ping| (report(options, ping), &ping.outcome)).collect();
        let objects = reports.iter().map(|(report, outcome)| Object::new(report, outcome));
        json::write_object(&Report { outcome, pings: objects.collect() }, out)
    } else if options.json_lines {
        pings.iter().try_for_each(|ping| {
            let report = report(options, ping);
            json::write_object(&Summary::new(Object::new(&report, &ping.outcome)), &mut out)
        })
    } else {
        pings.iter().try_for_each(|ping| text::write_ping(ping.target, &ping.stats, &mut out))
    }
}

/// The last line of an endpoint under `--json-lines`: the object of `--json`, with its type.
#[derive(Serialize)]
struct Summary<O> {
    r#type: &'static str,
    #[serde(flatten)]
    object: O,
}

impl<O> Summary<O> {
    fn new(object: O) -> Self {
        Self { r#type: "summary", object }
    }
}

#[cfg(test)]
mod tests;
