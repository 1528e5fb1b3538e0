//! Round trips one by one.

mod journal;
mod record;
mod summary;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::config::Ping;
use crate::drive::{self, DatagramLane, Plan, Route, Share, StreamLane, reach};
use crate::ending::{conclude, write_json};
use crate::failure::{Failure, Kind};
use crate::measure::{Pace, Problem, Tally, Tape};
use crate::verdict::verdict;
use journal::Journal;
use record::Record;

/// Pings, and reports on `out`; `stop` says how it is told to end.
pub(crate) fn run(
    config: &Ping,
    mut out: impl Write,
    stop: impl FnOnce() -> io::Result<Arc<AtomicBool>>,
) -> ExitCode {
    // What is on standard output under --json is the object alone.
    let measured = if config.json {
        measure(config, io::stderr(), stop)
    } else {
        measure(config, &mut out, stop)
    };
    let (tally, outcome) = match measured {
        Ok(tally) => {
            let outcome = verdict(&tally, &config.target);
            (tally, outcome)
        }
        Err(failure) => {
            let mut tally = Tally::new(Instant::now());
            tally.problems.count(&Problem::Connect(failure.kind), 1);
            (tally, Err(failure))
        }
    };
    let reported = if config.json {
        write_json(&Record::new(config, &tally, &outcome), out)
    } else {
        summary::write(config, &tally, out)
    };
    let reported = reported.map_err(|error| Failure::output(&error));
    conclude(Some(&config.target.endpoint.to_string()), outcome.and(reported))
}

fn measure(
    config: &Ping,
    mut lines: impl Write,
    stop: impl FnOnce() -> io::Result<Arc<AtomicBool>>,
) -> Result<Tally, Failure> {
    let route = match reach(&config.target) {
        Err(failure) if failure.kind == Kind::Unresolved => return Err(failure),
        // It may come later.
        Err(_) => Route::to_all(&config.target)?,
        Ok(route) => route,
    };
    let failed = |error: io::Error| {
        let message = format!("{error}, expected signals, a poll and a timer of the system");
        Failure::unreached(Kind::Unreachable, message)
    };
    let stop = stop().map_err(failed)?;
    journal::write_heading(config, &mut lines).map_err(|error| Failure::output(&error))?;
    let plan = Arc::new(plan(config, route.addresses));
    let journal = Journal::new(config.size, Tally::new(plan.start), lines, Arc::clone(&stop));
    let share = Share { index: 0, of: 1 };
    let ended = if config.target.is_datagram() {
        drive::run::<DatagramLane, _>(plan, share, route.first, journal, &stop)
    } else {
        drive::run::<StreamLane, _>(plan, share, route.first, journal, &stop)
    };
    ended.map(Journal::into_tally).map_err(failed)
}

fn plan(config: &Ping, addresses: Vec<socket2::SockAddr>) -> Plan {
    let start = Instant::now();
    Plan {
        target: config.target.clone(),
        addresses,
        tape: Arc::new(Tape::new(config.target.framing, config.size, 1)),
        size: config.size,
        connections: 1,
        window: u64::MAX,
        pace: Some(Pace { period: config.interval, messages: 1 }),
        is_punctual: true,
        start,
        warm_until: start,
        end: None,
        messages: config.count,
    }
}

#[cfg(test)]
mod tests;
