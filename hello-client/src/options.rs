//! What a command line asks for, as clap reads it, and the checks that clap cannot make.

mod number;
mod target;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{ArgAction, Args};
use hello_proto::{EndpointSpec, MessageError};
use humantime::DurationError;
use log::LevelFilter;

use number::count;
pub(crate) use number::number;
use target::endpoint;
pub(crate) use target::{
    ServerOptions, Servers, Target, check_timeout, measurement_timeout, servers_or_default,
    session_timeout,
};

use crate::error::advise;
use crate::load::Plan;
use crate::thresholds::Thresholds;

pub(crate) const SHORT_HELP: &str = "\
Endpoints: HOST:PORT tcp://HOST:PORT udp://HOST:PORT unix:///PATH unixgram:///PATH
Exit codes: 0 all as it should be; 1 wrong, late, or over a threshold; 2 wrong usage;
            3 nothing ever came back
See --help for examples.";

const CHECK_EXAMPLES: &str = "\
Examples:
  hello-client check                             TCP and UDP to 127.0.0.1:9999
  hello-client check db1:9999 udp://db2:9999     three paths at the same time
  hello-client check db1:9999 --wait 60s -q      a script waits until both work
  hello-client check db1:9999 --size 1400 --max-message 65499
                                                 do large datagrams pass, too?
  hello-client check db1:9999 --max-p99 20ms     a yes only if it is fast enough
  hello-client check --json | jq '.checks[].error'

Over TCP and unix a check is a whole session: connect, welcome, one message and its
reply, exit. Over UDP and unixgram the message is sent up to --tries times.

Exit codes:
  0  every endpoint answered rightly
  1  something answered, but wrongly, or worse than a threshold
  2  the command line asks for what cannot be done; nothing was sent
  3  nothing ever came back from at least one of them";

const BENCH_EXAMPLES: &str = "\
Examples:
  hello-client bench                             round trips, one at a time, for 10 s
  hello-client bench -c 64 --pipeline 16         how much does the server carry?
  hello-client bench --rate 1k -d 1m             round trips under a steady load
  hello-client bench -n 1M -z 1000               a million messages of 1000 bytes
  hello-client bench udp://db1:9999 --rate 100 --duration 1m
                                                 loss, reordering, duplicates of a path
  hello-client bench --reconnect -c 16           how many sessions, and how long are they?
  hello-client bench --json | jq .rtt_us.p99     for another program
  hello-client bench --compare old.json --max-slowdown 1.1
                                                 is it slower than before?

Numbers may be in thousands (10k, 1M, 1G) or in powers of two (64Ki, 4Mi, 1Gi).

Without --rate every reply is followed by the next message (a closed loop), and a
round trip is timed from its sending. With --rate a message is due at its time
whatever happened before, and is timed from then: the wait behind a server that
stalled is measured too. Errors are counted by cause; a connection that fails or is
cut off is opened again after 100 ms. What the client itself could not send in time is
unsent, and what its system dropped a receive_buffer_drop; neither is lost.

Exit codes:
  0  replies came, and all were right; loss and cut connections are in the report
  1  something came back, but a reply was wrong, or none was right, or not all of
     --messages could be sent, or a threshold is exceeded
  2  the command line asks for what cannot be done; nothing was sent
  3  nothing ever came back";

const PING_EXAMPLES: &str = "\
Examples:
  hello-client ping                              until Ctrl-C
  hello-client ping --count 5 --interval 200ms   five times, quickly
  hello-client ping udp://db1:9999               does a datagram get there and back?
  hello-client ping db1:9999 udp://db1:9999 -D   both at once, each line with its time
  hello-client ping db1:9999 --json-lines | jq .down_s

The messages to an endpoint leave on one connection, or from one socket. While the
server is away they are lost: a line says when it has gone, and with the first reply
after that another one for how long it was down, from when the connection was lost or
the first lost message was sent. Its name is looked up again meanwhile, at most once
a second; over UDP, where nothing is refused, after three messages lost in a row.

--json-lines prints one object per event, with its type and the time (RFC 3339, UTC) at
which it happened; with several endpoints, with its endpoint; and what else there is:
  reply, late        seq, rtt_us; late is a reply to a message that was lost before
  lost, wrong        seq, error: {kind, message}; a wrong reply may be to none
  duplicated         a reply came twice
  down, up           error: why it has gone; down_s: how long it was gone
  summary            the last line of each endpoint: the object of --json

Exit codes:
  0  at least one message was answered
  1  something came back, but none was, or a reply was wrong, or a threshold is exceeded
  2  the command line asks for what cannot be done; nothing was sent
  3  nothing ever came back from at least one of them";

/// Small enough that no time to which it is added overflows.
const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Does the path work, and if not, why? A yes or a no for each endpoint
///
/// Checks each ENDPOINT, all at the same time, and prints a line for each: that it is
/// ok, with the round trip, or why it is not. With -q only the exit code tells.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = SHORT_HELP, after_long_help = CHECK_EXAMPLES)]
pub(crate) struct CheckOptions {
    /// Where the servers listen, as with --server; HOST:PORT is TCP and UDP
    #[arg(value_name = "ENDPOINT", value_parser = endpoint)]
    pub(crate) endpoints: Vec<EndpointSpec>,
    /// How often a datagram is sent that is not answered within --timeout
    #[arg(long, value_name = "N", default_value = "3")]
    #[arg(value_parser = RangedU64ValueParser::<u32>::new().range(1..=1_000_000))]
    pub(crate) tries: u32,
    /// The bytes of the message
    #[arg(long, value_name = "BYTES", value_parser = size(), default_value = "16")]
    pub(crate) size: usize,
    #[command(flatten)]
    pub(crate) thresholds: Thresholds,
    #[command(flatten)]
    pub(crate) servers: Servers,
}

impl CheckOptions {
    /// Checks what clap cannot.
    pub(crate) fn validate(&self, target: &Target) -> Result<(), String> {
        let checked = match self.size {
            length if length > target.limit => {
                Err(MessageError::TooLong { length, limit: target.limit })
            }
            length => target.check(&vec![b'a'; length]),
        };
        checked.map_err(|error| format!("--size {}: {}", self.size, advise(error)))
    }
}

/// One scripted session.
#[derive(Debug, Default, Args)]
pub(crate) struct SayOptions {
    /// What to say; behind --, whatever it looks like [default: Michael Tracy Sarah]
    pub(crate) message: Vec<OsString>,
    /// What to say, whatever it looks like
    #[arg(last = true, value_name = "MESSAGE", hide = true)]
    pub(crate) literal: Vec<OsString>,
    /// Say the lines of FILE, `-` for standard input
    ///
    /// LF ends a line, and a CR before it is dropped. A file is checked whole before
    /// anything is sent; what is piped or typed is sent line by line as it comes.
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["message", "literal"], verbatim_doc_comment)]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) servers: Servers,
}

/// Load and latency: how many messages, how fast, how many lost
///
/// Sends messages over one or many connections, checks every reply byte for byte, and
/// reports round trips, throughput, loss and errors. Ctrl-C ends it early, with the
/// report of what was measured.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = SHORT_HELP, after_long_help = BENCH_EXAMPLES)]
pub(crate) struct BenchOptions {
    /// Where the server listens, as with --server
    #[arg(value_name = "ENDPOINT", value_parser = endpoint)]
    pub(crate) endpoint: Option<EndpointSpec>,
    /// How many connections, or sockets for datagrams
    #[arg(short, long, value_name = "N", value_parser = count::<usize>(), default_value = "1")]
    pub(crate) connections: usize,
    /// How many messages in flight on each connection
    ///
    /// With --rate, the most; over udp and unixgram a message then leaves when it is
    /// due, however many are in flight. With --framing raw only 1 is possible.
    #[arg(long, value_name = "N", value_parser = count::<u64>(), default_value = "1")]
    #[arg(verbatim_doc_comment)]
    pub(crate) pipeline: u64,
    /// The bytes of a message; over udp and unixgram at least 12, for its number
    #[arg(short = 'z', long, value_name = "BYTES", value_parser = size(), default_value = "16")]
    pub(crate) size: usize,
    /// How long to measure [default: 10s]
    #[arg(short, long, value_name = "DURATION", value_parser = positive, conflicts_with = "messages")]
    pub(crate) duration: Option<Duration>,
    /// How many messages to measure, rather than how long
    ///
    /// Given up after 30 s without a reply.
    #[arg(short = 'n', long, value_name = "N", value_parser = count::<u64>())]
    pub(crate) messages: Option<u64>,
    /// How long to run before anything is measured
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "500ms")]
    pub(crate) warmup: Duration,
    /// Messages a second, over all connections; without it, as fast as replies come
    #[arg(long, value_name = "N", value_parser = count::<u64>())]
    pub(crate) rate: Option<u64>,
    /// Send each message on a session of its own: connect, welcome, message, exit, end of stream
    ///
    /// Measures connecting and the whole session, too. --connections is how many there
    /// are at once, --rate how many begin in a second. Only over tcp and unix.
    /// --compare then compares whole sessions, and --max-p99 is that of the messages.
    #[arg(long, verbatim_doc_comment)]
    pub(crate) reconnect: bool,
    /// How many threads share the connections
    #[arg(short, long, value_name = "N", value_parser = count::<usize>(), default_value = "1")]
    pub(crate) threads: usize,
    /// The receive buffer of each UDP socket, for bursts of replies; the system may grant less
    #[arg(long, value_name = "BYTES", default_value_t = Plan::UDP_BUFFER)]
    #[arg(value_parser = number::<usize>(1..=i32::MAX as u64))]
    pub(crate) udp_buffer: usize,
    /// Print what each DURATION brought, when it is over [default of --json and --csv: 1s]
    #[arg(short, long, value_name = "DURATION", value_parser = interval)]
    pub(crate) interval: Option<Duration>,
    /// Write the intervals to FILE, as CSV, when each is over
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// Write the distribution of round trips to FILE, in us, for the HdrHistogram plotter
    #[arg(long, value_name = "FILE")]
    pub(crate) hdr: Option<PathBuf>,
    /// Compare with an earlier bench: FILE is what it printed with --json
    #[arg(long, value_name = "FILE")]
    pub(crate) compare: Option<PathBuf>,
    /// Fail with exit code 1 if the rate is lower than before, or p50 or p99 are higher, by more than
    /// this factor
    ///
    /// 1.1 allows a tenth. Loss and errors are only shown: --max-loss and --max-errors
    /// limit them.
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    #[arg(help_heading = "Thresholds")]
    pub(crate) max_slowdown: Option<f64>,
    #[command(flatten)]
    pub(crate) thresholds: Thresholds,
    #[command(flatten)]
    pub(crate) servers: Servers,
}

impl BenchOptions {
    /// How long it measures by default.
    const DURATION: Duration = Duration::from_secs(10);

    /// How long to measure, unless it ends by the number of its messages.
    pub(crate) fn duration(&self) -> Option<Duration> {
        self.messages.is_none().then(|| self.duration.unwrap_or(Self::DURATION))
    }

    /// Checks what clap cannot.
    pub(crate) fn validate(&self, target: &Target) -> Result<(), String> {
        let Self { connections, pipeline, threads, .. } = self;
        if *pipeline > 1 && !target.framing.is_delimited() && !target.is_datagram() {
            return Err(format!(
                "--pipeline {pipeline} cannot be used with --framing {}, in which two messages in \
                 flight cannot be told apart",
                target.framing
            ));
        }
        if self.reconnect && target.is_datagram() {
            return Err(format!(
                "--reconnect cannot be used with {}: datagrams have no sessions",
                target.endpoint
            ));
        }
        if self.reconnect && *pipeline > 1 {
            return Err(format!(
                "--reconnect cannot be used with --pipeline {pipeline}: each session has one message"
            ));
        }
        if threads > connections {
            return Err(format!(
                "--threads {threads} is more than --connections {connections} (for the time, use \
                 --duration)"
            ));
        }
        if let (Some(factor), None) = (self.max_slowdown, &self.compare) {
            return Err(format!("--max-slowdown {factor} needs an earlier bench: --compare FILE"));
        }
        match target.bind {
            Some(bind) if bind.port() != 0 && *connections > 1 => {
                Err(format!("--bind {bind} is one port for {connections} connections"))
            }
            _ => Ok(()),
        }
    }
}

/// Round trips one by one, as ping(8) does
///
/// Sends a message each --interval to each ENDPOINT, all at the same time, prints a line
/// for each, and on the end or Ctrl-C the loss and the percentiles. With --json the
/// lines go to standard error.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = SHORT_HELP, after_long_help = PING_EXAMPLES)]
pub(crate) struct PingOptions {
    /// Where the servers listen, as with --server
    #[arg(value_name = "ENDPOINT", value_parser = endpoint)]
    pub(crate) endpoints: Vec<EndpointSpec>,
    /// From one message to the next
    #[arg(short, long, value_name = "DURATION", value_parser = positive, default_value = "1s")]
    pub(crate) interval: Duration,
    /// How many messages; without it, for ever
    #[arg(short, long, value_name = "N", value_parser = count::<u64>())]
    pub(crate) count: Option<u64>,
    /// Put the time before each line, in seconds since 1970, as ping(8) does
    #[arg(short = 'D', long, conflicts_with = "json_lines")]
    pub(crate) timestamps: bool,
    /// Print a JSON object as each event happens, and a summary at the end
    #[arg(long)]
    pub(crate) json_lines: bool,
    /// The bytes of a message; over udp and unixgram at least 12, for its number
    #[arg(long, value_name = "BYTES", value_parser = size(), default_value = "16")]
    pub(crate) size: usize,
    #[command(flatten)]
    pub(crate) thresholds: Thresholds,
    #[command(flatten)]
    pub(crate) servers: Servers,
}

/// What is printed, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputOptions {
    /// Print one JSON object, also on failure, rather than text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Log more: which address was reached, and with -vv every try; RUST_LOG overrides
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Log less; why a run failed is printed all the same
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "verbose")]
    pub(crate) quiet: u8,
}

impl OutputOptions {
    /// What is logged unless `RUST_LOG` says otherwise.
    pub(crate) fn log_level(&self) -> LevelFilter {
        match (self.quiet, self.verbose) {
            (0, 0) => LevelFilter::Warn,
            (0, 1) => LevelFilter::Info,
            (0, 2) => LevelFilter::Debug,
            (0, _) => LevelFilter::Trace,
            (1, _) => LevelFilter::Error,
            _ => LevelFilter::Off,
        }
    }
}

/// Reads the size of a message; whether it may be said is checked when the framing is known.
fn size() -> impl Fn(&str) -> Result<usize, String> + Clone {
    number(0..=u64::MAX)
}

/// By how much something may be worse: 1 is not at all.
fn factor(text: &str) -> Result<f64, &'static str> {
    match text.parse() {
        Ok(factor) if (1.0..=1e6).contains(&factor) => Ok(factor),
        _ => Err("expected a factor of at least 1, such as 1.1 or 2"),
    }
}

/// A duration as people write it: `500ms`, `1m 30s`, `0`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= MAX_DURATION => Ok(duration),
        Ok(_) => Err("expected at most 365 days".to_owned()),
        Err(DurationError::UnknownUnit { unit, .. }) if unit.is_empty() => {
            Err(format!("the unit is missing: expected a number with a unit, such as {text}s"))
        }
        Err(_) => Err("expected a number with a unit, such as 500ms, 5s or 1m, or 0".to_owned()),
    }
}

/// No shorter than a bench looks at its clock.
fn interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        duration if duration < Duration::from_millis(10) => {
            Err("expected at least 10ms".to_owned())
        }
        duration => Ok(duration),
    }
}

fn positive(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("expected more than 0, such as 500ms, 5s or 1m".to_owned()),
        duration => Ok(duration),
    }
}
