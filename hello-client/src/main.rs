//! `hello-client` scripts a session with a hello server, checks every reply byte for byte, and says
//! in its exit code whether the path to that server works; and it measures that path.

mod bench;
mod cli;
mod error;
mod load;
mod net;
mod options;
mod ping;
mod report;
mod say;
mod units;

use std::env;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use log::LevelFilter;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use cli::{Command, Exit};
use say::Transcript;

/// The exit code of a program that a signal ended, as shells have it, less the signal's number.
const ENDED_BY_SIGNAL: i32 = 128;

fn main() -> ExitCode {
    let out = io::stdout().lock();
    match cli::parse(env::args_os().collect()) {
        Ok((command, target, output)) => {
            log_to_stderr(output.log_level());
            match command {
                Command::Say(options) => say::run(&options, &target, &output, out),
                Command::Bench(options) => {
                    bench::run(&options, &target, &output, out, stop_on_signal)
                }
                Command::Ping(options) => {
                    ping::run(&options, &target, &output, out, stop_on_signal)
                }
            }
        }
        Err(Exit::Help) => ExitCode::SUCCESS,
        Err(Exit::Usage { error, json }) => Transcript::new(None, json, out).finish(Err(error)),
    }
}

/// `RUST_LOG` overrides `level`.
fn log_to_stderr(level: LevelFilter) {
    env_logger::Builder::new().filter_level(level).parse_default_env().init();
}

/// Becomes true with the first SIGINT or SIGTERM, which asks a measurement to end with its report.
/// The second one ends the process at once.
///
/// # Errors
///
/// The system does not let us handle signals.
fn stop_on_signal() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal must not yet find the flag set.
        flag::register_conditional_shutdown(signal, ENDED_BY_SIGNAL + signal, Arc::clone(&stop))?;
        flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}
