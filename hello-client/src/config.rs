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
