//! The queue of errors of a socket: `IP_RECVERR`, ip(7).

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::AsRawFd;

use nix::libc::{
    SO_EE_ORIGIN_ICMP as ICMP, SO_EE_ORIGIN_ICMP6 as ICMP6, SO_EE_ORIGIN_LOCAL as LOCAL,
    sock_extended_err, sockaddr_in6,
};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use rustix::net::AddressFamily;
use rustix::net::sockopt::socket_domain;
use socket2::{Domain, Socket};

use crate::net::os::{NetworkError, NetworkErrorKind};

/// Asks the system to keep what the network says of what is sent on `socket`, or not to.
pub(crate) fn keep_errors(socket: &Socket, domain: Domain, keep: bool) -> io::Result<()> {
    match domain {
        Domain::IPV4 => setsockopt(socket, sockopt::Ipv4RecvErr, &keep)?,
        Domain::IPV6 => setsockopt(socket, sockopt::Ipv6RecvErr, &keep)?,
        _ => {}
    }
    Ok(())
}

/// Empties the queue of errors of `socket`, and returns the last one.
pub(crate) fn last_error(socket: &Socket) -> Option<NetworkError> {
    // A Unix socket has no such queue, and would return what is there to be read, again and again.
    if socket_domain(socket) == Ok(AddressFamily::UNIX) {
        return None;
    }
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
    let kind = match (error.ee_origin, error.ee_type, error.ee_code) {
        // RFC 792 and RFC 1812: network, host or communication administratively prohibited.
        (ICMP, 3, 9 | 10 | 13) => NetworkErrorKind::Prohibited,
        // RFC 4443: administratively prohibited, failed by a policy, rejected by a route.
        (ICMP6, 1, 1 | 5 | 6) => NetworkErrorKind::Prohibited,
        // Fragmentation needed, and Packet Too Big.
        (ICMP, 3, 4) | (ICMP6, 2, 0) => NetworkErrorKind::TooBig { mtu: error.ee_info },
        (LOCAL, ..) if error.ee_info > 0 => NetworkErrorKind::TooBig { mtu: error.ee_info },
        _ => NetworkErrorKind::Other,
    };
    let source = source.filter(|_| error.ee_origin != LOCAL);
    Some(NetworkError { errno: error.ee_errno, kind, source })
}
