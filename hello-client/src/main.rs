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
mod thresholds;
mod units;

use std::env;
use std::io;
use std::process::ExitCode;

use log::LevelFilter;

use cli::{Command, Exit};
use say::Transcript;

fn main() -> ExitCode {
    let out = io::stdout().lock();
    match cli::parse(env::args_os().collect()) {
        Ok((command, target, output)) => {
            log_to_stderr(output.log_level());
            match command {
                Command::Say(options) => say::run(&options, &target, &output, out),
                Command::Bench(options) => bench::run(&options, &target, &output, out),
                Command::Ping(options) => ping::run(&options, &target, &output, out),
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
