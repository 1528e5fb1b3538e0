//! A socket that accepts streams, TCP or Unix.

use std::io;
use std::os::fd::AsRawFd;

use log::debug;
use mio::{Interest, Token};

use super::socket_file::SocketFile;
use crate::net::os;
use crate::net::stream::{Peer, Stream};
use crate::sys::{OwnedFd, Registry, SourceFd};

/// A nonblocking listener.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: OwnedFd,
    /// Removed when the listener is closed.
    _file: Option<SocketFile>,
    inherited: bool,
}

impl Listener {
    /// `socket` has to be nonblocking.
    pub(crate) fn new(socket: OwnedFd, file: Option<SocketFile>) -> Self {
        Self { socket, _file: file, inherited: false }
    }

    /// One that stays open in the process which has handed it over.
    pub(crate) fn inherited(socket: OwnedFd) -> Self {
        Self { socket, _file: None, inherited: true }
    }

    pub(crate) fn is_inherited(&self) -> bool {
        self.inherited
    }

    /// Accepts one client. On TCP the stream inherits `TCP_NODELAY` from the listener (tcp(7)).
    pub(crate) fn accept(&self) -> io::Result<(Stream, Peer)> {
        let (socket, address) = os::accept(&self.socket)?;
        let peer = Peer::from(address);
        Ok((Stream::new(socket, &peer), peer))
    }

    /// Takes no new connections any more, before it is closed. Those that wait can still be accepted.
    pub(crate) fn stop(&self) {
        if let Err(error) = os::stop_listening(&self.socket) {
            debug!("a connection that arrives just now may be reset: {error}");
        }
    }

    /// Asks for an event whenever a client arrives.
    pub(crate) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut SourceFd(&self.socket.as_raw_fd()), token, Interest::READABLE)
    }

    /// Asks for no more events: closing does not end them as long as the socket is open elsewhere.
    pub(crate) fn deregister(&self, registry: &Registry) {
        if let Err(error) = registry.deregister(&mut SourceFd(&self.socket.as_raw_fd())) {
            debug!("the next server's clients wake this one, too: {error}");
        }
    }
}
