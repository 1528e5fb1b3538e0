//! Sockets that the process which started this one has opened for it, as systemd does
//! (`sd_listen_fds(3)`). It keeps them open: what waits at them when this server stops is for the next.

use std::os::fd::OwnedFd;
use std::os::unix::net::SocketAddr;
use std::path::PathBuf;
use std::{env, io, process};

use hello_proto::Endpoint;
use listenfd::ListenFd;
use socket2::SockRef;

use super::bind::{BoundSocket, DatagramSocket, host_port};
use super::listener::Listener;
use crate::error::Error;
use crate::net::os;

/// `SD_LISTEN_FDS_START`
const FIRST_DESCRIPTOR: usize = 3;

/// The most sockets that can be handed over, as many as there are ports.
const MAX_COUNT: usize = 65_536;

/// The sockets that were handed over, each with its address.
#[derive(Debug, Default)]
pub struct InheritedSockets(pub(crate) Vec<(Endpoint, BoundSocket)>);

impl InheritedSockets {
    /// Takes those that the environment tells of (`LISTEN_FDS`) and means for this process
    /// (`LISTEN_PID`), and takes that out of it: to be called before there are other threads or open
    /// files. Options that their owner has set stay as they are, among them the backlog and the
    /// receive buffer.
    ///
    /// # Errors
    ///
    /// [`Error::ListenFds`] if their number is invalid, [`Error::Inherited`] for the first that
    /// cannot be served.
    pub fn from_env() -> Result<Self, Error> {
        let count = count()?;
        if count == 0 {
            return Ok(Self::default());
        }
        let mut sockets = ListenFd::from_env();
        let take_one = |index| {
            let descriptor = FIRST_DESCRIPTOR + index;
            take_one(&mut sockets, index).map_err(|source| Error::Inherited { descriptor, source })
        };
        (0..count).map(take_one).collect::<Result<_, _>>().map(Self)
    }
}

/// How many there are. `listenfd` also takes sockets that are meant for no process, ignores a number
/// that it cannot read, and takes memory for any other one.
fn count() -> Result<usize, Error> {
    let pid = process::id().to_string();
    let is_for_us = env::var_os("LISTEN_PID").is_some_and(|meant| meant == *pid);
    let Some(value) = env::var_os("LISTEN_FDS").filter(|_| is_for_us) else { return Ok(0) };
    let count = value.to_str().and_then(|value| value.parse().ok());
    let value = || value.to_string_lossy().into_owned();
    count.filter(|count| *count <= MAX_COUNT).ok_or_else(|| Error::ListenFds { value: value() })
}

fn take_one(sockets: &mut ListenFd, index: usize) -> io::Result<(Endpoint, BoundSocket)> {
    // What is of another kind stays where it is.
    if let Ok(Some(socket)) = sockets.take_tcp_listener(index) {
        // Accepted sockets inherit it, and replies leave at once.
        SockRef::from(&socket).set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        Ok((Endpoint::Tcp(host_port(socket.local_addr()?)), listener(socket.into())?))
    } else if let Ok(Some(socket)) = sockets.take_unix_listener(index) {
        socket.set_nonblocking(true)?;
        Ok((Endpoint::Unix(path(&socket.local_addr()?)?), listener(socket.into())?))
    } else if let Ok(Some(socket)) = sockets.take_udp_socket(index) {
        let address = socket.local_addr()?;
        if address.port() == 0 {
            return Err(io::Error::other("a UDP socket without an address"));
        }
        Ok((Endpoint::Udp(host_port(address)), datagrams(socket.into())))
    } else if let Ok(Some(socket)) = sockets.take_unix_datagram(index) {
        Ok((Endpoint::Unixgram(path(&socket.local_addr()?)?), datagrams(socket.into())))
    } else {
        Err(io::Error::other("not a TCP, UDP or Unix socket"))
    }
}

fn listener(socket: OwnedFd) -> io::Result<BoundSocket> {
    if !os::is_listening(&socket)? {
        return Err(io::Error::other("not a listening socket"));
    }
    Ok(BoundSocket::Streams(Listener::inherited(socket)))
}

fn datagrams(socket: OwnedFd) -> BoundSocket {
    BoundSocket::Datagrams(vec![DatagramSocket { socket, file: None, inherited: true }])
}

/// The path of a Unix socket, or `@` and its name if it has that instead, escaped to be shown.
fn path(address: &SocketAddr) -> io::Result<PathBuf> {
    if let Some(name) = os::abstract_name(address) {
        return Ok(format!("@{}", name.escape_ascii()).into());
    }
    let unnamed = || io::Error::other("a Unix socket without an address");
    let path = address.as_pathname().ok_or_else(unnamed)?;
    Ok(path.to_string_lossy().escape_debug().to_string().into())
}
