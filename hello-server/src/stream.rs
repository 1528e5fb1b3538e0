//! One accepted stream, TCP or Unix, behind one face.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::unix::net;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

/// A stream that never blocks.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    /// Reads what is there: nothing at the end of the stream, `None` if nothing is there yet.
    #[inline]
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        retry(|| match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        })
    }

    /// Writes as much as is taken, which may be nothing.
    #[inline]
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = retry(|| match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        })?;
        Ok(written.unwrap_or(0))
    }

    /// Tells the peer that nothing more will be sent.
    pub(crate) fn finish_writing(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    /// The server's end, as an endpoint, for the log.
    pub(crate) fn local(&self) -> String {
        match self {
            Self::Tcp(stream) => match stream.local_addr() {
                Ok(address) => format!("tcp://{address}"),
                Err(error) => format!("tcp://? ({error})"),
            },
            Self::Unix(stream) => match stream.local_addr() {
                Ok(address) => format!("unix://{}", Peer::unix(&address)),
                Err(error) => format!("unix://? ({error})"),
            },
        }
    }
}

fn retry(mut io: impl FnMut() -> io::Result<usize>) -> io::Result<Option<usize>> {
    loop {
        match io() {
            Ok(count) => return Ok(Some(count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl Source for Stream {
    fn register(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.register(to, token, interest),
            Self::Unix(stream) => stream.register(to, token, interest),
        }
    }

    fn reregister(&mut self, to: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.reregister(to, token, interest),
            Self::Unix(stream) => stream.reregister(to, token, interest),
        }
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.deregister(from),
            Self::Unix(stream) => stream.deregister(from),
        }
    }
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub(crate) enum Peer {
    Ip(SocketAddr),
    /// The path that the client bound, escaped; empty for the usual client that bound none.
    Unix(String),
}

impl Peer {
    pub(crate) fn unix(address: &net::SocketAddr) -> Self {
        Self::Unix(address.as_pathname().map_or_else(String::new, |path| {
            path.as_os_str().as_encoded_bytes().escape_ascii().to_string()
        }))
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
