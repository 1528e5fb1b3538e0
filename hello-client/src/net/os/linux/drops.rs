//! What the system dropped because the receive buffer of a socket was full.

use nix::sys::socket::getsockopt;
use nix::{getsockopt_impl, libc, sockopt_impl};
use socket2::Socket;

sockopt_impl!(
    /// The memory of a socket in the words of `linux/sock_diag.h`, as nix reads options that it has not.
    MemoryInfo,
    GetOnly,
    libc::SOL_SOCKET,
    libc::SO_MEMINFO,
    [u32; libc::SK_MEMINFO_DROPS as usize + 1]
);

/// How many datagrams were dropped at `socket`; 0 where the system does not tell.
pub(crate) fn dropped(socket: &Socket) -> u64 {
    getsockopt(socket, MemoryInfo).map_or(0, |words| words[libc::SK_MEMINFO_DROPS as usize].into())
}
