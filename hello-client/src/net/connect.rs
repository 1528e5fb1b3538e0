//! Connecting: to every address of an endpoint, in order.

use std::io;

use hello_proto::Endpoint;
use log::info;
use rustix::io::Errno;
use socket2::{SockAddr, Socket, Type};

use super::{Connection, Deadline, address_text, resolve, retry_until};
use crate::error::{Error, ErrorKind};
use crate::options::Target;

/// Connects to the first address of `target` that accepts.
///
/// # Errors
///
/// Why none accepted, after retries for as long as `target` says.
pub(crate) fn connect(target: &Target) -> Result<Connection, Error> {
    retry_until(target.wait, |_| {
        let deadline = Deadline::after(target.timeout());
        connect_first(target, &addresses(target, deadline)?, deadline)
    })
}

/// Makes a datagram socket for each address of `target`, at least one. That a server is there is
/// not known before its first reply.
///
/// # Errors
///
/// Why that worked for none, after retries for as long as `target` says.
pub(crate) fn connect_each(target: &Target) -> Result<Vec<Connection>, Error> {
    retry_until(target.wait, |_| {
        let deadline = Deadline::after(target.timeout());
        let (mut connections, mut errors) = (Vec::new(), Vec::new());
        for address in addresses(target, deadline)? {
            match connect_one(target, &address, deadline) {
                Ok(connection) => connections.push(connection),
                Err(error) => errors.push(error),
            }
        }
        if connections.is_empty() { Err(Error::join(errors)) } else { Ok(connections) }
    })
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
            Err(unreached(target, address, &error))
        }
        _ => Ok(socket),
    }
}

/// Finishes what [`begin_connect`] began.
///
/// # Errors
///
/// Why there is no connection.
pub(crate) fn finish_connect(socket: &Socket, address: &SockAddr) -> io::Result<()> {
    socket.take_error()?.map_or(Ok(()), Err)?;
    configure_connected(socket, address)
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
            Ok(connection) => {
                errors.iter().for_each(|error| info!("{error}"));
                connection.log_as("connected to");
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
/// [`ErrorKind::Unresolved`], if there is none, or it is not known in time.
pub(super) fn addresses(target: &Target, deadline: Deadline) -> Result<Vec<SockAddr>, Error> {
    match &target.endpoint {
        Endpoint::Tcp(server) | Endpoint::Udp(server) => {
            let addresses = resolve(server, target.family(), deadline)?;
            Ok(addresses.into_iter().map(SockAddr::from).collect())
        }
        Endpoint::Unix(path) | Endpoint::Unixgram(path) => {
            let address = SockAddr::unix(path)
                .map_err(|error| Error::unreached(ErrorKind::Unreachable, error.to_string()))?;
            Ok(vec![address])
        }
    }
}

fn connect_one(
    target: &Target,
    address: &SockAddr,
    deadline: Deadline,
) -> Result<Connection, Error> {
    let socket = bound_socket(target, address)?;
    connect_until(&socket, address, deadline)
        .map_err(|error| unreached(target, address, &error))?;
    Ok(Connection::new(socket, address))
}

fn bound_socket(target: &Target, address: &SockAddr) -> Result<Socket, Error> {
    let kind = if target.is_datagram() { Type::DGRAM } else { Type::STREAM };
    let socket = Socket::new(address.domain(), kind, None)
        .map_err(|error| unreached(target, address, &error))?;
    match (&target.endpoint, target.bind) {
        (Endpoint::Unixgram(_), _) => {
            // With no name given, Linux chooses one in its abstract namespace. A server can reply
            // to it whatever its rights, and there is no file to leave behind.
            let bound = SockAddr::unix("").and_then(|unnamed| socket.bind(&unnamed));
            bound.map_err(|error| unreached(target, address, &error))?;
        }
        (_, Some(bind)) => socket.bind(&bind.into()).map_err(|error| {
            Error::unreached(ErrorKind::Unreachable, format!("--bind {bind}: {error}"))
        })?,
        (_, None) => {}
    }
    Ok(socket)
}

fn connect_until(socket: &Socket, address: &SockAddr, deadline: Deadline) -> io::Result<()> {
    let timeout = deadline.remaining_or_timed_out()?;
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
    configure_connected(socket, address)
}

fn configure_connected(socket: &Socket, address: &SockAddr) -> io::Result<()> {
    if address.is_unix() {
        return Ok(());
    }
    if socket.r#type()? == Type::STREAM {
        socket.set_tcp_nodelay(true)?;
    }
    // The system may pick the very port that is called, and TCP then connects to itself.
    if socket.local_addr()? == *address {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(())
}

fn unreached(target: &Target, address: &SockAddr, error: &io::Error) -> Error {
    let place = address_text(address).unwrap_or_default();
    let message = match (ErrorKind::from(error), error.kind()) {
        (_, io::ErrorKind::NotFound) => format!("no such socket: {place}"),
        (ErrorKind::Refused, _) => format!("connection refused by {place}"),
        (ErrorKind::Timeout, _) => {
            format!("connection to {place} timed out after {:?}", target.timeout())
        }
        _ => format!("{place}: {error}"),
    };
    Error::unreached(ErrorKind::from(error), message)
}
