//! The command line, and the typed configuration made of it.

use std::ffi::OsString;
use std::num::NonZero;
use std::thread;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use clap::{ArgAction, Parser};
use hello_proto::{Address, DEFAULT_MAX_MESSAGE, Framing, MAX_MESSAGE, prompt};
use hello_server::Config;
use log::LevelFilter;

/// More sessions than any machine has descriptors for.
const MANY: usize = 1_000_000_000;

const EXAMPLES: &str = "\
Endpoints:
  HOST:PORT           TCP and UDP on the same port; port 0 picks a free one
  tcp://HOST:PORT     TCP alone
  udp://HOST:PORT     UDP alone
  unix:///PATH        a Unix stream socket
  unixgram:///PATH    a Unix datagram socket
  IPv6 hosts stand in brackets and are IPv6 only: 0.0.0.0:9999 [::]:9999 serves both.

Examples:
  hello-server                                    TCP and UDP on 127.0.0.1:9999
  hello-server 0.0.0.0:9999 [::]:9999             everybody, over IPv4 and IPv6
  hello-server tcp://localhost:0 -v               a free port, and a line for each session
  nc 127.0.0.1 9999                               a session by hand: type a name, then exit

Where it listens is printed on stdout, a line an endpoint; the log goes to stderr.
SIGINT and SIGTERM stop it: clients get the replies owed to them, at most for --grace.
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

    /// Threads in the pool that serves all sessions [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = prompt::number(1..=1024usize))]
    workers: Option<usize>,

    /// Threads at each UDP endpoint: more than one if it needs more than a core
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = prompt::number(1..=1024usize))]
    udp_loops: usize,

    /// Sessions open at once; a client beyond it is told that the server is full
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = prompt::number(1..=MANY))]
    max_sessions: usize,

    /// Sessions open at once from one address, an IPv6 /64 counting as one; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = prompt::number(0..=MANY))]
    max_sessions_per_address: usize,

    /// The longest message
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_MESSAGE, value_parser = prompt::number(1..=MAX_MESSAGE))]
    max_message: usize,

    /// How messages are told apart on streams: by a line feed, by a big-endian u32 before each, or
    /// not at all
    #[arg(long, value_name = "FRAMING", default_value_t, value_parser = framing())]
    framing: Framing,

    /// End a session without a complete message, or with replies not taken, for so long; 0 for
    /// never
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = prompt::duration)]
    idle_timeout: Duration,

    /// How long a stop waits for clients to take their last replies
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = prompt::duration)]
    grace: Duration,

    /// How many connections the system holds until they are accepted
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = prompt::number(1..=i32::MAX))]
    backlog: i32,

    /// Log more: -v each session, -vv each message; RUST_LOG overrides
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,

    /// Log less: -q warnings, -qq errors
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "verbose")]
    quiet: u8,
}

fn framing() -> impl clap::builder::TypedValueParser<Value = Framing> {
    PossibleValuesParser::new(Framing::ALL.map(Framing::name))
        .try_map(|name| name.parse::<Framing>())
}

/// What a command line asks for.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) config: Config,
    /// What is logged unless `RUST_LOG` says otherwise.
    pub(crate) log_level: LevelFilter,
}

/// Why there is nothing to run.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The help or the version was asked for, and is printed.
    Told,
    /// What is wrong with the command line, in one line.
    Usage(String),
}

/// Reads a command line, the program's name first.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Invocation, Stop> {
    match Args::try_parse_from(words) {
        Ok(args) => Ok(invocation(args)),
        Err(error) if error.use_stderr() => {
            Err(Stop::Usage(prompt::one_line(&error.render().to_string())))
        }
        Err(help) => {
            // Who closed standard output does not want the help.
            let _ = help.print();
            Err(Stop::Told)
        }
    }
}

fn invocation(args: Args) -> Invocation {
    let cores = || thread::available_parallelism().map_or(1, NonZero::get);
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
        workers: args.workers.unwrap_or_else(cores),
        udp_loops: args.udp_loops,
        max_sessions: args.max_sessions,
        max_sessions_per_address: args.max_sessions_per_address,
        max_message: args.max_message,
        idle_timeout: args.idle_timeout,
        grace: args.grace,
        backlog: args.backlog,
    };
    Invocation { config, log_level }
}
