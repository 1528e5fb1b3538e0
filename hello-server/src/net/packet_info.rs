//! UDP on a wildcard address: which of this machine's addresses a datagram was sent to, so that it
//! is answered from there (`IP_PKTINFO`, ip(7); `IPV6_RECVPKTINFO`, RFC 3542).

use std::io::{IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::libc::{in6_addr, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt,
    sockopt,
};
use rustix::io::Errno;

use super::os;

/// Where a datagram came from, and where it was sent to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) length: usize,
    pub(crate) source: SocketAddr,
    /// An address of this machine, and the interface; `None` for one that cannot be answered from,
    /// as a multicast address.
    local: Option<(IpAddr, u32)>,
}

/// Asks the system to tell where each datagram was sent to.
pub(crate) fn enable(socket: &OwnedFd, local: SocketAddr) -> rustix::io::Result<()> {
    let result = match local {
        SocketAddr::V4(_) => os::enable_ipv4_packet_info(socket),
        SocketAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true),
    };
    result.map_err(errno)
}

/// Space for what the system tells.
pub(crate) fn control_buffer() -> Vec<u8> {
    nix::cmsg_space!(in6_pktinfo)
}

/// Receives a datagram; does not block.
pub(crate) fn receive(
    socket: &OwnedFd,
    buffer: &mut [u8],
    control: &mut [u8],
) -> rustix::io::Result<Received> {
    let mut parts = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(control), flags);
    let message = message.map_err(errno)?;
    let source = message.address.as_ref().and_then(internet).ok_or(Errno::AFNOSUPPORT)?;
    let local = message.cmsgs().ok().and_then(|mut messages| messages.find_map(local));
    Ok(Received { length: message.bytes, source, local })
}

/// Sends `bytes` to where `received` came from, from where it was sent to; does not block.
pub(crate) fn answer(
    socket: &OwnedFd,
    bytes: &[u8],
    received: &Received,
) -> rustix::io::Result<usize> {
    let parts = [IoSlice::new(bytes)];
    let target = SockaddrStorage::from(received.source);
    let send = |control: &[ControlMessage<'_>]| {
        let flags = MsgFlags::MSG_DONTWAIT;
        sendmsg(socket.as_raw_fd(), &parts, control, flags, Some(&target)).map_err(errno)
    };
    match received.local {
        Some((IpAddr::V4(address), _)) => os::send_from_ipv4(address, send),
        Some((IpAddr::V6(address), interface)) => {
            send(&[ControlMessage::Ipv6PacketInfo(&in6_pktinfo {
                ipi6_addr: in6_addr { s6_addr: address.octets() },
                // Only a link-local address needs its own.
                ipi6_ifindex: if address.is_unicast_link_local() { interface } else { 0 },
            })])
        }
        None => send(&[]),
    }
}

fn internet(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|&address| SocketAddr::V4(address.into()));
    v4.or_else(|| address.as_sockaddr_in6().map(|&address| SocketAddr::V6(address.into())))
}

fn local(message: ControlMessageOwned) -> Option<(IpAddr, u32)> {
    if let ControlMessageOwned::Ipv6PacketInfo(info) = message {
        let address = Ipv6Addr::from(info.ipi6_addr.s6_addr);
        return (!address.is_multicast()).then_some((address.into(), info.ipi6_ifindex));
    }
    os::ipv4_packet_info(&message).map(|address| (address.into(), 0))
}

fn errno(errno: nix::errno::Errno) -> Errno {
    Errno::from_raw_os_error(errno as i32)
}
