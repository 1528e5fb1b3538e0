//! From an endpoint to a bound socket.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::path::Path;

use hello_proto::{Endpoint, EndpointSpec, HostPort};
use log::{Level, log};
use rustix::net::sockopt;
use socket2::{Domain, Protocol, Socket, Type};

use super::listener::Listener;
use super::socket_file::SocketFile;
use crate::config::Config;
use crate::datagram;
use crate::error::BindError;
use crate::net::os;

/// How often a free port for TCP is asked for until it is free for UDP too.
const PORT_TRIES: usize = 32;

/// A socket that is ready to serve.
#[derive(Debug)]
pub(crate) enum BoundSocket {
    Streams(Listener),
    /// As many sockets at the same address as there are to be loops.
    Datagrams(Vec<DatagramSocket>),
}

/// A socket for one loop.
#[derive(Debug)]
pub(crate) struct DatagramSocket {
    pub(crate) socket: OwnedFd,
    /// Removed when the loop ends.
    pub(crate) file: Option<SocketFile>,
    /// It stays open in the process which has handed it over.
    pub(crate) inherited: bool,
}

/// Binds what one address means: a bare `HOST:PORT` is TCP and UDP, on the same port.
pub(crate) fn bind(
    address: &EndpointSpec,
    config: &Config,
) -> Result<Vec<(Endpoint, BoundSocket)>, BindError> {
    match address {
        EndpointSpec::Endpoint(endpoint) => bind_one(endpoint, config).map(|bound| vec![bound]),
        EndpointSpec::HostPort(requested) => bind_pair(requested, config),
    }
}

/// How many files are open to serve what [`bind`] makes of `address`.
pub(crate) fn descriptors(address: &EndpointSpec, udp_loops: usize) -> usize {
    let udp = udp_loops * datagram::DESCRIPTORS;
    match address {
        EndpointSpec::HostPort(_) => 1 + udp,
        EndpointSpec::Endpoint(Endpoint::Tcp(_)) => 1,
        EndpointSpec::Endpoint(Endpoint::Udp(_)) => udp,
        // A Unix socket has a lock file beside it.
        EndpointSpec::Endpoint(Endpoint::Unix(_)) => 1 + 1,
        EndpointSpec::Endpoint(Endpoint::Unixgram(_)) => datagram::DESCRIPTORS + 1,
    }
}

fn bind_pair(
    requested: &HostPort,
    config: &Config,
) -> Result<Vec<(Endpoint, BoundSocket)>, BindError> {
    let mut tries = if requested.port == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        let tcp = bind_one(&Endpoint::Tcp(requested.clone()), config)?;
        let Endpoint::Tcp(actual) = &tcp.0 else { unreachable!("TCP was bound") };
        match bind_one(&Endpoint::Udp(actual.clone()), config) {
            Ok(udp) => return Ok(vec![tcp, udp]),
            Err(error) if error.source.kind() == ErrorKind::AddrInUse && tries > 0 => {}
            Err(error) => return Err(error),
        }
    }
}

/// Binds one endpoint; the one returned has the real address and port.
fn bind_one(endpoint: &Endpoint, config: &Config) -> Result<(Endpoint, BoundSocket), BindError> {
    let bound = match endpoint {
        Endpoint::Tcp(requested) => bind_tcp(requested, config.backlog)
            .map(|(actual, listener)| (Endpoint::Tcp(actual), BoundSocket::Streams(listener))),
        Endpoint::Udp(requested) => bind_udp(requested, config),
        Endpoint::Unix(path) => bind_unix(path, config),
        Endpoint::Unixgram(path) => bind_unixgram(path, config),
    };
    bound.map_err(|source| BindError { endpoint: endpoint.clone(), source })
}

/// Binds TCP for something else than sessions.
pub(crate) fn bind_metrics(
    requested: &HostPort,
    backlog: i32,
) -> Result<(HostPort, Listener), BindError> {
    let endpoint = Endpoint::Tcp(requested.clone());
    bind_tcp(requested, backlog).map_err(|source| BindError { endpoint, source })
}

fn bind_tcp(requested: &HostPort, backlog: i32) -> io::Result<(HostPort, Listener)> {
    let address = resolve(requested)?;
    let socket = internet_socket(address, Type::STREAM, Protocol::TCP)?;
    // A restart need not wait for connections of the last run that are in TIME-WAIT.
    socket.set_reuse_address(true)?;
    // Replies leave at once. Accepted sockets inherit it, which saves a system call for each.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    Ok((actual(&socket, requested)?, Listener::new(socket.into(), None)))
}

fn bind_udp(requested: &HostPort, config: &Config) -> io::Result<(Endpoint, BoundSocket)> {
    let mut address = resolve(requested)?;
    let exclusive = internet_socket(address, Type::DGRAM, Protocol::UDP)?;
    exclusive.bind(&address.into())?;
    let actual = actual(&exclusive, requested)?;
    address.set_port(actual.port);
    let sockets = if config.udp_loops == 1 {
        vec![exclusive]
    } else {
        // Sockets that share a port share it with everybody who asks: only one that does not has
        // shown that nobody else is there.
        drop(exclusive);
        (0..config.udp_loops).map(|_| bind_shared(address)).collect::<io::Result<_>>()?
    };
    let endpoint = Endpoint::Udp(actual);
    for socket in &sockets {
        set_receive_buffer(socket, config.udp_buffer, &endpoint)?;
    }
    let own =
        |socket: Socket| DatagramSocket { socket: socket.into(), file: None, inherited: false };
    Ok((endpoint, BoundSocket::Datagrams(sockets.into_iter().map(own).collect())))
}

fn bind_shared(address: SocketAddr) -> io::Result<Socket> {
    let socket = internet_socket(address, Type::DGRAM, Protocol::UDP)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Asks for a receive buffer of `size` bytes, and says so if the system grants less.
fn set_receive_buffer(socket: &Socket, size: usize, endpoint: &Endpoint) -> io::Result<()> {
    socket.set_recv_buffer_size(size)?;
    let granted = socket.recv_buffer_size()? / os::RECEIVE_BUFFER_FACTOR;
    if granted < size {
        let asked_for = size != Config::DEFAULT_UDP_BUFFER;
        log!(
            if asked_for { Level::Warn } else { Level::Debug },
            "{endpoint}: the system grants {granted} of {size} bytes of receive buffer \
             (net.core.rmem_max)"
        );
    }
    Ok(())
}

fn bind_unix(path: &Path, config: &Config) -> io::Result<(Endpoint, BoundSocket)> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    let file = SocketFile::bind(&socket, Type::STREAM, path, config.unix_mode)?;
    socket.listen(config.backlog)?;
    socket.set_nonblocking(true)?;
    let listener = Listener::new(socket.into(), Some(file));
    Ok((Endpoint::Unix(path.to_owned()), BoundSocket::Streams(listener)))
}

fn bind_unixgram(path: &Path, config: &Config) -> io::Result<(Endpoint, BoundSocket)> {
    let socket = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    let file = SocketFile::bind(&socket, Type::DGRAM, path, config.unix_mode)?;
    let socket = DatagramSocket { socket: socket.into(), file: Some(file), inherited: false };
    Ok((Endpoint::Unixgram(path.to_owned()), BoundSocket::Datagrams(vec![socket])))
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
fn resolve(requested: &HostPort) -> io::Result<SocketAddr> {
    let host = &requested.host;
    let unresolved = |why: &str| io::Error::other(format!("cannot resolve '{host}': {why}"));
    let mut addresses = (host.as_str(), requested.port)
        .to_socket_addrs()
        .map_err(|error| unresolved(&error.to_string()))?;
    addresses.next().ok_or_else(|| unresolved("it has no address"))
}

/// Where `socket` is bound, with the zone of a link-local address as it was written.
fn actual(socket: &Socket, requested: &HostPort) -> io::Result<HostPort> {
    let address = socket.local_addr()?.as_socket().ok_or(ErrorKind::Unsupported)?;
    Ok(match (address, requested.host.split_once('%')) {
        (SocketAddr::V6(address), Some((_, zone))) => {
            HostPort { host: format!("{}%{zone}", address.ip()), port: address.port() }
        }
        (address, _) => host_port(address),
    })
}

/// An address as an endpoint has it.
pub(crate) fn host_port(address: SocketAddr) -> HostPort {
    let host = match address {
        SocketAddr::V6(address) if address.scope_id() != 0 => {
            format!("{}%{}", address.ip(), address.scope_id())
        }
        address => address.ip().to_string(),
    };
    HostPort { host, port: address.port() }
}
