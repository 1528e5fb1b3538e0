//! What the system's TCP knows of a connection: `TCP_INFO`.

use std::mem::offset_of;
use std::time::Duration;

use nix::sys::socket::getsockopt;
use nix::{getsockopt_impl, libc, sockopt_impl};
use socket2::Socket;

use crate::net::TcpInfo;

/// The words of `struct tcp_info` up to the last one that is used. A system of any age knows them,
/// and writes no more than it is given room for.
type Words = [u32; word(offset_of!(libc::tcp_info, tcpi_total_retrans)) + 1];

sockopt_impl!(
    /// The option, as nix reads options that it has not.
    TcpInfoOption,
    GetOnly,
    libc::IPPROTO_TCP,
    libc::TCP_INFO,
    Words
);

/// What is known of `socket`; nothing, if it is not one of TCP.
pub(crate) fn tcp_info(socket: &Socket) -> Option<TcpInfo> {
    let words = getsockopt(socket, TcpInfoOption).ok()?;
    let micros = words[word(offset_of!(libc::tcp_info, tcpi_rtt))];
    Some(TcpInfo {
        retransmits: words[word(offset_of!(libc::tcp_info, tcpi_total_retrans))].into(),
        round_trip: (micros > 0).then(|| Duration::from_micros(micros.into())),
    })
}

/// Which word is at this offset, in bytes.
const fn word(offset: usize) -> usize {
    offset / size_of::<u32>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Type};
    use std::net::{TcpListener, TcpStream, UdpSocket};

    #[test]
    fn a_connection_of_tcp_has_a_round_trip_and_others_have_none() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let info = tcp_info(&stream.into()).unwrap();
        assert_eq!(info.retransmits, 0);
        // The handshake was one.
        let round_trip = info.round_trip.unwrap();
        assert!(round_trip < Duration::from_secs(10), "{round_trip:?}");

        assert_eq!(tcp_info(&UdpSocket::bind("127.0.0.1:0").unwrap().into()), None);
        let unix = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        assert_eq!(tcp_info(&unix), None);
    }
}
