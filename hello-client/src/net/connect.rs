//! Connecting: to every address of an endpoint, in order.

use std::io;
use std::time::Instant;

use hello_proto::Endpoint;
use log::info;
use rustix::io::Errno;
use socket2::{SockAddr, Socket, Type};

use super::resolve::resolve;
use super::{Connection, Deadline, Timeout, address_text, icmp, os};
use crate::error::{Error, ErrorKind};
use crate::options::Target;

/// Connects to the first address of `target` that accepts.
///
/// # Errors
///
/// Why none accepted.
pub(crate) fn connect(target: &Target, timeout: Timeout) -> Result<Connection, Error> {
    let deadline = timeout.start();
    connect_first(target, &addresses(target, deadline)?, deadline)
}

/// Makes a datagram socket for each address of `target`, at least one, and says why there is none for
/// the others. That a server is there is not known before its first reply.
///
/// # Errors
///
/// Why not even one could be made.
pub(crate) fn connect_each(
    target: &Target,
    timeout: Timeout,
) -> Result<(Vec<Connection>, Vec<Error>), Error> {
    let deadline = timeout.start();
    let (mut connections, mut errors) = (Vec::new(), Vec::new());
    for address in addresses(target, deadline)? {
        match connect_one(target, &address, deadline) {
            Ok(connection) => connections.push(connection),
            Err(error) => errors.push(error),
        }
    }
    if connections.is_empty() { Err(Error::join(errors)) } else { Ok((connections, errors)) }
}

/// Begins to connect a non-blocking socket, which is writable once that is done.
///
/// # Errors
///
/// Why not, if that is known at once.
pub(crate) fn begin_connect(target: &Target, address: &SockAddr) -> Result<Socket, Error> {
    let socket = bound_socket(target, address)?;
    match socket.set_nonblocking(true).and_then(|()| socket.connect(address)) {
        Err(error) if Errno::from_io_error(&error) != Some(Errno::INPROGRESS) => {
            Err(unreached(&socket, address, &error, Deadline::after(target.timeout())))
        }
        _ => Ok(socket),
    }
}

/// Finishes what [`begin_connect`] began.
///
/// # Errors
///
/// Why there is no connection.
pub(crate) fn finish_connect(socket: &Socket) -> io::Result<()> {
    socket.take_error()?.map_or(Ok(()), Err)?;
    configure_connected(socket)
}

pub(super) fn connect_first(
    target: &Target,
    addresses: &[SockAddr],
    deadline: Deadline,
) -> Result<Connection, Error> {
    let mut errors = Vec::new();
    for (index, address) in addresses.iter().enumerate() {
        // An address that never answers must leave time for the others.
        match connect_one(target, address, deadline.split(addresses.len() - index)) {
            Ok(mut connection) => {
                errors.iter().for_each(|error| info!("{error}"));
                connection.log_as("connected to");
                connection.failed_addresses = errors.len() as u64;
                return Ok(connection);
            }
            Err(error) => errors.push(error),
        }
    }
    Err(Error::join(errors))
}

/// All addresses of `target`; at least one.
///
/// # Errors
///
/// [`ErrorKind::Unresolved`], if there are none, or they are not known in time.
pub(crate) fn addresses(target: &Target, deadline: Deadline) -> Result<Vec<SockAddr>, Error> {
    match &target.endpoint {
        Endpoint::Tcp(server) | Endpoint::Udp(server) => {
            let addresses = resolve(server, target.family(), deadline)?;
            Ok(addresses.into_iter().map(SockAddr::from).collect())
        }
        Endpoint::Unix(path) | Endpoint::Unixgram(path) => {
            Ok(vec![SockAddr::unix(path).map_err(Error::system)?])
        }
    }
}

fn connect_one(
    target: &Target,
    address: &SockAddr,
    deadline: Deadline,
) -> Result<Connection, Error> {
    let socket = bound_socket(target, address)?;
    let started = Instant::now();
    os::keep_errors(&socket, address.domain(), true)
        .and_then(|()| connect_until(&socket, address, deadline))
        .map_err(|error| unreached(&socket, address, &error, deadline))?;
    let connected_in = started.elapsed();
    if !target.is_datagram() {
        // From here on TCP gets over a route that is lost for a while.
        os::keep_errors(&socket, address.domain(), false)
            .map_err(|error| unreached(&socket, address, &error, deadline))?;
    }
    Ok(Connection::new(socket, address, connected_in))
}

fn bound_socket(target: &Target, address: &SockAddr) -> Result<Socket, Error> {
    let failed = |error| Error::system(error).in_context("socket");
    let kind = if target.is_datagram() { Type::DGRAM } else { Type::STREAM };
    let socket = Socket::new(address.domain(), kind, None).map_err(failed)?;
    if let Endpoint::Unixgram(_) = target.endpoint {
        os::bind_unnamed(&socket).map_err(failed)?;
    }
    if let Some(bind) = target.bind {
        // A port of ours may still be in TIME_WAIT, or be that of another socket of ours that is
        // connected to another server.
        let bound = socket.set_reuse_address(true);
        bound
            .and_then(|()| socket.bind(&bind.into()))
            .map_err(|error| Error::system(error).in_context(&format!("--bind {bind}")))?;
    }
    Ok(socket)
}

fn connect_until(socket: &Socket, address: &SockAddr, deadline: Deadline) -> io::Result<()> {
    let timeout = deadline.remaining()?;
    if address.is_unix() {
        // With a full backlog connect(2) itself blocks; poll(2) would report an error.
        socket.set_write_timeout(Some(timeout))?;
        return match socket.connect(address) {
            // A call with a timeout is not restarted when the process has been stopped: signal(7).
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                connect_until(socket, address, deadline)
            }
            connected => connected,
        };
    }
    socket.connect_timeout(address, timeout)?;
    configure_connected(socket)
}

fn configure_connected(socket: &Socket) -> io::Result<()> {
    let local = socket.local_addr()?;
    if local.is_unix() {
        return Ok(());
    }
    if socket.r#type()? == Type::STREAM {
        socket.set_tcp_nodelay(true)?;
    }
    // The system may pick the very port that is called, and TCP then connects to itself.
    if local == socket.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(())
}

fn unreached(socket: &Socket, address: &SockAddr, error: &io::Error, deadline: Deadline) -> Error {
    let place = address_text(address).unwrap_or_default();
    let kind = ErrorKind::from(error);
    let message = match kind {
        ErrorKind::Timeout if address.is_unix() => {
            format!("connection to {place} timed out after {deadline} (its backlog is full)")
        }
        ErrorKind::Timeout => format!(
            "connection to {place} timed out after {deadline} (dropped on the way, or nothing \
             answers there)"
        ),
        _ => icmp::describe(error, socket, &place),
    };
    Error::unreached(kind, message)
}
