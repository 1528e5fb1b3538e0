//! Sockets of all four kinds, on which no call blocks past its deadline.

mod connect;
mod deadline;
mod icmp;
mod os;
mod resolve;

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::{Duration, Instant};

use log::{debug, info};
use rustix::io::Errno;
use socket2::{SockAddr, Socket};

use crate::error::{Error, ErrorKind};
use crate::options::Target;

pub(crate) use connect::{addresses, begin_connect, connect, connect_each, finish_connect};
pub(crate) use deadline::{Deadline, Timeout};
pub(crate) use os::{TcpInfo, Timer, dropped, tcp_info};

/// The pause between a failed attempt and the next one.
pub(crate) const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// How often a wait for a server is reported.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// A socket whose other end is a server, or for datagrams, where a server may be.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Socket,
    /// Our own address; an unnamed Unix socket has none.
    pub(crate) local: Option<String>,
    /// The server's address.
    pub(crate) peer: String,
    /// How long connecting took.
    pub(crate) connected_in: Duration,
    /// How many other addresses of the server were tried before, in vain.
    pub(crate) failed_addresses: u64,
    /// Whether anything was received.
    pub(crate) is_reached: bool,
}

impl Connection {
    fn new(socket: Socket, peer: &SockAddr, connected_in: Duration) -> Self {
        let local = socket.local_addr().ok().as_ref().and_then(address_text);
        let peer = address_text(peer).unwrap_or_default();
        Self { socket, local, peer, connected_in, failed_addresses: 0, is_reached: false }
    }

    /// Its socket alone.
    pub(crate) fn into_socket(self) -> Socket {
        self.socket
    }

    /// Logs which server was reached, and from where.
    pub(crate) fn log_as(&self, reached: &str) {
        let local = self.local.as_deref().unwrap_or("an unnamed socket");
        info!("{reached} {} from {local}", self.peer);
    }

    /// Sends all of `bytes`; a datagram socket sends them as one, even if there are none.
    ///
    /// # Errors
    ///
    /// Those of send(2), and [`io::ErrorKind::TimedOut`].
    pub(crate) fn send(&mut self, mut bytes: &[u8], deadline: Deadline) -> io::Result<()> {
        loop {
            self.socket.set_write_timeout(Some(deadline.remaining()?))?;
            match self.socket.write(bytes) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(error) if is_transient(&error) => continue,
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
    /// Those of recv(2), and [`io::ErrorKind::TimedOut`].
    pub(crate) fn receive(&mut self, buffer: &mut [u8], deadline: Deadline) -> io::Result<usize> {
        loop {
            self.socket.set_read_timeout(Some(deadline.remaining()?))?;
            match self.socket.read(buffer) {
                Err(error) if is_transient(&error) => {}
                Ok(length) => {
                    self.is_reached |= length > 0;
                    return Ok(length);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The server closed the connection instead of what was `expected`.
    pub(crate) fn closed(&self, expected: &str) -> Error {
        let message = format!("connection closed by {}, expected {expected}", self.peer);
        Error::unreached(ErrorKind::Closed, message).of_server(self.is_reached)
    }

    /// Forgets what the network said so far.
    pub(crate) fn discard_errors(&self) {
        icmp::discard(&self.socket);
    }

    /// What `error` says of the server, which came instead of what was `expected` until `deadline`.
    pub(crate) fn error(&self, error: &io::Error, expected: &str, deadline: Deadline) -> Error {
        let peer = &self.peer;
        let kind = ErrorKind::from(error);
        let message = match kind {
            ErrorKind::Timeout => {
                format!("no reply from {peer} within {deadline}, expected {expected}")
            }
            ErrorKind::Closed => format!("connection reset by {peer}, expected {expected}"),
            _ => icmp::describe(error, &self.socket, peer),
        };
        Error::unreached(kind, message).of_server(self.is_reached)
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Whether the call should be repeated: the deadline decides whether the time is over, the kernel
/// only wakes us at about that time.
fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Whether a datagram is larger than the MTU of the path: of the first one the system learns that, and
/// sends fragments of the next.
pub(crate) fn is_too_long(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::MSGSIZE)
}

/// An address as people write it, with `@` before a name in the abstract namespace, as in ss(8).
pub(crate) fn address_text(address: &SockAddr) -> Option<String> {
    if let Some(address) = address.as_socket() {
        return Some(address.to_string());
    }
    if let Some(name) = address.as_abstract_namespace() {
        return Some(format!("@{}", name.escape_ascii()));
    }
    address.as_pathname().map(|path| path.display().to_string())
}

/// Makes an attempt, and then others until one succeeds, one fails for good, or the `--wait` of
/// `target` is over. It ends less than a second after that, whatever the timeout is.
///
/// # Errors
///
/// How the last attempt failed, with the time spent if there was any to spend.
pub(crate) fn retry_until<T>(
    target: &Target,
    mut attempt: impl FnMut(Timeout) -> Result<T, Error>,
) -> Result<T, Error> {
    let wait = target.wait;
    let timeout = Timeout::new(target.timeout());
    if wait.is_zero() {
        return attempt(timeout);
    }
    let started = Instant::now();
    let mut next_report = started;
    let mut is_reached = false;
    loop {
        let error = match attempt(timeout.until(started + wait)) {
            Ok(done) => return Ok(done),
            Err(error) if !error.is_temporary() => return Err(error),
            Err(error) => error,
        };
        is_reached |= error.is_reached();
        if started.elapsed() >= wait {
            return Err(error.of_server(is_reached).after_retries(started.elapsed()));
        }
        debug!("{error}; trying again");
        if Instant::now() >= next_report {
            next_report = Instant::now() + REPORT_INTERVAL;
            let left = wait.saturating_sub(started.elapsed()).as_secs();
            info!("waiting for {}, for up to {left} s more: {error}", target.endpoint);
        }
        thread::sleep(RETRY_INTERVAL.min(wait.saturating_sub(started.elapsed())));
    }
}

/// Raises the limit of open files as far as the system lets us, and returns how many connections it
/// allows on this many `threads`.
pub(crate) fn max_connections(threads: usize) -> usize {
    /// For standard streams and signals; a thread has a poll and a timer besides.
    const RESERVED: usize = 64;
    let limit = rlimit::increase_nofile_limit(u64::MAX)
        .or_else(|_| rlimit::Resource::NOFILE.get_soft())
        .map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    limit.saturating_sub(RESERVED).saturating_sub(threads.saturating_mul(4))
}

#[cfg(test)]
mod tests;
