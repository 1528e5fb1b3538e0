//! SIGINT and SIGTERM: the first asks a measurement to end with its report, the second ends the
//! process at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The exit code of a program that a signal ended, as shells have it, less the signal's number.
const ENDED_BY_SIGNAL: i32 = 128;

/// Becomes true with the first signal.
///
/// # Errors
///
/// The system does not let us handle signals.
pub(crate) fn stop() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first one must not yet find it set.
        flag::register_conditional_shutdown(signal, ENDED_BY_SIGNAL + signal, Arc::clone(&stop))?;
        flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}
