//! Load and latency over one or many connections.

mod bars;
mod distribution;
mod progress;
mod record;
mod text;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::config::{Bench, Length};
use crate::drive::{self, DatagramLane, Plan, Route, Share, StreamLane, raise_open_files, reach};
use crate::ending::{conclude, write_json};
use crate::failure::{Failure, Kind};
use crate::measure::{Pace, Problem, Tally, Tape};
use crate::units::number;
use crate::verdict::verdict;
use progress::{Progress, Watched};
use record::Record;

/// Runs a bench and reports it on `out`; `stop` says how it is told to end early.
pub(crate) fn run(
    config: &Bench,
    out: impl Write,
    stop: impl FnOnce() -> io::Result<Arc<AtomicBool>>,
) -> ExitCode {
    let (tally, outcome) = match distribution::Output::create(config.hdr.as_deref()) {
        Ok(hdr) => {
            let (tally, outcome) = outcome(config, stop);
            let written = hdr.write(&tally.latency);
            (tally, outcome.and(written))
        }
        Err(failure) => (Tally::new(Instant::now()), Err(failure)),
    };
    let is_nothing = outcome.as_ref().is_err_and(|_| tally.sent() == 0);
    let reported = if config.json {
        write_json(&Record::new(config, &tally, &outcome), out)
    } else if is_nothing {
        Ok(())
    } else {
        text::write(config, &tally, out)
    };
    let reported = reported.map_err(|error| Failure::output(&error));
    conclude(Some(&config.target.endpoint.to_string()), outcome.and(reported))
}

/// What was counted, if only that the server was not there, and whether that is as it should be.
fn outcome(
    config: &Bench,
    stop: impl FnOnce() -> io::Result<Arc<AtomicBool>>,
) -> (Tally, Result<(), Failure>) {
    let mut tally = Tally::new(Instant::now());
    let route = raise_open_files(config.connections, config.threads)
        .and_then(|()| reach(&config.target))
        .inspect_err(|failure| match failure.kind {
            Kind::Usage => {}
            kind => tally.problems.count(&Problem::Connect(kind), 1),
        });
    let route = match route {
        Ok(route) => route,
        Err(failure) => return (tally, Err(failure)),
    };
    let measured = stop().and_then(|stop| {
        let tally = measure(config, route, &stop)?;
        Ok((tally, stop.load(Ordering::Relaxed)))
    });
    match measured {
        Ok((tally, is_stopped)) => {
            let complete = if is_stopped { Ok(()) } else { completeness(config, &tally) };
            let outcome = verdict(&tally, &config.target).and(complete);
            (tally, outcome)
        }
        Err(error) => {
            let message = format!("{error}, expected threads, polls and timers of the system");
            (tally, Err(Failure::unanswered(Kind::Unreachable, message)))
        }
    }
}

fn measure(config: &Bench, route: Route, stop: &AtomicBool) -> io::Result<Tally> {
    let plan = Arc::new(plan(config, route.addresses));
    let progress = Progress::new(config, &plan);
    let run = if config.target.is_datagram() {
        drive::run::<DatagramLane, Watched>
    } else {
        drive::run::<StreamLane, Watched>
    };
    let (plan, progress) = (&plan, &progress);
    let share = |index: usize| Share { index: index as u64, of: config.threads as u64 };
    let watched = |index| progress.watch(index, Tally::new(plan.warm_until));
    thread::scope(|scope| {
        let (running, ended) = mpsc::channel();
        let others: Vec<_> = (1..config.threads)
            .map(|index| {
                let worker =
                    move || run(Arc::clone(plan), share(index), None, watched(index), stop);
                thread::Builder::new().spawn_scoped(scope, worker)
            })
            .collect::<io::Result<_>>()?;
        if progress.is_shown() {
            thread::Builder::new().spawn_scoped(scope, move || progress.follow(&ended))?;
        }
        // On the first thread, since a process with a single one is spared some locks.
        let mut sum = run(Arc::clone(plan), share(0), route.first, watched(0), stop)?.into_tally();
        for worker in others {
            let watched = worker.join().expect("a panic in a thread is a bug, told on its way")?;
            sum.add(watched.into_tally());
        }
        drop::<mpsc::Sender<()>>(running);
        let is_stopped = stop.load(Ordering::Relaxed);
        if let Some(end) = if is_stopped { Some(Instant::now()) } else { plan.end } {
            sum.end(end);
        }
        Ok(sum)
    })
}

fn plan(config: &Bench, addresses: Vec<socket2::SockAddr>) -> Plan {
    let target = config.target.clone();
    let pace = config.rate.map(|messages| Pace { period: Duration::from_secs(1), messages });
    // A datagram waits for no other one.
    let is_boundless = pace.is_some() && target.is_datagram();
    let start = Instant::now();
    let warm_until = start + config.warmup;
    let (end, messages) = match config.length {
        Length::Duration(duration) => (Some(warm_until + duration), None),
        Length::Messages(messages) => (None, Some(messages)),
    };
    Plan {
        tape: Arc::new(Tape::new(target.framing, config.size, config.pipeline)),
        target,
        addresses,
        size: config.size,
        connections: config.connections as u64,
        window: if is_boundless { u64::MAX } else { config.pipeline },
        pace,
        is_punctual: false,
        start,
        warm_until,
        end,
        messages,
    }
}

fn completeness(config: &Bench, tally: &Tally) -> Result<(), Failure> {
    match config.length {
        Length::Messages(messages) if tally.sent() < messages => {
            let message = format!(
                "only {} of {} messages could be sent before it was given up, expected all",
                number(tally.sent()),
                number(messages)
            );
            Err(Failure::unanswered(Kind::Timeout, message))
        }
        Length::Messages(_) | Length::Duration(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
