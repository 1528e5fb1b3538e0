//! The command line, and the typed configuration made of it.

use std::ffi::OsString;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
use clap::{ArgAction, Parser};
use hello_proto::{Address, DEFAULT_MAX_MESSAGE, Framing, MAX_MESSAGE};
use hello_server::{Config, default_workers};
use log::LevelFilter;

/// More sessions than any machine has descriptors for.
const MAX_SESSIONS: u64 = 1_000_000_000;

/// The longest duration that an option takes: 365 days.
const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 60 * 60);

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
  nc 127.0.0.1 9999                               a session by hand: type a name, then exit

Where it listens is printed on stdout, one endpoint per line; the log goes to stderr.
SIGINT and SIGTERM stop it: clients get their pending replies, at most for --grace.
A second signal ends it at once.

Exit codes: 0 stopped by a signal; 1 cannot start, or failed; 2 wrong usage.";

/// A greeting service over TCP, UDP and Unix sockets: welcomes each client, and answers each
/// message with `Hello, <message>!`.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, max_term_width = 100, args_override_self = true)]
struct Args {
    /// Where to listen
    #[arg(value_name = "ENDPOINT", default_value = "127.0.0.1:9999", hide_default_value = false)]
    addresses: Vec<Address>,

    /// Threads in the pool that serves all sessions [default: one less than the cores, at least 1;
    /// the acceptor, the datagram loops and the kernel's network work need the rest]
    #[arg(long, value_name = "N", value_parser = number(1, 1024))]
    workers: Option<usize>,

    /// Threads at each UDP endpoint: more than one if it needs more than a core
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = number(1, 1024))]
    udp_loops: usize,

    /// The receive buffer of each UDP socket; the system may grant less
    #[arg(long, value_name = "BYTES", default_value_t = Config::DEFAULT_UDP_BUFFER, value_parser = number(1, i32::MAX as u64))]
    udp_buffer: usize,

    /// The permissions of Unix sockets, in octal, as 660; without it, what the umask leaves
    #[arg(long, value_name = "MODE", value_parser = mode)]
    unix_mode: Option<u32>,

    /// Sessions open at once; a client beyond it is told that the server is full
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = number(1, MAX_SESSIONS))]
    max_sessions: usize,

    /// Sessions open at once from one address, an IPv6 /64 counting as one; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = number(0, MAX_SESSIONS))]
    max_sessions_per_address: usize,

    /// The longest message
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_MESSAGE, value_parser = number(1, MAX_MESSAGE as u64))]
    max_message: usize,

    /// How messages are delimited on streams: by a line feed, by a big-endian u32 before each, or
    /// not at all
    #[arg(long, value_name = "FRAMING", default_value_t, value_parser = framing())]
    framing: Framing,

    /// End a session that has no complete message, or does not take its replies, for this time; 0
    /// for never
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    idle_timeout: Duration,

    /// How long shutdown waits for clients to take their last replies
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    grace: Duration,

    /// How many connections the system holds until they are accepted
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(i32).range(1..))]
    backlog: i32,

    /// Log more: -v each session, -vv each message; RUST_LOG overrides
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,

    /// Log less: -q warnings, -qq errors
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "verbose")]
    quiet: u8,
}

fn number(min: u64, max: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(min..=max)
}

fn framing() -> impl TypedValueParser<Value = Framing> {
    PossibleValuesParser::new(Framing::ALL.map(Framing::name))
        .try_map(|name| name.parse::<Framing>())
}

/// Reads a duration such as `500ms`, `5s` or `1m 30s`; `0` needs no unit.
fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let duration = humantime::parse_duration(text)
        .map_err(|_| "expected a number with a unit, such as 500ms, 5s or 1m, or 0".to_owned())?;
    if duration > MAX_DURATION {
        return Err("expected at most 365 days".to_owned());
    }
    Ok(duration)
}

/// Reads permissions such as `660` or `0660`.
fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| "expected permissions in octal, from 0 to 777".to_owned())
}

/// What a command line asks for.
#[derive(Debug)]
pub(crate) struct Cli {
    pub(crate) config: Config,
    /// What is logged unless `RUST_LOG` says otherwise.
    pub(crate) log_level: LevelFilter,
}

/// Why there is nothing to run.
#[derive(Debug)]
pub(crate) enum Exit {
    /// The help or the version was asked for, and is printed.
    Help,
    /// What is wrong with the command line, in one line.
    Usage(String),
}

/// Reads a command line, the program's name first.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Cli, Exit> {
    match Args::try_parse_from(words) {
        Ok(args) => Ok(cli(args)),
        Err(error) if error.use_stderr() => Err(Exit::Usage(one_line(&error.render().to_string()))),
        Err(help) => {
            // Ignore a closed stdout.
            let _ = help.print();
            Err(Exit::Help)
        }
    }
}

fn cli(args: Args) -> Cli {
    let log_level = match i16::from(args.verbose) - i16::from(args.quiet) {
        ..=-2 => LevelFilter::Error,
        -1 => LevelFilter::Warn,
        0 => LevelFilter::Info,
        1 => LevelFilter::Debug,
        2.. => LevelFilter::Trace,
    };
    let config = Config {
        addresses: args.addresses,
        framing: args.framing,
        workers: args.workers.unwrap_or_else(default_workers),
        udp_loops: args.udp_loops,
        udp_buffer: args.udp_buffer,
        unix_mode: args.unix_mode,
        max_sessions: args.max_sessions,
        max_sessions_per_address: args.max_sessions_per_address,
        max_message: args.max_message,
        idle_timeout: args.idle_timeout,
        grace: args.grace,
        backlog: args.backlog,
    };
    Cli { config, log_level }
}

/// Folds the several lines of a usage error as clap renders it into one: its hints are kept, the
/// `Usage:` and `For more information` parts are not.
fn one_line(rendered: &str) -> String {
    let lines = rendered.strip_prefix("error: ").unwrap_or(rendered).lines().map(str::trim);
    let is_detail = |line: &&str| !line.starts_with("Usage:") && !line.starts_with("For more");
    let parts: Vec<&str> = lines.take_while(is_detail).filter(|line| !line.is_empty()).collect();
    parts.join("; ").replace(":; ", ": ")
}
