//! Every other Unix.

use std::io;
use std::time::Duration;

use mio::{Registry, Token};
use socket2::{Domain, Socket};

use super::{NetworkError, TcpInfo};

/// What the network says is known by the error of the next call alone.
pub(crate) fn keep_errors(_: &Socket, _: Domain, _: bool) -> io::Result<()> {
    Ok(())
}

pub(crate) fn last_error(_: &Socket) -> Option<NetworkError> {
    None
}

pub(crate) fn tcp_info(_: &Socket) -> Option<TcpInfo> {
    None
}

/// The system does not tell.
pub(crate) fn dropped(_: &Socket) -> u64 {
    0
}

/// Nothing: the timeout of kqueue(2) is in nanoseconds.
#[derive(Debug)]
pub(crate) struct Timer;

impl Timer {
    pub(crate) fn new(_: &Registry, _: Token) -> io::Result<Self> {
        Ok(Self)
    }

    /// The timeout of a poll that ends after `remaining`, which is less than `timeout`.
    pub(crate) fn poll_timeout(
        &self,
        remaining: Duration,
        _timeout: Duration,
    ) -> io::Result<Duration> {
        Ok(remaining)
    }
}

/// Only Linux has names that are no files.
pub(crate) fn bind_unnamed(_: &Socket) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "unixgram needs Linux"))
}
