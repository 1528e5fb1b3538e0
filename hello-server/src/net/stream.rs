//! One accepted stream, TCP or Unix.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use mio::{Interest, Token};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, SocketAddrAny, SocketAddrUnix};

use super::os;
use crate::sys::{OwnedFd, Registry, SourceFd, getsockname, recv, send, shutdown};

/// A nonblocking stream.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: OwnedFd,
    /// A read that does not fill the buffer may leave input behind: on a Unix stream it ends at
    /// every message that carries descriptors or is out of band (unix(7)).
    pub(crate) reads_short: bool,
}

impl Stream {
    /// `socket` has to be nonblocking.
    pub(crate) fn new(socket: OwnedFd, peer: &Peer) -> Self {
        Self { socket, reads_short: os::TCP_READS_SHORT || matches!(peer, Peer::Unix(_)) }
    }

    /// Reads what is there: 0 at the end of the stream, `None` if there is nothing yet.
    #[inline]
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        ready(|| recv(&self.socket, &mut *buffer, RecvFlags::empty()).map(|(count, _)| count))
    }

    /// Reads what is there, and leaves it there.
    pub(crate) fn peek(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        ready(|| recv(&self.socket, &mut *buffer, RecvFlags::PEEK).map(|(count, _)| count))
    }

    /// Writes as much as the system takes, which may be nothing. That nobody reads any more is an
    /// error and no signal: Rust programs ignore SIGPIPE.
    #[inline]
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(ready(|| send(&self.socket, bytes, SendFlags::empty()))?.unwrap_or(0))
    }

    /// Tells the peer that nothing more will be sent.
    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        Ok(shutdown(&self.socket, Shutdown::Write)?)
    }

    /// Asks for events, and for one at once if there is something already.
    pub(crate) fn register(
        &self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        registry.register(&mut SourceFd(&self.socket.as_raw_fd()), token, interest)
    }

    /// Asks for other events, and for one at once if there is something already.
    pub(crate) fn reregister(
        &self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        registry.reregister(&mut SourceFd(&self.socket.as_raw_fd()), token, interest)
    }

    /// Asks for no more events.
    pub(crate) fn deregister(&self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut SourceFd(&self.socket.as_raw_fd()))
    }

    /// The server's end, as an endpoint, for the log.
    pub(crate) fn local(&self) -> String {
        match getsockname(&self.socket).map(|address| Peer::from(Some(address))) {
            Ok(local @ Peer::Ip(_)) => format!("tcp://{local}"),
            Ok(local @ Peer::Unix(_)) => format!("unix://{local}"),
            Err(error) => format!("? ({error})"),
        }
    }
}

/// Retries EINTR; `None` if the call would block.
#[inline]
fn ready(mut call: impl FnMut() -> rustix::io::Result<usize>) -> io::Result<Option<usize>> {
    loop {
        match call() {
            Ok(count) => return Ok(Some(count)),
            Err(Errno::AGAIN) => return Ok(None),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The size of `sockaddr_un`, in bytes: the family, and 108 bytes of path.
const MAX_UNIX_ADDRESS: usize = 2 + 108;

/// The address of one end of a stream.
#[derive(Clone, Debug)]
pub(crate) enum Peer {
    Ip(SocketAddr),
    /// The path it is bound to, escaped; empty for the usual client, which is bound to none.
    Unix(Box<str>),
}

impl From<Option<SocketAddrAny>> for Peer {
    fn from(address: Option<SocketAddrAny>) -> Self {
        if let Some(Ok(address)) = address.clone().map(SocketAddr::try_from) {
            return Self::Ip(address);
        }
        // Linux takes a path that fills `sun_path` and has no NUL (unix(7)), which is then read as one
        // byte longer than the address.
        let fits = |address: &SocketAddrAny| address.addr_len() as usize <= MAX_UNIX_ADDRESS;
        let address = address.filter(fits);
        let address = address.and_then(|address| SocketAddrUnix::try_from(address).ok());
        let path = address.as_ref().and_then(SocketAddrUnix::path_bytes).unwrap_or_default();
        Self::Unix(path.escape_ascii().to_string().into())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(path) if path.is_empty() => f.write_str("unnamed"),
            Self::Unix(path) => f.write_str(path),
        }
    }
}
