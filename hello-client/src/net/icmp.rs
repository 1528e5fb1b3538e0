//! What the network said about why a server cannot be reached (`IP_RECVERR`, ip(7)).

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::libc::{
    SO_EE_ORIGIN_ICMP as ICMP, SO_EE_ORIGIN_ICMP6 as ICMP6, SO_EE_ORIGIN_LOCAL as LOCAL,
    sock_extended_err, sockaddr_in6,
};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use socket2::{Domain, Socket};

use crate::error::ErrorKind;

/// An ICMP error, or the same from this machine's own network stack.
#[derive(Clone, Copy, Debug)]
struct NetworkError {
    errno: u32,
    what: What,
    /// Who said it; not known of this machine.
    source: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// A firewall or a route prohibits it.
    Prohibited,
    /// It does not fit into the path's MTU.
    TooBig {
        mtu: u32,
    },
    Other,
}

/// Asks the system to keep what the network says of what is sent on `socket`, or not to.
pub(super) fn keep_errors(socket: &Socket, domain: Domain, keep: bool) -> io::Result<()> {
    match domain {
        Domain::IPV4 => setsockopt(socket, sockopt::Ipv4RecvErr, &keep)?,
        Domain::IPV6 => setsockopt(socket, sockopt::Ipv6RecvErr, &keep)?,
        _ => {}
    }
    Ok(())
}

/// Says in one sentence why `error` came from `socket`, which is or was to be connected to `place`.
pub(super) fn describe(error: &io::Error, socket: &Socket, place: &str) -> String {
    let is_same =
        |network: &NetworkError| error.raw_os_error() == i32::try_from(network.errno).ok();
    let network = last_error(socket).filter(is_same);
    let source = network.and_then(|network| network.source);
    let is_path = place.starts_with(['/', '@']);
    let is_server =
        |ip: &IpAddr| place.parse::<SocketAddr>().is_ok_and(|server| server.ip() == *ip);
    let by = |what: &str| match source {
        Some(source) => format!("{place}: {what}, says {source}"),
        None => format!("{place}: {what}"),
    };
    match (ErrorKind::from(error), network.map(|network| network.what)) {
        (_, Some(What::Prohibited)) => by("prohibited by a firewall or a route"),
        (_, Some(What::TooBig { mtu })) => {
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
    let _ = last_error(socket);
}

/// Empties the queue of errors of `socket`, and returns the last one.
fn last_error(socket: &Socket) -> Option<NetworkError> {
    let mut control = nix::cmsg_space!(sock_extended_err, sockaddr_in6);
    let mut found = None;
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let fd = socket.as_raw_fd();
    // The message that was returned as undeliverable is of no interest.
    while let Ok(message) =
        recvmsg::<SockaddrStorage>(fd, &mut [IoSliceMut::new(&mut [])], Some(&mut control), flags)
    {
        let errors = message.cmsgs().into_iter().flatten();
        found = errors.filter_map(network_error).last().or(found);
    }
    found
}

fn network_error(message: ControlMessageOwned) -> Option<NetworkError> {
    let (error, source) = match message {
        ControlMessageOwned::Ipv4RecvErr(error, source) => {
            (error, source.map(|source| IpAddr::from(source.sin_addr.s_addr.to_ne_bytes())))
        }
        ControlMessageOwned::Ipv6RecvErr(error, source) => {
            (error, source.map(|source| Ipv6Addr::from(source.sin6_addr.s6_addr).into()))
        }
        _ => return None,
    };
    let what = match (error.ee_origin, error.ee_type, error.ee_code) {
        // RFC 792 and RFC 1812: network, host or communication administratively prohibited.
        (ICMP, 3, 9 | 10 | 13) => What::Prohibited,
        // RFC 4443: administratively prohibited, failed by a policy, rejected by a route.
        (ICMP6, 1, 1 | 5 | 6) => What::Prohibited,
        // Fragmentation needed, and Packet Too Big.
        (ICMP, 3, 4) | (ICMP6, 2, 0) => What::TooBig { mtu: error.ee_info },
        (LOCAL, ..) if error.ee_info > 0 => What::TooBig { mtu: error.ee_info },
        _ => What::Other,
    };
    let source = source.filter(|_| error.ee_origin != LOCAL);
    Some(NetworkError { errno: error.ee_errno, what, source })
}
