//! What signals ask of the server. SIGINT and SIGTERM stop it, SIGQUIT drains it as nginx; a second
//! one of the three ends the process at once. SIGUSR1 logs its counters. What other servers take as a
//! question or as a request to read their configuration again is ignored, and does not end this one.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use hello_server::{LogLimiter, Request};
use log::info;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use signal_hook::low_level::signal_name;

use crate::service_manager;

/// The exit code of a program that a signal ended, as shells have it, less the signal's number.
const ENDED_BY_SIGNAL: i32 = 128;

/// Receives what the signals ask for; `grace` is for the log.
pub(crate) fn requests(grace: Duration) -> io::Result<Receiver<Request>> {
    let is_second = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGQUIT] {
        // In this order: the handler of the first signal arms that of the second, which ends the
        // process whatever its threads wait for.
        let exit_code = ENDED_BY_SIGNAL + signal;
        flag::register_conditional_shutdown(signal, exit_code, Arc::clone(&is_second))?;
        flag::register(signal, Arc::clone(&is_second))?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGHUP, SIGUSR2])?;
    // One stop and one report: when it is full, there is a report in it.
    let (requests, requested) = bounded(2);
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut ignored: BTreeMap<i32, LogLimiter> = BTreeMap::new();
        for signal in signals.forever() {
            let name = signal_name(signal).unwrap_or("signal");
            match signal {
                // A report that was asked for and not given yet is this one, too.
                SIGUSR1 => drop(requests.try_send(Request::Report)),
                SIGINT | SIGTERM | SIGQUIT => {
                    let (request, doing) = match signal {
                        SIGQUIT => (Request::Drain, "draining"),
                        _ => (Request::Stop, "shutting down"),
                    };
                    // First, since the process may end as soon as it stops.
                    service_manager::stopping(&format!("{doing} (grace period {grace:?})"));
                    info!("{name}: {doing} (grace period {grace:?}); send again to exit now");
                    // A server that has ended by itself does not listen any more.
                    let _ = requests.send(request);
                }
                _ => {
                    let limiter = ignored.entry(signal).or_default();
                    if let Some(repeats) = limiter.record(Instant::now()) {
                        info!("{name}: ignored (SIGUSR1 logs the counters){repeats}");
                    }
                }
            }
        }
    })?;
    Ok(requested)
}
