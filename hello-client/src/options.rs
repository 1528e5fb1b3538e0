//! What a command line asks for, as clap reads it, and the checks that clap cannot make.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
use clap::{ArgAction, Args};
use hello_proto::{
    DEFAULT_MAX_MESSAGE, Endpoint, EndpointSpec, Framing, MAX_MESSAGE, MessageError, check_datagram,
};
use log::LevelFilter;
use socket2::Domain;

use crate::thresholds::Thresholds;

pub(crate) const SHORT_HELP: &str = "See --help for examples and exit codes.";

const BENCH_EXAMPLES: &str = "\
Examples:
  hello-client bench                             round trips, one at a time, for 10 s
  hello-client bench --connections 64 --pipeline 16
                                                 how much does the server carry?
  hello-client bench --rate 1000                 round trips under a steady load
  hello-client bench -s udp://db1:9999 --rate 100 --duration 1m
                                                 loss, reordering, duplicates of a path
  hello-client bench --json | jq .rtt_us.p99     for another program

Without --rate every reply is followed by the next message (a closed loop), and a
round trip is timed from its sending. With --rate a message is due at its time
whatever happened before, and is timed from then: the wait behind a server that
stalled is measured too. Errors are counted by cause; a connection that fails or is
cut off is opened again after 100 ms.

Exit codes:
  0  replies came, and all were right; loss and cut connections are in the report
  1  a reply was wrong, or none came, or not all of --messages could be sent
  2  the command line asks for what cannot be done; nothing was sent
  3  the server could not be reached";

const PING_EXAMPLES: &str = "\
Examples:
  hello-client ping                              until Ctrl-C
  hello-client ping --count 5 --interval 200ms   five times, quickly
  hello-client ping -s udp://db1:9999            does a datagram get there and back?

The messages leave on one connection, or from one socket. While the server is away
they are lost; once it is back they are answered again.

Exit codes:
  0  at least one message was answered
  1  none was, or a reply was wrong
  2  the command line asks for what cannot be done; nothing was sent
  3  the server could not be reached, not once";

/// How long connecting may take, and each reply, by default.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The same in a measurement over datagrams, where a lost one holds up its place in a closed loop.
const DATAGRAM_TIMEOUT: Duration = Duration::from_secs(1);

/// Small enough that no time to which it is added overflows.
const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A larger number is surely a typing error.
const MAX_COUNT: u64 = 1_000_000_000_000;

/// One scripted session.
#[derive(Debug, Args)]
pub(crate) struct SayOptions {
    /// What to say; Michael Tracy Sarah, if there is no --file either
    pub(crate) message: Vec<OsString>,
    /// Say the lines of FILE, `-` for standard input
    ///
    /// LF ends a line, and a CR before it is dropped. A file is checked whole before
    /// anything is sent; what is piped or typed is sent line by line as it comes.
    #[arg(short, long, value_name = "FILE", conflicts_with = "message", verbatim_doc_comment)]
    pub(crate) file: Option<PathBuf>,
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
    /// How many connections, or sockets for datagrams
    #[arg(short, long, value_name = "N", value_parser = count::<usize>(), default_value = "1")]
    pub(crate) connections: usize,
    /// How many messages in flight on each connection
    ///
    /// With --rate, the most; over udp and unixgram a message then leaves when it is
    /// due, however many are in flight. --framing raw can tell only 1.
    #[arg(long, value_name = "N", value_parser = count::<u64>(), default_value = "1")]
    #[arg(verbatim_doc_comment)]
    pub(crate) pipeline: u64,
    /// The bytes of a message; over udp and unixgram at least 12, for its number
    #[arg(long, value_name = "BYTES", default_value = "16")]
    pub(crate) size: usize,
    /// How long to measure [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = positive, conflicts_with = "messages")]
    pub(crate) duration: Option<Duration>,
    /// How many messages to measure, rather than how long
    ///
    /// Given up after 30 s without a reply.
    #[arg(long, value_name = "N", value_parser = count::<u64>())]
    pub(crate) messages: Option<u64>,
    /// How long to run before anything is measured
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "500ms")]
    pub(crate) warmup: Duration,
    /// Messages a second, over all connections; without it, as fast as replies come
    #[arg(long, value_name = "N", value_parser = count::<u64>())]
    pub(crate) rate: Option<u64>,
    /// How many threads share the connections
    #[arg(long, value_name = "N", value_parser = count::<usize>(), default_value = "1")]
    pub(crate) threads: usize,
    /// Write the distribution of round trips to FILE, in us, for the HdrHistogram plotter
    #[arg(long, value_name = "FILE")]
    pub(crate) hdr: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) thresholds: Thresholds,
}

impl BenchOptions {
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
        if threads > connections {
            return Err(format!("--threads {threads} is more than --connections {connections}"));
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
/// Sends a message each --interval, prints a line for each, and on the end or Ctrl-C
/// the loss and the percentiles. With --json the lines go to standard error.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = SHORT_HELP, after_long_help = PING_EXAMPLES)]
pub(crate) struct PingOptions {
    /// From one message to the next
    #[arg(short, long, value_name = "DURATION", value_parser = positive, default_value = "1s")]
    pub(crate) interval: Duration,
    /// How many messages; without it, for ever
    #[arg(short, long, value_name = "N", value_parser = count::<u64>())]
    pub(crate) count: Option<u64>,
    /// The bytes of a message; over udp and unixgram at least 12, for its number
    #[arg(long, value_name = "BYTES", default_value = "16")]
    pub(crate) size: usize,
    #[command(flatten)]
    pub(crate) thresholds: Thresholds,
}

/// A server, the way to it, and how to talk to it.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct Target {
    /// Where the server listens: HOST:PORT, or with tcp://, udp://, unix:// or unixgram://
    ///
    /// HOST:PORT is tcp://HOST:PORT; IPv6 addresses go in brackets; paths are
    /// absolute, as in unix:///run/hello.sock. Every address of a name is tried in
    /// turn.
    #[arg(short = 's', long = "server", global = true, value_name = "ENDPOINT", value_parser = endpoint)]
    #[arg(verbatim_doc_comment)]
    #[arg(env = "HELLO_SERVER", default_value = "127.0.0.1:9999")]
    pub(crate) endpoint: Endpoint,
    /// How long connecting may take, and then each reply
    ///
    /// [default: 5s; bench and ping over udp and unixgram: 1s]
    #[arg(long, global = true, value_name = "DURATION", value_parser = positive)]
    timeout: Option<Duration>,
    /// Keep trying for this long until the server is there
    ///
    /// Every try, so also the last one, may take its --timeout. Over UDP, which has no
    /// connections, the first message is sent again until it is answered.
    #[arg(verbatim_doc_comment)]
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    #[arg(default_value = "0")]
    pub(crate) wait: Duration,
    /// Where a message ends on a stream; must match the server
    #[arg(long, global = true, value_parser = framing(), default_value_t)]
    pub(crate) framing: Framing,
    /// The longest message, from 1 to 65499
    #[arg(long = "max-message", global = true, value_name = "BYTES")]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_MESSAGE as u64))]
    #[arg(default_value_t = DEFAULT_MAX_MESSAGE)]
    pub(crate) limit: usize,
    /// Use only the IPv4 addresses of a name
    #[arg(short = '4', global = true, conflicts_with = "ipv6")]
    ipv4: bool,
    /// Use only the IPv6 addresses of a name
    #[arg(short = '6', global = true)]
    ipv6: bool,
    /// Connect from this address of this machine: IP, or IP:PORT
    #[arg(long, global = true, value_name = "ADDR", value_parser = bind)]
    pub(crate) bind: Option<SocketAddr>,
}

impl Target {
    /// Whether messages are datagrams, rather than parts of a stream.
    pub(crate) fn is_datagram(&self) -> bool {
        matches!(self.endpoint, Endpoint::Udp(_) | Endpoint::Unixgram(_))
    }

    /// Checks that the server will receive, and answer, just this message.
    pub(crate) fn check(&self, message: &[u8]) -> Result<(), MessageError> {
        if self.is_datagram() {
            check_datagram(message, self.limit)
        } else {
            self.framing.check(message, self.limit)
        }
    }

    /// How long connecting may take, and each reply; never zero.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(TIMEOUT)
    }

    /// The family that an address of the server must have, if not any will do.
    pub(crate) fn family(&self) -> Option<Domain> {
        match self.bind {
            _ if self.ipv4 => Some(Domain::IPV4),
            _ if self.ipv6 => Some(Domain::IPV6),
            bind => bind.map(Domain::for_address),
        }
    }

    /// The same target, with the timeout of a measurement unless another was given.
    pub(crate) fn for_measurement(mut self) -> Self {
        if self.is_datagram() {
            self.timeout.get_or_insert(DATAGRAM_TIMEOUT);
        }
        self
    }

    /// Checks what clap cannot.
    pub(crate) fn validate(&self) -> Result<(), String> {
        let is_unix = matches!(self.endpoint, Endpoint::Unix(_) | Endpoint::Unixgram(_));
        let option = match self.bind {
            _ if self.ipv4 => "-4",
            _ if self.ipv6 => "-6",
            Some(_) => "--bind",
            None => return Ok(()),
        };
        match self.bind {
            _ if is_unix => Err(format!("{option} cannot be used with --server {}", self.endpoint)),
            Some(bind) if self.family() != Some(Domain::for_address(bind)) => {
                Err(format!("{option} cannot be used with --bind {}", bind.ip()))
            }
            _ => Ok(()),
        }
    }
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

fn count<T: TryFrom<u64> + Clone + Send + Sync>() -> RangedU64ValueParser<T> {
    RangedU64ValueParser::new().range(1..=MAX_COUNT)
}

/// A duration as people write it: `500ms`, `1m 30s`, `0`.
pub(crate) fn duration(text: &str) -> Result<Duration, &'static str> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= MAX_DURATION => Ok(duration),
        Ok(_) => Err("expected at most 365 days"),
        Err(_) => Err("expected a number with a unit, such as 500ms, 5s or 1m, or 0"),
    }
}

fn positive(text: &str) -> Result<Duration, &'static str> {
    match duration(text) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("expected more than 0 and at most 365 days, such as 500ms, 5s or 1m"),
    }
}

fn framing() -> impl TypedValueParser<Value = Framing> {
    PossibleValuesParser::new(Framing::ALL.map(Framing::name))
        .try_map(|name| name.parse::<Framing>())
}

fn endpoint(text: &str) -> Result<Endpoint, String> {
    let endpoint = match text.parse() {
        Ok(EndpointSpec::HostPort(address)) => Endpoint::Tcp(address),
        Ok(EndpointSpec::Endpoint(endpoint)) => endpoint,
        Err(error) => return Err(hello_proto::EndpointError::to_string(&error)),
    };
    match &endpoint {
        Endpoint::Tcp(address) | Endpoint::Udp(address) if address.port == 0 => {
            Err("port 0 is only for servers".to_owned())
        }
        _ => Ok(endpoint),
    }
}

fn bind(text: &str) -> Result<SocketAddr, &'static str> {
    let address = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 0));
    address.or_else(|_| text.parse()).map_err(|_| {
        "expected an address of this machine, as in 192.0.2.7, ::1, 192.0.2.7:4000 or [::1]:4000"
    })
}
