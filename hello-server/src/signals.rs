//! SIGINT and SIGTERM: the first asks the server to stop, the second ends the process at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};
use log::info;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// The exit code of a program that a signal ended, as shells have it, less the signal's number.
const ENDED_BY_SIGNAL: i32 = 128;

/// Receives when the first signal comes; `grace` is for the log.
pub(crate) fn stop(grace: Duration) -> io::Result<Receiver<()>> {
    let is_second = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the handler of the first signal arms that of the second, which ends the
        // process whatever its threads wait for.
        let exit_code = ENDED_BY_SIGNAL + signal;
        flag::register_conditional_shutdown(signal, exit_code, Arc::clone(&is_second))?;
        flag::register(signal, Arc::clone(&is_second))?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let (stop, stopped) = bounded(1);
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if let Some(first) = signals.forever().next() {
            // A server that has ended by itself does not listen any more.
            let _ = stop.send(());
            let name = if first == SIGINT { "SIGINT" } else { "SIGTERM" };
            info!("{name}: shutting down (grace period {grace:?}); send again to exit now");
        }
    })?;
    Ok(stopped)
}
