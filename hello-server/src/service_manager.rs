//! What the process that started this one learns of it, if it has asked (`sd_notify(3)`).

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;

use hello_proto::Endpoint;
use log::warn;
use socket2::{Domain, SockAddr, Socket, Type};

/// Where to tell it: the path of a Unix datagram socket, or `@` and its name.
const SOCKET: &str = "NOTIFY_SOCKET";

/// It serves.
pub(crate) fn ready(endpoints: &[Endpoint]) {
    let endpoints: Vec<String> = endpoints.iter().map(Endpoint::to_string).collect();
    notify(&format!("READY=1\nSTATUS=serving {}\n", endpoints.join(" ")));
}

/// It stops, in the way that `status` says.
pub(crate) fn stopping(status: &str) {
    notify(&format!("STOPPING=1\nSTATUS={status}\n"));
}

fn notify(state: &str) {
    let Some(address) = env::var_os(SOCKET).filter(|address| !address.is_empty()) else { return };
    if let Err(error) = send(address, state) {
        warn!("cannot tell the service manager ({SOCKET}): {error}");
    }
}

fn send(address: OsString, state: &str) -> io::Result<()> {
    let mut address = address.into_vec();
    if address[0] == b'@' {
        address[0] = 0; // as unix(7) has it
    }
    let socket = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    // The server does not wait for one that does not read.
    socket.set_nonblocking(true)?;
    socket.send_to(state.as_bytes(), &SockAddr::unix(OsString::from_vec(address))?)?;
    Ok(())
}
