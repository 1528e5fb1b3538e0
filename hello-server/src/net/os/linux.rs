//! Linux.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;

use mio::Interest;
use nix::libc::{
    self, BPF_ABS, BPF_B, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, in_addr, in_pktinfo,
};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, getsockopt, setsockopt, sockopt};
use nix::{getsockopt_impl, sockopt_impl};
use rustix::fs::{Mode, fchmod};
use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketFlags, acceptfrom_with};
use socket2::{SockFilter, SockRef, Socket};

/// Errors of one connection that accept(2) passes on, beside those that every system has.
pub(crate) const ACCEPT_ERRORS: &[Errno] = &[Errno::NONET];

/// Input, and the urgent mark of TCP, at which a read ends early.
pub(crate) const INPUT: Interest = Interest::READABLE.add(Interest::PRIORITY);

/// Whether a read of TCP may end early without an event of its own.
pub(crate) const TCP_READS_SHORT: bool = false;

/// Of the size of a receive buffer that was asked for, the system grants this many times: it doubles
/// it, to have room for its own bookkeeping (socket(7)).
pub(crate) const RECEIVE_BUFFER_FACTOR: usize = 2;

sockopt_impl!(
    /// The memory of a socket in the words of `linux/sock_diag.h`, as nix reads options that it has not.
    MemoryInfo,
    GetOnly,
    libc::SOL_SOCKET,
    libc::SO_MEMINFO,
    [u32; libc::SK_MEMINFO_DROPS as usize + 1]
);

/// How many datagrams the system has dropped because the receive buffer of `socket` was full; 0 where it
/// does not tell. It is asked when somebody wants to know, so it costs nothing while datagrams come.
pub(crate) fn dropped(socket: &OwnedFd) -> u64 {
    getsockopt(socket, MemoryInfo).map_or(0, |words| words[libc::SK_MEMINFO_DROPS as usize].into())
}

/// Accepts one client, in one system call.
pub(crate) fn accept(listener: &OwnedFd) -> rustix::io::Result<(OwnedFd, Option<SocketAddrAny>)> {
    acceptfrom_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)
}

/// Whether a socket listens.
pub(crate) fn is_listening(socket: &OwnedFd) -> rustix::io::Result<bool> {
    rustix::net::sockopt::socket_acceptconn(socket)
}

/// Has a listener take no new connections, while those that wait at it stay: closed with one that came
/// after the last accept, it would reset it. A client whose SYN is dropped tries again, and is refused.
///
/// No other call does this, so it is a filter in classic BPF (bpf(4), socket(7)) on TCP segments. For a
/// Unix socket it has no effect.
pub(crate) fn stop_listening(listener: &OwnedFd) -> io::Result<()> {
    const FLAGS_OFFSET: u32 = 13;
    const SYN: u32 = 0x02;
    let instruction = |code: u32, jump: [u8; 2], value| {
        let code = u16::try_from(code).expect("operation codes have 16 bits");
        SockFilter::new(code, jump[0], jump[1], value)
    };
    SockRef::from(listener).attach_filter(&[
        instruction(BPF_LD | BPF_B | BPF_ABS, [0, 0], FLAGS_OFFSET),
        instruction(BPF_JMP | BPF_JSET | BPF_K, [0, 1], SYN),
        instruction(BPF_RET | BPF_K, [0, 0], 0),
        instruction(BPF_RET | BPF_K, [0, 0], u32::MAX),
    ])
}

/// The name of a Unix socket that has a name instead of a path (unix(7)).
pub(crate) fn abstract_name(address: &SocketAddr) -> Option<&[u8]> {
    address.as_abstract_name()
}

/// Sets the mode that the file of a Unix socket will have once it is bound, less the umask (unix(7)).
pub(crate) fn set_file_mode(socket: &Socket, mode: u32) -> io::Result<()> {
    Ok(fchmod(socket, Mode::from_raw_mode(mode))?)
}

/// Asks the system to tell to which IPv4 address each datagram was sent.
pub(crate) fn enable_ipv4_packet_info(socket: &OwnedFd) -> nix::Result<()> {
    setsockopt(socket, sockopt::Ipv4PacketInfo, &true)
}

/// The address of this machine in what the system told; for a broadcast it is that of the interface,
/// which can be answered from.
pub(crate) fn ipv4_packet_info(message: &ControlMessageOwned) -> Option<Ipv4Addr> {
    let ControlMessageOwned::Ipv4PacketInfo(info) = message else { return None };
    Some(Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes()))
}

/// Sends with what makes a datagram leave from `address`; the route decides on the interface.
pub(crate) fn send_from_ipv4<T>(
    address: Ipv4Addr,
    send: impl FnOnce(&[ControlMessage<'_>]) -> T,
) -> T {
    let info = in_pktinfo {
        ipi_ifindex: 0,
        ipi_spec_dst: in_addr { s_addr: u32::from_ne_bytes(address.octets()) },
        ipi_addr: in_addr { s_addr: 0 },
    };
    send(&[ControlMessage::Ipv4PacketInfo(&info)])
}
