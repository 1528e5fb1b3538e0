//! From an endpoint in a `listening on` line to an address to connect to.

use std::net::SocketAddr;

use socket2::SockAddr;

#[track_caller]
pub(super) fn address(endpoint: &str) -> SockAddr {
    match endpoint.split_once("://") {
        Some(("tcp" | "udp", address)) => {
            let address: SocketAddr = address.parse().expect("an address and a port");
            address.into()
        }
        Some(("unix" | "unixgram", path)) => SockAddr::unix(path).expect("a path that fits"),
        _ => panic!("{endpoint:?} is not an endpoint"),
    }
}
