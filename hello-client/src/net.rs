//! Sockets of all four kinds, on which no call blocks past its deadline.

mod connect;
mod locate;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use hello_proto::HostPort;
use log::{debug, info};
use socket2::{Domain, SockAddr, Socket};

use crate::error::{Error, ErrorKind};

pub(crate) use connect::{begin_connect, connect, connect_each, finish_connect};
pub(crate) use locate::{Route, first_answering, locate};

/// The pause between a failed attempt and the next one.
pub(crate) const RETRY_INTERVAL: Duration = Duration::from_millis(100);

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

    /// Logs which server was reached, and from where.
    fn log_as(&self, reached: &str) {
        let local = self.local.as_deref().unwrap_or("an unnamed socket");
        info!("{reached} {} from {local}", self.peer);
    }

    /// Sends all of `bytes`; a datagram socket sends them as one, even if there are none.
    ///
    /// # Errors
    ///
    /// Those of send(2), and [`io::ErrorKind::TimedOut`].
    pub(crate) fn send(&mut self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        loop {
            self.socket.set_write_timeout(Some(remaining(deadline)?))?;
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
    pub(crate) fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        loop {
            self.socket.set_read_timeout(Some(remaining(deadline)?))?;
            match self.socket.read(buffer) {
                Err(error) if is_transient(&error) => {}
                outcome => return outcome,
            }
        }
    }
}

/// Whether the call should be repeated: the deadline decides whether the time is over, the kernel
/// only wakes us at about that time.
fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// How long until `deadline`, as the timeout of a socket, to which zero means none.
///
/// # Errors
///
/// [`io::ErrorKind::TimedOut`], once it is over.
fn remaining(deadline: Instant) -> io::Result<Duration> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        remaining => Ok(remaining.max(Duration::from_millis(1))),
    }
}

/// When the first of `parts` equal parts of the time until `deadline` is over.
fn split(deadline: Instant, parts: usize) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now).div_f64(parts as f64)
}

/// An address as people write it, with `@` before a name in the abstract namespace, as in ss(8).
fn address_text(address: &SockAddr) -> Option<String> {
    if let Some(address) = address.as_socket() {
        return Some(address.to_string());
    }
    if let Some(name) = address.as_abstract_namespace() {
        return Some(format!("@{}", name.escape_ascii()));
    }
    address.as_pathname().map(|path| path.display().to_string())
}

/// The addresses of `server` that may be tried, in the order to try them; at least one.
///
/// # Errors
///
/// [`ErrorKind::Unresolved`], if there are none, or they are not known in time.
fn resolve(
    server: &HostPort,
    family: Option<Domain>,
    deadline: Instant,
) -> Result<Vec<SocketAddr>, Error> {
    let host = &server.host;
    let unresolved = |why: &str| {
        Error::unreached(ErrorKind::Unresolved, format!("cannot resolve '{host}': {why}"))
    };
    let (sender, receiver) = mpsc::channel();
    let query = (host.clone(), server.port);
    // getaddrinfo(3) has no timeout; past the deadline its thread is abandoned.
    thread::spawn(move || sender.send(query.to_socket_addrs().map(Vec::from_iter)));
    let mut addresses = receiver
        .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        .map_err(|_| unresolved("timed out"))?
        .map_err(|error| unresolved(&error.to_string()))?;
    addresses.retain(|address| family.is_none_or(|family| family == Domain::for_address(*address)));
    match family {
        _ if !addresses.is_empty() => Ok(addresses),
        Some(Domain::IPV4) => Err(unresolved("it has no IPv4 address")),
        Some(_) => Err(unresolved("it has no IPv6 address")),
        None => Err(unresolved("it has no address")),
    }
}

/// Makes an attempt, and then others until one succeeds or `wait` is over. `attempt` receives
/// whether it is the last one, which begins when the wait is over.
///
/// # Errors
///
/// How the last attempt failed, with the time spent if there was any to spend.
pub(crate) fn retry_until<T>(
    wait: Duration,
    mut attempt: impl FnMut(bool) -> Result<T, Error>,
) -> Result<T, Error> {
    let started = Instant::now();
    loop {
        let is_last = started.elapsed() >= wait;
        let error = match attempt(is_last) {
            Ok(done) => return Ok(done),
            Err(error) if wait.is_zero() => return Err(error),
            Err(error) if is_last => return Err(error.after_retries(started.elapsed())),
            Err(error) => error,
        };
        debug!("{error}; trying again");
        thread::sleep(RETRY_INTERVAL.min(wait.saturating_sub(started.elapsed())));
    }
}

/// Raises the limit of open files as far as the system lets us, and checks that it allows this many
/// `connections` on this many `threads`.
///
/// # Errors
///
/// A usage error, if it does not.
pub(crate) fn raise_fd_limit(connections: usize, threads: usize) -> Result<(), Error> {
    /// For standard streams and signals; a thread has a poll and a timer besides.
    const RESERVED: usize = 64;
    let limit = rlimit::increase_nofile_limit(u64::MAX)
        .or_else(|_| rlimit::Resource::NOFILE.get_soft())
        .map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let most = limit.saturating_sub(RESERVED).saturating_sub(threads.saturating_mul(4));
    if connections <= most {
        return Ok(());
    }
    Err(Error::usage(format!(
        "--connections {connections} is more than the limit of open files allows: at most {most} \
         (ulimit -n)"
    )))
}

#[cfg(test)]
mod tests;
