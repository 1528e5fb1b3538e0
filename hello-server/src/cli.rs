//! The command line.

use std::env::{self, VarError};
use std::ffi::{OsStr, OsString};

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches, Parser};
use hello_proto::{EndpointError, EndpointSpec};
use hello_server::Config;
use log::LevelFilter;

use crate::log::Format;

/// The first line is in the form that rustc and cargo have.
const LONG_VERSION: &str =
    concat!(env!("BUILD_VERSION"), "\ntarget ", env!("BUILD_TARGET"), "\n", env!("BUILD_RUSTC"));

const EXAMPLES: &str = "\
Endpoints:
  HOST:PORT           TCP and UDP on the same port; port 0 picks a free one
  tcp://HOST:PORT     TCP alone
  udp://HOST:PORT     UDP alone
  unix:///PATH        a Unix stream socket
  unixgram:///PATH    a Unix datagram socket
  IPv6 hosts go in brackets and are IPv6 only: 0.0.0.0:9999 [::]:9999 serves both.

Examples:
  hello-server                                    TCP and UDP on 127.0.0.1:9999
  hello-server 0.0.0.0:9999 [::]:9999             everybody, over IPv4 and IPv6
  hello-server tcp://localhost:0 -v               a free port, and a line for each session
  hello-server 10.0.0.7:9999 --proxy-protocol     behind HAProxy: server ... send-proxy-v2
  hello-client check 127.0.0.1:9999               does it answer, over TCP and UDP?
  nc 127.0.0.1 9999                               a session by hand: type a name, then exit

Where it listens is printed on stdout, one endpoint per line; the log goes to stderr.
SIGINT and SIGTERM stop it: clients get their pending replies, at most for --grace.
SIGQUIT drains it: open sessions go on until they end, at most for --grace before that.
A second one ends it at once. SIGUSR1 logs its counters.

Sockets that a service manager hands over (LISTEN_FDS) are served with the options that they
have, with O_NONBLOCK, TCP_NODELAY and IP_PKTINFO set where they are needed, and what waits at
them when the server stops is left to the next one.

Environment:
  HELLO_LISTEN        the endpoints, if none are given, separated by spaces
  HELLO_MAX_SESSIONS  the value of --max-sessions; likewise for every other option. That of
                      --proxy-protocol is 1, yes, true or 0, no, false; that of -v and -q how often
  RUST_LOG            what is logged, instead of -v and -q

Exit codes:
  0  stopped by a signal
  1  cannot start, or failed
  2  the command line asks for what cannot be done";

/// The variable for endpoints.
const LISTEN: &str = "HELLO_LISTEN";

/// A greeting service over TCP, UDP and Unix sockets
///
/// Welcomes each client, and answers each message with `Hello, <message>!`.
#[derive(Debug, Parser)]
#[command(version = env!("BUILD_VERSION"), long_version = LONG_VERSION, after_help = EXAMPLES, max_term_width = 100, args_override_self = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) config: Config,

    /// How the log is written: for people, or as one JSON object a line
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) log_format: Format,

    /// Log more: -v each session, -vv each message; RUST_LOG overrides
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,

    /// Log less: -q warnings, -qq errors
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "verbose")]
    quiet: u8,
}

impl Cli {
    /// What is logged unless `RUST_LOG` says otherwise.
    pub(crate) fn log_level(&self) -> LevelFilter {
        match i16::from(self.verbose) - i16::from(self.quiet) {
            ..=-2 => LevelFilter::Error,
            -1 => LevelFilter::Warn,
            0 => LevelFilter::Info,
            1 => LevelFilter::Debug,
            2.. => LevelFilter::Trace,
        }
    }
}

/// Why there is nothing to run.
#[derive(Debug)]
pub(crate) enum Exit {
    /// The help or the version was asked for, and is printed.
    Help,
    /// What is wrong with the command line, in one line.
    Usage(String),
}

/// The command line as it is parsed: each option also from the environment, as `--max-sessions` from
/// `HELLO_MAX_SESSIONS`.
pub(crate) fn command() -> Command {
    Cli::command().mut_args(|arg| match arg.get_long().map(variable) {
        // As though it were not set.
        Some(name) if env::var_os(&name).is_some_and(|value| value.is_empty()) => arg,
        Some(name) => arg.env(name).hide_env_values(true),
        None => arg,
    })
}

fn variable(option: &str) -> String {
    format!("HELLO_{}", option.to_uppercase().replace('-', "_"))
}

/// Where to listen if the command line does not say. The argument's own variable could hold one
/// endpoint alone.
fn addresses_from_env() -> Result<Vec<EndpointSpec>, clap::Error> {
    let invalid = |why: String| {
        Cli::command().error(ErrorKind::ValueValidation, format!("invalid {LISTEN}: {why}"))
    };
    let words = match env::var(LISTEN) {
        Ok(words) => words,
        Err(VarError::NotPresent) => return Ok(Vec::new()),
        Err(error @ VarError::NotUnicode(_)) => return Err(invalid(error.to_string())),
    };
    let parse = |word: &str| {
        word.parse().map_err(|error: EndpointError| invalid(format!("'{word}': {error}")))
    };
    words.split_whitespace().map(parse).collect()
}

/// Takes its variable from an argument if that, or its opposite, is given on the command line.
fn without_overridden(arg: Arg, given: &ArgMatches) -> Arg {
    let is_given = |id: &str| given.value_source(id) == Some(ValueSource::CommandLine);
    let is_overridden = match arg.get_id().as_str() {
        "verbose" | "quiet" => is_given("verbose") || is_given("quiet"),
        id => is_given(id),
    };
    if is_overridden { arg.env(Resettable::Reset) } else { arg }
}

/// Reads a command line, the program's name first.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Cli, Exit> {
    let words: Vec<OsString> = words.into_iter().collect();
    // First without the environment, so that an error is either of the one or of the other.
    let mut command = match Cli::command().try_get_matches_from(&words) {
        Ok(given) => command().mut_args(|arg| without_overridden(arg, &given)),
        Err(error) if error.use_stderr() => return Err(Exit::Usage(one_line(&error))),
        // The help shows the variables.
        Err(_) => command(),
    };
    let cli = command.try_get_matches_from_mut(words).and_then(|matches| {
        let mut cli = Cli::from_arg_matches(&matches)?;
        if cli.config.addresses.is_empty() {
            cli.config.addresses = addresses_from_env()?;
        }
        Ok(cli)
    });
    match cli {
        Ok(cli) => Ok(cli),
        Err(error) if error.use_stderr() => {
            Err(Exit::Usage(one_line(&error) + &origin(&command, &error)))
        }
        Err(help) => {
            // Ignore a closed stdout.
            let _ = help.print();
            Err(Exit::Help)
        }
    }
}

/// Folds the several lines of a usage error as clap renders it into one, without the usage, and
/// without its advice to put `--` before an option.
fn one_line(error: &clap::Error) -> String {
    if let (ErrorKind::UnknownArgument, Some(ContextValue::String(flag))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
        && let Some(hint) = hint(flag)
    {
        return format!("unexpected argument '{flag}' found; {hint}");
    }
    let rendered = error.render().to_string();
    let lines = rendered.trim_start_matches("error: ").lines().map(str::trim);
    let message = lines.take_while(|line| {
        !line.starts_with("Usage:") && !line.starts_with("For more information")
    });
    let is_shown = |line: &&str| !line.is_empty() && !line.starts_with("tip: to pass ");
    message.filter(is_shown).collect::<Vec<_>>().join("; ").replace(":; ", ": ")
}

/// Names the variables that an error of the environment is about.
fn origin(command: &Command, error: &clap::Error) -> String {
    let is_meant = |arg: &&Arg| match error.kind() {
        // It does not say which.
        ErrorKind::InvalidUtf8 => {
            let value = arg.get_env().map(env::var);
            matches!(value, Some(Err(VarError::NotUnicode(_))))
        }
        _ => {
            let name = ContextValue::String(arg.to_string());
            [ContextKind::InvalidArg, ContextKind::PriorArg]
                .iter()
                .any(|kind| error.get(*kind) == Some(&name))
        }
    };
    let variables = command.get_arguments().filter(is_meant).filter_map(Arg::get_env);
    match variables.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" and ") {
        none if none.is_empty() => none,
        variables => format!(" (from {variables})"),
    }
}

/// What an option of nc, nginx or iperf3, which this program does not have, is called here.
fn hint(flag: &str) -> Option<&'static str> {
    Some(match flag {
        "-p" | "--port" | "--host" | "--bind" | "-l" | "--listen" => {
            "where to listen is an argument, as 0.0.0.0:9999"
        }
        "-u" | "--udp" => "where to listen is an argument, as 0.0.0.0:9999, or udp://0.0.0.0:9999",
        "-U" | "--unix" => "where to listen is an argument, as unix:///run/hello.sock",
        "-4" | "-6" => "where to listen is an argument, as 0.0.0.0:9999 or [::]:9999",
        "-c" | "--max-connections" => "use --max-sessions N",
        "-i" | "-w" | "--timeout" => "use --idle-timeout DURATION",
        "-t" | "--threads" => "use --workers N",
        "-d" | "-D" | "--daemon" => "it stays in the foreground, for a service manager to start",
        _ => return None,
    })
}

#[cfg(test)]
mod docs;
