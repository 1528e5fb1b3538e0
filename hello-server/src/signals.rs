//! SIGINT and SIGTERM: the first asks the server to stop, the second ends the process at once.

use std::io;
use std::process;
use std::thread;

use crossbeam_channel::{Receiver, bounded};
use log::{info, warn};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The exit code of a program that a signal ended, as shells have it, less the signal's number.
const ENDED_BY_SIGNAL: i32 = 128;

/// Says so when the first signal comes.
pub(crate) fn stop() -> io::Result<Receiver<()>> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let (ask, asked) = bounded(1);
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut signals = signals.forever();
        if let Some(first) = signals.next() {
            info!("{}: a second signal ends the process at once", name(first));
            // A server that has ended by itself does not listen any more.
            let _ = ask.send(());
        }
        if let Some(second) = signals.next() {
            warn!("{} again: ended at once", name(second));
            process::exit(ENDED_BY_SIGNAL + second);
        }
    })?;
    Ok(asked)
}

fn name(signal: i32) -> &'static str {
    if signal == SIGINT { "SIGINT" } else { "SIGTERM" }
}
