//! `hello-server`: a greeting service. See `hello-server --help`.

mod cli;
mod log;
mod service_manager;
mod signals;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use ::log::warn;
use hello_server::{Config, InheritedSockets, Running, Server};

use crate::cli::{Cli, Exit};
use crate::log::Log;

const NAME: &str = env!("CARGO_PKG_NAME");

const USAGE: u8 = 2;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(cli) => run(cli),
        Err(Exit::Help) => ExitCode::SUCCESS,
        Err(Exit::Usage(message)) => {
            report_error(&format!("{message}; see --help"), ExitCode::from(USAGE))
        }
    }
}

fn run(cli: Cli) -> ExitCode {
    // First, while there are no other threads and no open files.
    let inherited = match InheritedSockets::from_env() {
        Ok(inherited) => inherited,
        Err(error) => return report_error(&error.to_string(), ExitCode::FAILURE),
    };
    let log = match log::start(cli.log_level(), cli.log_format) {
        Ok(log) => log,
        Err(error) => return report_error(&format!("cannot start: {error}"), ExitCode::FAILURE),
    };
    match serve(cli.config, inherited, &log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.fail(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn serve(config: Config, inherited: InheritedSockets, log: &Log) -> Result<(), Box<dyn Error>> {
    let grace = config.grace;
    // Until everything is bound, which may mean a slow look-up, a signal ends the process.
    let server = Server::bind(config, inherited)?;
    let requests = signals::requests(grace).map_err(hello_server::Error::Start)?;
    let server = server.start(log.dropped())?;
    if let Err(error) = announce(&server) {
        warn!("cannot say on stdout where it listens: {error}");
    }
    service_manager::ready(server.endpoints());
    server.wait(&requests)?;
    Ok(())
}

fn announce(server: &Running) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    for endpoint in server.endpoints() {
        writeln!(stdout, "listening on {endpoint}")?;
    }
    stdout.flush()
}

fn report_error(message: &str, code: ExitCode) -> ExitCode {
    // Without stderr, the exit code is all that can be reported.
    let _ = writeln!(io::stderr(), "{NAME}: {message}");
    code
}
