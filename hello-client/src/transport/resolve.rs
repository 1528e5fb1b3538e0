//! From a name to its addresses.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;

use hello_proto::HostPort;

use super::Deadline;
use crate::config::Family;
use crate::failure::{Failure, Kind};

/// The addresses of `server`, of the families that may be tried, in the order to try them.
///
/// # Errors
///
/// [`Kind::Unresolved`], if there is none, or it is not known in time.
pub(super) fn resolve(
    server: &HostPort,
    family: Family,
    deadline: Deadline,
) -> Result<Vec<SocketAddr>, Failure> {
    let host = &server.host;
    let unresolved = |message| Failure::unreached(Kind::Unresolved, message);
    let (sender, receiver) = mpsc::channel();
    let query = (host.clone(), server.port);
    // getaddrinfo(3) cannot be told to hurry: past the deadline its thread is left behind.
    thread::spawn(move || sender.send(query.to_socket_addrs().map(Vec::from_iter)));
    let mut addresses = receiver
        .recv_timeout(deadline.remaining())
        .map_err(|_| {
            unresolved(format!("the name '{host}' was not resolved in time, expected an address"))
        })?
        .map_err(|error| {
            unresolved(format!("the name '{host}' has no address, expected one: {error}"))
        })?;
    addresses.retain(|address| family.admits(*address));
    if addresses.is_empty() {
        let wanted = match family {
            Family::Any => "address",
            Family::V4 => "IPv4 address",
            Family::V6 => "IPv6 address",
        };
        return Err(unresolved(format!("'{host}' has no {wanted}, expected one")));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn resolved(host: &str, family: Family) -> Result<Vec<SocketAddr>, Failure> {
        let server = HostPort { host: host.to_owned(), port: 9 };
        resolve(&server, family, Deadline::after(Duration::from_secs(60)))
    }

    #[test]
    fn an_address_is_its_own_name() {
        assert_eq!(resolved("::1", Family::Any).unwrap(), ["[::1]:9".parse().unwrap()]);
        assert_eq!(resolved("127.0.0.1", Family::V4).unwrap(), ["127.0.0.1:9".parse().unwrap()]);
    }

    #[test]
    fn a_family_without_an_address_is_named() {
        let failure = resolved("127.0.0.1", Family::V6).unwrap_err();
        assert_eq!(failure.to_string(), "'127.0.0.1' has no IPv6 address, expected one");
        assert_eq!((failure.kind, failure.exit_code()), (Kind::Unresolved, 3));
    }

    #[test]
    fn a_name_that_cannot_exist_is_unresolved() {
        // No name server is asked: a label cannot be empty.
        assert_eq!(resolved("no..such..host", Family::Any).unwrap_err().kind, Kind::Unresolved);
    }
}
