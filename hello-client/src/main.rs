//! `hello-client` scripts a session with a hello server, checks every reply byte for byte, and says
//! in its exit code whether the path to that server works; and it measures that path.
//!
//! ```text
//!                  ┌─▶ check, say ──▶ session   one message after the other, blocking, with deadlines ─┐
//! cli ──▶ options ─┤                                                                                   ├─▶ net
//!                  └─▶ bench, ping ─▶ load      many at once, non-blocking, against a schedule ────────┘
//!
//! all four ──▶ report     text for people, JSON and CSV for programs; the exit code
//! ```
//!
//! In `load` the engine and its connections do all IO and read the clock. Schedules, sessions and
//! statistics get the time as an argument, so that their tests need neither.

mod bench;
mod check;
mod cli;
mod error;
mod load;
mod net;
mod options;
mod ping;
#[cfg(test)]
mod replay;
mod report;
mod say;
mod session;
mod threads;
mod thresholds;
mod units;

use std::env;
use std::io;
use std::process::ExitCode;

use env_logger::Env;
use log::LevelFilter;

use cli::{Exit, Format, Task};
use say::Transcript;

fn main() -> ExitCode {
    let out = || io::stdout().lock();
    match cli::parse(env::args_os().collect(), env::var_os("HELLO_SERVER")) {
        Ok((task, output)) => {
            log_to_stderr(output.log_level());
            match task {
                Task::Check(options, targets) => check::run(&options, &targets, &output, out()),
                Task::Say(options, target) => say::run(&options, &target, &output, out()),
                Task::Bench(options, target) => bench::run(&options, &target, &output, out()),
                // Its threads write, and lock it for each line.
                Task::Ping(options, targets) => {
                    ping::run(&options, &targets, &output, io::stdout())
                }
            }
        }
        Err(Exit::Help) => ExitCode::SUCCESS,
        Err(Exit::Usage { error, format: Format::JsonLines }) => ping::refuse(error, out()),
        Err(Exit::Usage { error, format }) => {
            Transcript::new(None, format == Format::Json, out()).finish(Err(error))
        }
    }
}

/// In the form that the server's log has, and without what our dependencies say; `RUST_LOG` overrides
/// both that and `level`.
fn log_to_stderr(level: LevelFilter) {
    let ours = format!("{}={level}", env!("CARGO_CRATE_NAME"));
    let from = Env::default().default_filter_or(ours);
    env_logger::Builder::from_env(from).format_target(false).init();
}
