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
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{SockAddr, Socket};

use crate::error::{Error, ErrorKind};
use crate::options::Family;

pub(crate) use connect::{begin_connect, connect, connect_each, finish_connect};
pub(crate) use locate::{Route, first_answering, locate};

/// How long it takes until a failed attempt is repeated.
pub(crate) const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// When a wait is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// This long from now.
    pub(crate) fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    /// How long until then; zero once it is over.
    pub(crate) fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// When the first of `parts` equal parts of the time that is left is over.
    pub(crate) fn split(self, parts: usize) -> Self {
        Self::after(self.remaining().div_f64(parts as f64))
    }

    /// How long until then, for a socket, to which zero would mean for ever.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::TimedOut`], once it is over.
    fn remaining_or_timed_out(self) -> io::Result<Duration> {
        match self.remaining() {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
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
    pub(crate) fn send(&mut self, mut bytes: &[u8], deadline: Deadline) -> io::Result<()> {
        loop {
            self.socket.set_write_timeout(Some(deadline.remaining_or_timed_out()?))?;
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
            self.socket.set_read_timeout(Some(deadline.remaining_or_timed_out()?))?;
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

/// The addresses of `server`, of the families that may be tried, in the order to try them.
///
/// # Errors
///
/// [`ErrorKind::Unresolved`], if there is none, or it is not known in time.
fn resolve(
    server: &HostPort,
    family: Family,
    deadline: Deadline,
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
        .recv_timeout(deadline.remaining())
        .map_err(|_| unresolved("timed out"))?
        .map_err(|error| unresolved(&error.to_string()))?;
    addresses.retain(|address| family.matches(*address));
    match family {
        _ if !addresses.is_empty() => Ok(addresses),
        Family::Any => Err(unresolved("it has no address")),
        Family::V4 => Err(unresolved("it has no IPv4 address")),
        Family::V6 => Err(unresolved("it has no IPv6 address")),
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
pub(crate) fn raise_open_files(connections: usize, threads: usize) -> Result<(), Error> {
    /// For standard streams and signals; a thread has a poll and a timer besides.
    const RESERVED: usize = 64;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = if raised.is_ok() { maximum } else { current };
    // `None` is RLIM_INFINITY.
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
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
