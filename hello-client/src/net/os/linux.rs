//! Linux.

mod drops;
mod error_queue;
mod tcp_info;
mod timer;

use std::io;

use socket2::{SockAddr, Socket};

pub(crate) use drops::dropped;
pub(crate) use error_queue::{keep_errors, last_error};
pub(crate) use tcp_info::tcp_info;
pub(crate) use timer::Timer;

/// Gives a Unix socket a name to which a server can reply: with no name given, Linux chooses one in its
/// abstract namespace. A server can reply to it whatever its rights, and there is no file to leave
/// behind.
pub(crate) fn bind_unnamed(socket: &Socket) -> io::Result<()> {
    socket.bind(&SockAddr::unix("")?)
}
