//! From an endpoint as a person writes it to a bound socket.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::path::Path;

use hello_proto::{Address, Endpoint, HostPort};
use mio::net::{TcpListener, UnixListener};
use rustix::net::sockopt;
use socket2::{Domain, Protocol, Socket, Type};

use crate::listener::Listener;
use crate::socket_file::SocketFile;

/// How often a free port for TCP is asked for until it is free for UDP too.
const PORT_TRIES: usize = 32;

/// A socket that is ready to serve.
#[derive(Debug)]
pub(crate) enum Bound {
    Streams(Listener),
    /// As many sockets at the same address as there are to be loops.
    Datagrams(Vec<OwnedFd>, Option<SocketFile>),
}

/// How to bind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) backlog: i32,
    pub(crate) udp_loops: usize,
}

/// Binds what one address means: a bare `HOST:PORT` is TCP and UDP, on the same port.
pub(crate) fn bind(
    address: &Address,
    settings: Settings,
) -> Result<Vec<(Endpoint, Bound)>, BindError> {
    match address {
        Address::Endpoint(endpoint) => bind_one(endpoint, settings).map(|bound| vec![bound]),
        Address::Bare(wanted) => bind_pair(wanted, settings),
    }
}

fn bind_pair(wanted: &HostPort, settings: Settings) -> Result<Vec<(Endpoint, Bound)>, BindError> {
    let mut tries = if wanted.port == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        let tcp = bind_one(&Endpoint::Tcp(wanted.clone()), settings)?;
        let Endpoint::Tcp(found) = &tcp.0 else { unreachable!("TCP was bound") };
        match bind_one(&Endpoint::Udp(found.clone()), settings) {
            Ok(udp) => return Ok(vec![tcp, udp]),
            Err(error) if error.source.kind() == ErrorKind::AddrInUse && tries > 0 => {}
            Err(error) => return Err(error),
        }
    }
}

/// Binds one endpoint; the one returned has the real address and port.
fn bind_one(endpoint: &Endpoint, settings: Settings) -> Result<(Endpoint, Bound), BindError> {
    let bound = match endpoint {
        Endpoint::Tcp(wanted) => bind_tcp(wanted, settings.backlog),
        Endpoint::Udp(wanted) => bind_udp(wanted, settings.udp_loops),
        Endpoint::Unix(path) => bind_unix(path, settings.backlog),
        Endpoint::Unixgram(path) => bind_unixgram(path),
    };
    bound.map_err(|source| BindError { endpoint: endpoint.clone(), source })
}

fn bind_tcp(wanted: &HostPort, backlog: i32) -> io::Result<(Endpoint, Bound)> {
    let address = resolve(wanted)?;
    let socket = internet_socket(address, Type::STREAM, Protocol::TCP)?;
    // A restart need not wait for connections of the last run that are in TIME-WAIT.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    let found = Endpoint::Tcp(host_port(&socket)?);
    Ok((found, Bound::Streams(Listener::Tcp(TcpListener::from_std(socket.into())))))
}

fn bind_udp(wanted: &HostPort, loops: usize) -> io::Result<(Endpoint, Bound)> {
    let mut address = resolve(wanted)?;
    let alone = internet_socket(address, Type::DGRAM, Protocol::UDP)?;
    alone.bind(&address.into())?;
    let found = host_port(&alone)?;
    if loops == 1 {
        return Ok((Endpoint::Udp(found), Bound::Datagrams(vec![alone.into()], None)));
    }
    // Sockets that share a port share it with everybody who asks: only one that does not has shown
    // that nobody else is there.
    drop(alone);
    address.set_port(found.port);
    let share = |_| {
        let socket = internet_socket(address, Type::DGRAM, Protocol::UDP)?;
        sockopt::set_socket_reuseport(&socket, true)?;
        socket.bind(&address.into())?;
        Ok(socket.into())
    };
    let sockets = (0..loops).map(share).collect::<io::Result<_>>()?;
    Ok((Endpoint::Udp(found), Bound::Datagrams(sockets, None)))
}

fn bind_unix(path: &Path, backlog: i32) -> io::Result<(Endpoint, Bound)> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    let file = SocketFile::bind(&socket, Type::STREAM, path)?;
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    let listener = UnixListener::from_std(OwnedFd::from(socket).into());
    let listener = Listener::Unix { listener, _file: file };
    Ok((Endpoint::Unix(path.to_owned()), Bound::Streams(listener)))
}

fn bind_unixgram(path: &Path) -> io::Result<(Endpoint, Bound)> {
    let socket = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    let file = SocketFile::bind(&socket, Type::DGRAM, path)?;
    Ok((Endpoint::Unixgram(path.to_owned()), Bound::Datagrams(vec![socket.into()], Some(file))))
}

fn internet_socket(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        // So that 0.0.0.0:9999 and [::]:9999 can be served together.
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// The first address that a name stands for.
fn resolve(wanted: &HostPort) -> io::Result<SocketAddr> {
    (wanted.host.as_str(), wanted.port)
        .to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next())
        .ok_or_else(|| ErrorKind::NotFound.into())
}

fn host_port(socket: &Socket) -> io::Result<HostPort> {
    let address = socket.local_addr()?.as_socket().ok_or(ErrorKind::Unsupported)?;
    Ok(HostPort { host: address.ip().to_string(), port: address.port() })
}

/// Why an endpoint cannot be served.
#[derive(Debug)]
pub struct BindError {
    endpoint: Endpoint,
    source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}: ", self.endpoint)?;
        let unix = matches!(self.endpoint, Endpoint::Unix(_) | Endpoint::Unixgram(_));
        match self.source.kind() {
            ErrorKind::AddrInUse if unix => {
                f.write_str("a live server holds this path, expected a free one")
            }
            ErrorKind::AddrInUse => {
                f.write_str("the port is taken, expected a free one (port 0 finds one)")
            }
            ErrorKind::AlreadyExists => {
                f.write_str("there is a file that is no socket, expected a free path")
            }
            ErrorKind::PermissionDenied if unix => {
                f.write_str("no right to make a socket there, expected a folder that we may write")
            }
            ErrorKind::PermissionDenied => f.write_str(
                "no right to this port, expected one from 1024 on, or CAP_NET_BIND_SERVICE",
            ),
            ErrorKind::AddrNotAvailable => {
                f.write_str("the address is none of this machine's, expected one that is")
            }
            ErrorKind::NotFound if unix => {
                f.write_str("the folder does not exist, expected one that does")
            }
            ErrorKind::NotFound => {
                f.write_str("the name has no address, expected a name or address of this machine")
            }
            _ => self.source.fmt(f),
        }
    }
}

impl std::error::Error for BindError {}
