//! What a server is to do, typed and as options of a command line.

use std::num::NonZero;
use std::thread;
use std::time::Duration;

use clap::builder::{
    BoolishValueParser, PossibleValuesParser, RangedU64ValueParser, TypedValueParser,
};
use hello_proto::{DEFAULT_MAX_MESSAGE, EndpointSpec, Framing, HostPort, MAX_MESSAGE};
use humantime::DurationError;

/// More sessions than any machine has descriptors for.
const MAX_SESSIONS: u64 = 1_000_000_000;

/// The longest duration that an option takes: 365 days.
const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The configuration of a server.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Where to listen, beside the sockets that were handed over [default: those, or 127.0.0.1:9999]
    /// [env: HELLO_LISTEN, separated by spaces]
    #[arg(value_name = "ENDPOINT")]
    pub addresses: Vec<EndpointSpec>,

    /// Threads in the pool that serves all sessions [default: one less than the cores, at least 1;
    /// the acceptor, the datagram loops and the kernel's network work need the rest]
    #[arg(long, value_name = "N", value_parser = number(1, 1024))]
    pub workers: Option<usize>,

    /// Threads at each UDP endpoint: more than one if it needs more than a core
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = number(1, 1024))]
    pub udp_loops: usize,

    /// The receive buffer of each UDP socket; the system may grant less
    #[arg(long, value_name = "BYTES", default_value_t = Config::DEFAULT_UDP_BUFFER, value_parser = number(1, i32::MAX as u64))]
    pub udp_buffer: usize,

    /// The permissions of Unix sockets, in octal, as 660; without it, what the umask leaves
    #[arg(long, value_name = "MODE", value_parser = mode)]
    pub unix_mode: Option<u32>,

    /// Sessions open at once; a client beyond it is told that the server is full
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = number(1, MAX_SESSIONS))]
    pub max_sessions: usize,

    /// Sessions open at once from one address, an IPv6 /64 counting as one; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = number(0, MAX_SESSIONS))]
    pub max_sessions_per_address: usize,

    /// The longest message
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_MAX_MESSAGE, value_parser = number(1, MAX_MESSAGE as u64))]
    pub max_message: usize,

    /// How messages are delimited on streams: by a line feed, by a big-endian u32 before each, or
    /// not at all; under line the end of a line is no part of a datagram either
    #[arg(long, value_name = "FRAMING", default_value_t, value_parser = framing())]
    pub framing: Framing,

    /// Expect the PROXY protocol, version 1 or 2, at the beginning of every stream: behind HAProxy
    /// with send-proxy, or nginx with proxy_protocol on. The log, and the limit of sessions from one
    /// address, then have the clients' own addresses, and a client that connects directly is rejected
    #[arg(long, value_parser = BoolishValueParser::new())]
    pub proxy_protocol: bool,

    /// End a session that has no complete message, or does not take its replies, for this time; 0
    /// for never
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub idle_timeout: Duration,

    /// How long shutdown waits for clients to take their last replies, and how long a drain leaves
    /// sessions open before that
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub grace: Duration,

    /// How many connections the system holds until they are accepted
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(i32).range(1..))]
    pub backlog: i32,

    /// Serve metrics for Prometheus at http://ADDR/metrics, and /healthz; the log has the address
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<HostPort>,
}

impl Config {
    /// Where to listen if there is nothing else.
    pub const DEFAULT_ADDRESS: &str = "127.0.0.1:9999";

    /// 4 MiB hold a burst of about 5,000 small datagrams; the usual 208 KiB hold 256.
    pub const DEFAULT_UDP_BUFFER: usize = 4 * 1024 * 1024;

    /// The size of the pool. A worker more than the default would only push the other threads aside.
    pub(crate) fn workers(&self) -> usize {
        let cores = || thread::available_parallelism().map_or(1, NonZero::get);
        self.workers.unwrap_or_else(|| (cores() - 1).max(1))
    }
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
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= MAX_DURATION => Ok(duration),
        Ok(_) => Err("expected at most 365 days".to_owned()),
        Err(DurationError::UnknownUnit { unit, .. }) if unit.is_empty() => {
            Err(format!("the unit is missing: expected a number with a unit, such as {text}s"))
        }
        Err(_) => Err("expected a number with a unit, such as 500ms, 5s or 1m, or 0".to_owned()),
    }
}

/// Reads permissions such as `660` or `0660`.
fn mode(text: &str) -> Result<u32, &'static str> {
    let octal = text.bytes().all(|byte| byte.is_ascii_digit());
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| octal && *mode <= 0o777);
    mode.ok_or("expected permissions in octal, from 0 to 777")
}
