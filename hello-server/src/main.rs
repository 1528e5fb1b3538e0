//! `hello-server`: a greeting service. See `hello-server --help`.

mod cli;
mod signals;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use hello_server::{Config, Server};
use log::{LevelFilter, warn};

use crate::cli::{Invocation, Stop};

const USAGE: u8 = 2;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(Invocation { config, log_level }) => {
            start_log(log_level);
            run(config).map_or_else(
                |error| complain(&error.to_string(), ExitCode::FAILURE),
                |()| ExitCode::SUCCESS,
            )
        }
        Err(Stop::Told) => ExitCode::SUCCESS,
        Err(Stop::Usage(message)) => {
            complain(&format!("{message}; see --help"), ExitCode::from(USAGE))
        }
    }
}

fn run(config: Config) -> Result<(), Box<dyn Error>> {
    let stop = signals::stop()?;
    let server = Server::bind(config)?;
    if let Err(error) = announce(&server) {
        warn!("cannot say on stdout where it listens: {error}");
    }
    server.run(&stop)?;
    Ok(())
}

fn announce(server: &Server) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    for endpoint in server.endpoints() {
        writeln!(stdout, "listening on {endpoint}")?;
    }
    stdout.flush()
}

fn start_log(level: LevelFilter) {
    let default = env_logger::Env::default().default_filter_or(level.as_str());
    env_logger::Builder::from_env(default).format_target(false).init();
}

fn complain(message: &str, code: ExitCode) -> ExitCode {
    // Without stderr, the exit code has to do.
    let _ = writeln!(io::stderr(), "hello-server: {message}");
    code
}
