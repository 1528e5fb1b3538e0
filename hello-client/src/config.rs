//! What a command line asks for, checked and typed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use hello_proto::{Endpoint, Framing};
use log::LevelFilter;

/// The whole of a command line.
#[derive(Debug)]
pub(crate) struct Config {
    /// What to do.
    pub(crate) command: Command,
    /// How much to log.
    pub(crate) log: LevelFilter,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Command {
    /// One scripted session.
    Say(Say),
    /// Load and latency.
    Bench(Bench),
    /// One message after the other, at their times.
    Ping(Ping),
}

/// One scripted session.
#[derive(Debug)]
pub(crate) struct Say {
    /// With whom.
    pub(crate) target: Target,
    /// What to say.
    pub(crate) source: Source,
    /// Report in one JSON object rather than reply by reply.
    pub(crate) json: bool,
}

/// Load and latency.
#[derive(Debug)]
pub(crate) struct Bench {
    /// With whom; its limit is not less than `size`.
    pub(crate) target: Target,
    /// How many connections; never zero.
    pub(crate) connections: usize,
    /// How many messages in flight on each; never zero.
    pub(crate) pipeline: u64,
    /// The bytes of a message; over datagrams, room for its number.
    pub(crate) size: usize,
    /// How long it takes, after the warm-up.
    pub(crate) length: Length,
    /// How long nothing is counted.
    pub(crate) warmup: Duration,
    /// How many messages a second, over all connections; without it, as fast as replies come.
    pub(crate) rate: Option<u64>,
    /// How many threads; from 1 to the number of connections.
    pub(crate) threads: usize,
    /// Where the distribution of round trips is written.
    pub(crate) hdr: Option<PathBuf>,
    /// Report in one JSON object.
    pub(crate) json: bool,
    /// Show on a terminal how far it is.
    pub(crate) progress: bool,
}

/// When a bench is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// After so long.
    Duration(Duration),
    /// After so many messages.
    Messages(u64),
}

/// One message after the other, at their times.
#[derive(Debug)]
pub(crate) struct Ping {
    /// With whom; its limit is not less than `size`.
    pub(crate) target: Target,
    /// From one message to the next; never zero.
    pub(crate) interval: Duration,
    /// How many messages; without it, for ever.
    pub(crate) count: Option<u64>,
    /// The bytes of a message; over datagrams, room for its number.
    pub(crate) size: usize,
    /// Report in one JSON object at the end.
    pub(crate) json: bool,
}

/// Where messages come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// The command line.
    Arguments(Vec<Vec<u8>>),
    /// The lines of a file.
    File(PathBuf),
    /// The lines of standard input.
    Stdin,
}

/// A server, the way to it, and how to talk to it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Where it listens; the port is never 0.
    pub(crate) endpoint: Endpoint,
    /// How long connecting may take, and each reply; never zero.
    pub(crate) timeout: Duration,
    /// For how long connecting is tried again; zero is one try.
    pub(crate) wait: Duration,
    /// Which of its addresses may be tried.
    pub(crate) family: Family,
    /// The address to connect from, of a family that may be tried.
    pub(crate) bind: Option<SocketAddr>,
    /// Where a message ends, on a stream.
    pub(crate) framing: Framing,
    /// The longest message, in bytes.
    pub(crate) limit: usize,
}

impl Target {
    /// Whether messages are datagrams, rather than parts of a stream.
    pub(crate) fn is_datagram(&self) -> bool {
        matches!(self.endpoint, Endpoint::Udp(_) | Endpoint::Unixgram(_))
    }
}

/// Which addresses of a name may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// All of them.
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    /// The family of `address`.
    pub(crate) fn of(address: SocketAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Whether `address` may be tried.
    pub(crate) fn admits(self, address: SocketAddr) -> bool {
        self == Self::Any || self == Self::of(address)
    }
}
