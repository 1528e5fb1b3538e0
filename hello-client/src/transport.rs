//! Sockets of all four kinds, on which nothing waits longer than it was told to.

mod connect;
mod resolve;
mod retry;

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use log::info;
use socket2::{SockAddr, Socket};

pub(crate) use connect::{addresses, begin_connect, connect, connect_each, finish_connect};
pub(crate) use retry::patiently;

/// When a wait is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// So long from now.
    pub(crate) fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    /// How long until then; zero once it is over.
    pub(crate) fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// When the first of so many equal parts of the time that is left is over.
    pub(crate) fn share_of(self, parts: usize) -> Self {
        Self::after(self.remaining().div_f64(parts as f64))
    }

    /// How long until then, for a socket, to which zero would mean for ever.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TimedOut`], once it is over.
    fn remaining_or_timed_out(self) -> io::Result<Duration> {
        match self.remaining() {
            Duration::ZERO => Err(ErrorKind::TimedOut.into()),
            remaining => Ok(remaining.max(Duration::from_millis(1))),
        }
    }
}

/// A socket whose other end is a server, or for datagrams, where a server may be.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Socket,
    /// Our own address; an unnamed Unix socket has none.
    pub(crate) local: Option<String>,
    /// The server's address.
    pub(crate) peer: String,
}

impl Connection {
    fn new(socket: Socket, peer: &SockAddr) -> Self {
        let local = socket.local_addr().ok().as_ref().and_then(address_text);
        Self { socket, local, peer: address_text(peer).unwrap_or_default() }
    }

    /// The socket, which does not wait any more.
    ///
    /// # Errors
    ///
    /// Those of fcntl(2).
    pub(crate) fn into_socket(self) -> io::Result<Socket> {
        self.socket.set_nonblocking(true)?;
        Ok(self.socket)
    }

    /// The server's address.
    ///
    /// # Errors
    ///
    /// Those of getpeername(2).
    pub(crate) fn address(&self) -> io::Result<SockAddr> {
        self.socket.peer_addr()
    }

    /// Logs which server was reached, and from where.
    pub(crate) fn log_as(&self, reached: &str) {
        info!(
            "{reached} {} from {}",
            self.peer,
            self.local.as_deref().unwrap_or("an unnamed socket")
        );
    }

    /// Sends all of `bytes`; a datagram socket sends them as one, even if there are none.
    ///
    /// # Errors
    ///
    /// Those of send(2), and [`ErrorKind::TimedOut`].
    pub(crate) fn send(&mut self, mut bytes: &[u8], deadline: Deadline) -> io::Result<()> {
        loop {
            self.socket.set_write_timeout(Some(deadline.remaining_or_timed_out()?))?;
            match self.socket.write(bytes) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(error) if is_worth_another_try(&error) => continue,
                Err(error) => return Err(error),
            }
            if bytes.is_empty() {
                return Ok(());
            }
        }
    }

    /// Receives what there is, or one datagram, cut to the size of `buffer`. No bytes are the end
    /// of a stream.
    ///
    /// # Errors
    ///
    /// Those of recv(2), and [`ErrorKind::TimedOut`].
    pub(crate) fn receive(&mut self, buffer: &mut [u8], deadline: Deadline) -> io::Result<usize> {
        loop {
            self.socket.set_read_timeout(Some(deadline.remaining_or_timed_out()?))?;
            match self.socket.read(buffer) {
                Err(error) if is_worth_another_try(&error) => {}
                outcome => return outcome,
            }
        }
    }
}

/// The deadline tells whether the time is over; the kernel only wakes us at about that time.
fn is_worth_another_try(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// An address as people write it; `@` stands before a name in the abstract namespace, as in ss(8).
fn address_text(address: &SockAddr) -> Option<String> {
    if let Some(address) = address.as_socket() {
        return Some(address.to_string());
    }
    if let Some(name) = address.as_abstract_namespace() {
        return Some(format!("@{}", name.escape_ascii()));
    }
    address.as_pathname().map(|path| path.display().to_string())
}
