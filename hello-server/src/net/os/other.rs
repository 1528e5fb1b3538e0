//! Every other Unix.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::os::unix::net::SocketAddr;

use mio::Interest;
use nix::sys::socket::{ControlMessage, ControlMessageOwned};
use rustix::io::{Errno, FdFlags, fcntl_setfd, ioctl_fionbio};
use rustix::net::{SocketAddrAny, acceptfrom};
use socket2::Socket;

/// Those that every system has.
pub(crate) const ACCEPT_ERRORS: &[Errno] = &[];

/// There is no event for the urgent mark of TCP ...
pub(crate) const INPUT: Interest = Interest::READABLE;

/// ... at which a read ends early all the same.
pub(crate) const TCP_READS_SHORT: bool = true;

/// The system grants what it is asked for.
pub(crate) const RECEIVE_BUFFER_FACTOR: usize = 1;

/// The system does not tell.
pub(crate) fn dropped(_: &OwnedFd) -> u64 {
    0
}

/// Accepts one client; macOS has no accept4(2).
pub(crate) fn accept(listener: &OwnedFd) -> rustix::io::Result<(OwnedFd, Option<SocketAddrAny>)> {
    let (socket, address) = acceptfrom(listener)?;
    fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    ioctl_fionbio(&socket, true)?;
    Ok((socket, address))
}

/// macOS does not tell.
pub(crate) fn is_listening(_: &OwnedFd) -> rustix::io::Result<bool> {
    Ok(true)
}

/// Nothing does.
pub(crate) fn stop_listening(_: &OwnedFd) -> io::Result<()> {
    Ok(())
}

/// There are none.
pub(crate) fn abstract_name(_: &SocketAddr) -> Option<&[u8]> {
    None
}

/// A socket has no mode here: its file has that of the umask until it is changed.
pub(crate) fn set_file_mode(_: &Socket, _: u32) -> io::Result<()> {
    Ok(())
}

/// Over IPv4 the route decides from which address a datagram is answered.
pub(crate) fn enable_ipv4_packet_info(_: &OwnedFd) -> nix::Result<()> {
    Ok(())
}

pub(crate) fn ipv4_packet_info(_: &ControlMessageOwned) -> Option<Ipv4Addr> {
    None
}

pub(crate) fn send_from_ipv4<T>(_: Ipv4Addr, send: impl FnOnce(&[ControlMessage<'_>]) -> T) -> T {
    send(&[])
}
