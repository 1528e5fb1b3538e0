//! The addresses of a name.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;

use hello_proto::HostPort;
use socket2::Domain;

use super::Deadline;
use crate::error::{Error, ErrorKind};

/// The addresses of `server` that may be tried, in the order to try them; at least one.
///
/// # Errors
///
/// [`ErrorKind::Unresolved`], if there are none, or they are not known in time.
pub(super) fn resolve(
    server: &HostPort,
    family: Option<Domain>,
    deadline: Deadline,
) -> Result<Vec<SocketAddr>, Error> {
    let host = &server.host;
    let unresolved = |why: &str| {
        Error::unreached(ErrorKind::Unresolved, format!("cannot resolve '{host}': {why}"))
    };
    let mut addresses = match host.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, server.port)],
        Err(_) => look_up(server, deadline).map_err(|error| unresolved(&error.to_string()))?,
    };
    addresses.retain(|address| family.is_none_or(|family| family == Domain::for_address(*address)));
    match family {
        _ if !addresses.is_empty() => Ok(addresses),
        Some(Domain::IPV4) => Err(unresolved("it has no IPv4 address")),
        Some(_) => Err(unresolved("it has no IPv6 address")),
        None => Err(unresolved("it has no address")),
    }
}

fn look_up(server: &HostPort, deadline: Deadline) -> io::Result<Vec<SocketAddr>> {
    let (sender, receiver) = mpsc::channel();
    let query = (server.host.clone(), server.port);
    let look_up = |query: &(String, u16)| query.to_socket_addrs().map(Vec::from_iter);
    let own_query = query.clone();
    // getaddrinfo(3) has no timeout; past the deadline its thread is abandoned.
    match thread::Builder::new().spawn(move || sender.send(look_up(&own_query))) {
        Ok(_) => {
            receiver.recv_timeout(deadline.left()).map_err(|_| io::Error::other("timed out"))?
        }
        // With too many threads for the system, late is better than never.
        Err(_) => look_up(&query),
    }
}
