//! `hello-client` scripts a session with a hello server, checks every reply byte for byte, and says
//! in its exit code whether the path to that server works; and it measures that path.

mod bench;
mod cli;
mod config;
mod drive;
mod ending;
mod failure;
mod measure;
mod ping;
mod report;
mod say;
mod script;
mod signals;
mod transport;
mod units;
mod verdict;

use std::env;
use std::io;
use std::process::ExitCode;

use log::LevelFilter;

use config::Command;
use report::Report;

fn main() -> ExitCode {
    run()
}

fn run() -> ExitCode {
    let config = match cli::parse(env::args_os().collect()) {
        Ok(config) => config,
        Err(cli::Stop::Told) => return ExitCode::SUCCESS,
        Err(cli::Stop::Usage { failure, json }) => {
            return Report::new(None, json, io::stdout().lock()).finish(Err(failure));
        }
    };
    log_to_stderr(config.log);
    match config.command {
        Command::Say(say) => say::run(&say, io::stdout().lock()),
        Command::Bench(bench) => bench::run(&bench, io::stdout().lock(), signals::stop),
        Command::Ping(ping) => ping::run(&ping, io::stdout().lock(), signals::stop),
    }
}

/// `RUST_LOG` overrides `level`.
fn log_to_stderr(level: LevelFilter) {
    env_logger::Builder::new().filter_level(level).parse_default_env().init();
}
