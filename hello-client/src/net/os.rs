//! What systems do differently: all that is Linux's alone, and what the others do instead. The client
//! is tested on Linux; for macOS and FreeBSD it is compiled.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

use std::net::IpAddr;
use std::time::Duration;

#[cfg(target_os = "linux")]
pub(crate) use linux::*;
#[cfg(not(target_os = "linux"))]
pub(crate) use other::*;

/// What TCP knows of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TcpInfo {
    /// How many segments were sent again since it was opened.
    pub(crate) retransmits: u64,
    /// The round trip to the system at the other end, smoothed; unknown before anything was
    /// acknowledged.
    pub(crate) round_trip: Option<Duration>,
}

/// An ICMP error, or the same from this machine's own network stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NetworkError {
    pub(crate) errno: u32,
    pub(crate) kind: NetworkErrorKind,
    /// Who said it; not known of this machine.
    pub(crate) source: Option<IpAddr>,
}

/// What it is about; only the error queue of Linux tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code))]
pub(crate) enum NetworkErrorKind {
    /// A firewall or a route prohibits it.
    Prohibited,
    /// It does not fit into the path's MTU.
    TooBig {
        mtu: u32,
    },
    Other,
}
