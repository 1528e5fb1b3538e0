//! The loop that answers datagrams, UDP or Unix, on one socket.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hello_proto::{DatagramBuffer, Endpoint};
use log::{debug, trace, warn};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketAddrAny, recvfrom, sendto};

use crate::failpoint;
use crate::listen::bind::DatagramSocket;
use crate::listen::socket_file::SocketFile;
use crate::log_limit::LogLimiter;
use crate::net::os::dropped;
use crate::net::packet_info::{self, Received};
use crate::net::poll::{WAKE, poll};
use crate::net::stream::Peer;
use crate::shared::Shared;
use crate::stats::{Counter, ThreadStats};

/// How often a loop tries to receive before it blocks. A client that sends again at once finds the
/// loop awake: measured with four of them, 4 and 8 tries carry 1.04 and 1.16 times what blocking at
/// once does, for 1.03 and 0.94 of its processor time. One alone pays for 8 tries with about a
/// microsecond a message.
const NONBLOCKING_TRIES: usize = 8;

/// The token of the socket's event.
const SOCKET: Token = Token(0);

/// How long receiving pauses when the system has no memory for it.
const PAUSE: Duration = Duration::from_millis(100);

/// A loop's socket, poll and waker.
pub(crate) const DESCRIPTORS: usize = 3;

/// Answers the datagrams of one socket.
#[derive(Debug)]
pub(crate) struct DatagramLoop {
    shared: Arc<Shared>,
    socket: Arc<OwnedFd>,
    /// What arrives after the stop is for the next server.
    inherited: bool,
    poll: Poll,
    waker: Arc<Waker>,
    endpoint: Endpoint,
    /// `None` on a Unix socket.
    local: Option<SocketAddr>,
    /// What the system says of each datagram; only on a wildcard address, where it is needed to
    /// answer from the address that was asked.
    control: Option<Vec<u8>>,
    /// Removed when the loop ends.
    _file: Option<SocketFile>,
    buffer: DatagramBuffer,
    receive_failed: LogLimiter,
    unsent: LogLimiter,
    stats: ThreadStats,
}

/// Who sent a datagram.
#[derive(Debug)]
enum Source {
    /// To the one address of the socket. `None` is a Unix socket that is not bound to a name.
    Address(Option<SocketAddrAny>),
    /// To one of many.
    Wildcard(Received),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => Peer::from(address.clone()).fmt(f),
            Self::Wildcard(received) => received.source.fmt(f),
        }
    }
}

impl DatagramLoop {
    pub(crate) fn new(
        shared: Arc<Shared>,
        socket: DatagramSocket,
        endpoint: Endpoint,
        stats: ThreadStats,
    ) -> io::Result<Self> {
        let DatagramSocket { socket, file, inherited } = socket;
        let local = SocketAddr::try_from(rustix::net::getsockname(&socket)?).ok();
        let control = match local.filter(|local| local.ip().is_unspecified()) {
            Some(local) => {
                packet_info::enable(&socket, local)?;
                Some(packet_info::control_buffer())
            }
            None => None,
        };
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        poll.registry().register(&mut SourceFd(&socket.as_raw_fd()), SOCKET, Interest::READABLE)?;
        Ok(Self {
            buffer: DatagramBuffer::new(shared.framing, shared.max_message),
            shared,
            socket: Arc::new(socket),
            inherited,
            poll,
            waker,
            endpoint,
            local,
            control,
            _file: file,
            receive_failed: LogLimiter::default(),
            unsent: LogLimiter::default(),
            stats,
        })
    }

    /// Its socket, for the monitor.
    pub(crate) fn socket(&self) -> &Arc<OwnedFd> {
        &self.socket
    }

    /// Wakes it, to see that the server stops.
    pub(crate) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Answers until the server stops, and then, unless that is for the next one, what has arrived
    /// until then.
    ///
    /// # Errors
    ///
    /// Only when the socket itself fails.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(2);
        while !self.shared.is_stopping() {
            self.serve_or_wait(&mut events)?;
        }
        if !self.inherited {
            while !self.shared.grace_remaining().is_zero() && self.serve_one()? {}
        }
        let dropped = dropped(&self.socket);
        // In this order, so that nobody who adds up counts them twice.
        drop(self.socket);
        self.stats.add(Counter::Overflowed, dropped);
        Ok(())
    }

    /// Answers one datagram, or waits until there is one or the server stops.
    fn serve_or_wait(&mut self, events: &mut Events) -> io::Result<()> {
        for _ in 0..NONBLOCKING_TRIES {
            if self.serve_one()? {
                return Ok(());
            }
        }
        // The last try has found nothing, so there is an event for whatever comes (epoll(7)).
        poll(&mut self.poll, events, None)
    }

    /// Receives and answers one datagram. Returns false when there is no other one.
    fn serve_one(&mut self) -> io::Result<bool> {
        let (length, source) = match self.receive() {
            Ok(received) => received,
            Err(Errno::AGAIN) => return Ok(false),
            Err(Errno::INTR) => return Ok(true),
            Err(error @ (Errno::BADF | Errno::NOTSOCK | Errno::INVAL | Errno::FAULT)) => {
                return Err(error.into());
            }
            Err(error) => {
                self.on_receive_error(error);
                return Ok(true);
            }
        };
        self.stats.count(Counter::Received);
        failpoint::hit("datagram");
        if self.is_unanswerable(&source) {
            self.stats.count(Counter::BadSource);
            return Ok(true);
        }
        trace!(
            "{} got \"{}\" from {source}",
            self.endpoint,
            self.buffer.message(length).escape_ascii()
        );
        let Some(greeting) = self.buffer.greeting(length) else {
            self.stats.count(Counter::DatagramTooLong);
            return Ok(true);
        };
        // A client that does not take its greetings must not make the others wait.
        let flags = SendFlags::DONTWAIT;
        let sent = match &source {
            Source::Address(Some(address)) => sendto(&self.socket, greeting, flags, address),
            Source::Address(None) => unreachable!("it is unanswerable"),
            Source::Wildcard(received) => packet_info::answer(&self.socket, greeting, received),
        };
        match sent {
            Ok(_) => self.stats.count(Counter::Greeted),
            Err(error) => self.on_send_error(error, &source),
        }
        Ok(true)
    }

    #[inline]
    fn receive(&mut self) -> rustix::io::Result<(usize, Source)> {
        match &mut self.control {
            None => recvfrom(&self.socket, self.buffer.recv_buf(), RecvFlags::DONTWAIT)
                .map(|(length, _, address)| (length, Source::Address(address))),
            Some(control) => packet_info::receive(&self.socket, self.buffer.recv_buf(), control)
                .map(|received| (received.length, Source::Wildcard(received))),
        }
    }

    /// Whether a datagram has no address to answer to, or names this server as its source: forged,
    /// it would make the server answer itself.
    #[inline]
    fn is_unanswerable(&self, source: &Source) -> bool {
        match source {
            Source::Address(None) => true,
            Source::Address(Some(source)) => self.local.is_some_and(|local| {
                SocketAddr::try_from(source.clone()).is_ok_and(|source| is_same(source, local))
            }),
            // The port is ours on every address of this machine.
            Source::Wildcard(Received { source, .. }) => self
                .local
                .is_some_and(|local| local.port() == source.port() && is_local(source.ip())),
        }
    }

    /// An error that a peer or the network caused is over once it is read; a lack of memory is not.
    fn on_receive_error(&mut self, error: Errno) {
        self.stats.count(Counter::ReceiveErrors);
        if let Some(repeats) = self.receive_failed.record(Instant::now()) {
            warn!("{} cannot receive: {error}{repeats}", self.endpoint);
        }
        if matches!(error, Errno::NOMEM | Errno::NOBUFS) {
            thread::sleep(PAUSE);
        }
    }

    /// A full send buffer is worth a warning: a Unix client that is connected and does not read can
    /// hold all of it, since the system counts what it has not read as the server's.
    fn on_send_error(&mut self, error: Errno, source: &Source) {
        self.stats.count(Counter::Unsent);
        debug!("{} cannot answer {source}: {error}", self.endpoint);
        if matches!(error, Errno::AGAIN | Errno::NOBUFS)
            && let Some(repeats) = self.unsent.record(Instant::now())
        {
            warn!("{} drops greetings that a client does not take{repeats}", self.endpoint);
        }
    }
}

fn is_same(one: SocketAddr, other: SocketAddr) -> bool {
    (one.ip(), one.port()) == (other.ip(), other.port())
}

/// Whether `address` is one of this machine's: those are reached from themselves. That it can be bound
/// would not show it (`ip_nonlocal_bind`, ip(7)).
fn is_local(address: IpAddr) -> bool {
    let reached_from = || {
        let any: IpAddr = match address {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect((address, 9))?;
        socket.local_addr()
    };
    // Canonical, since an inherited socket may serve both families: there IPv4 is mapped into IPv6.
    address.to_canonical().is_loopback() || reached_from().is_ok_and(|local| local.ip() == address)
}

#[cfg(test)]
mod tests;
