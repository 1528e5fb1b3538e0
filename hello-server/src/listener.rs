//! A socket at which clients arrive, TCP or Unix, behind one face.

use std::io;

use mio::event::Source;
use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};

use crate::socket_file::SocketFile;
use crate::stream::{Peer, Stream};

/// A listener that never blocks.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        /// Removed with it.
        _file: SocketFile,
    },
}

impl Listener {
    /// Accepts one client.
    pub(crate) fn accept(&mut self) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept()?;
                // Replies leave at once. A stream that is broken already fails at its first use.
                let _ = stream.set_nodelay(true);
                Ok((Stream::Tcp(stream), Peer::Ip(address)))
            }
            Self::Unix { listener, .. } => {
                let (stream, address) = listener.accept()?;
                Ok((Stream::Unix(stream), Peer::unix(&address)))
            }
        }
    }
}

impl Source for Listener {
    fn register(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.register(to, token, interest),
            Self::Unix { listener, .. } => listener.register(to, token, interest),
        }
    }

    fn reregister(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.reregister(to, token, interest),
            Self::Unix { listener, .. } => listener.reregister(to, token, interest),
        }
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.deregister(from),
            Self::Unix { listener, .. } => listener.deregister(from),
        }
    }
}
