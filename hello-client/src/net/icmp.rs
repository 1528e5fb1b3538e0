//! What the network said about why a server cannot be reached.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::Socket;

use super::os::{self, NetworkError, NetworkErrorKind};
use crate::error::ErrorKind;

/// Says in one sentence why `error` came from `socket`, which is or was to be connected to `place`.
pub(super) fn describe(error: &io::Error, socket: &Socket, place: &str) -> String {
    let is_same =
        |network: &NetworkError| error.raw_os_error() == i32::try_from(network.errno).ok();
    let network = os::last_error(socket).filter(is_same);
    let source = network.and_then(|network| network.source);
    let is_path = place.starts_with(['/', '@']);
    let is_server =
        |ip: &IpAddr| place.parse::<SocketAddr>().is_ok_and(|server| server.ip() == *ip);
    let by = |what: &str| match source {
        Some(source) => format!("{place}: {what}, says {source}"),
        None => format!("{place}: {what}"),
    };
    match (ErrorKind::from(error), network.map(|network| network.kind)) {
        (_, Some(NetworkErrorKind::Prohibited)) => by("prohibited by a firewall or a route"),
        (_, Some(NetworkErrorKind::TooBig { mtu })) => {
            by(&format!("message too long for the path, whose MTU is {mtu} bytes"))
        }
        _ if error.kind() == io::ErrorKind::NotFound => format!("no such socket: {place}"),
        (ErrorKind::Refused, _) if is_path => {
            format!("connection refused by {place} (nothing listens there)")
        }
        (ErrorKind::Refused, _) => match source.filter(|ip| !is_server(ip)) {
            Some(firewall) => format!("connection to {place} rejected by {firewall} (a firewall)"),
            None => format!(
                "connection refused by {place} (nothing listens there, or a firewall rejects it)"
            ),
        },
        _ if error.kind() == io::ErrorKind::PermissionDenied && is_path => {
            format!("{place}: no permission to use the socket ({error})")
        }
        _ if error.kind() == io::ErrorKind::PermissionDenied => format!(
            "{place}: prohibited by this machine's own firewall or routes, or a broadcast address \
             ({error})"
        ),
        _ if error.kind() == io::ErrorKind::InvalidInput => format!(
            "{place}: this machine has no use for the address: a blackhole route, or a link-local \
             address without its zone ({error})"
        ),
        _ => by(&error.to_string()),
    }
}

/// Empties the queue of errors of `socket`.
pub(super) fn discard(socket: &Socket) {
    let _ = os::last_error(socket);
}
