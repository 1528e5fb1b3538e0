//! A UDP server that a test plays itself, to send the client what no real server would.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use super::{DEADLINE, retry};

/// A UDP socket on loopback, which the client takes for a server.
pub(crate) struct FakeUdpServer {
    socket: UdpSocket,
}

impl FakeUdpServer {
    pub(crate) fn open() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        Self { socket }
    }

    /// Refuses what is sent to it: a connected socket receives from its peer alone.
    pub(crate) fn closed() -> Self {
        let (closed, peer) = (Self::open(), Self::open());
        closed.socket.connect(peer.address()).expect("any address will do");
        closed
    }

    /// Where it is, as an endpoint.
    pub(crate) fn endpoint(&self) -> String {
        format!("udp://{}", self.address())
    }

    /// The next datagram, and who sent it.
    #[track_caller]
    pub(crate) fn receive(&self) -> (Vec<u8>, SocketAddr) {
        let mut bytes = vec![0; 64 * 1024];
        let received = retry(|| self.socket.recv_from(&mut bytes));
        let (count, source) = received.expect("a datagram comes");
        bytes.truncate(count);
        (bytes, source)
    }

    /// Greets the sender of the next datagram, as a server does.
    #[track_caller]
    pub(crate) fn greet(&self) {
        let (message, source) = self.receive();
        self.send(&[b"Hello, ", &*message, b"!"].concat(), source);
    }

    /// Asserts that no datagram has come.
    #[track_caller]
    pub(crate) fn expect_nothing(&self) {
        self.socket.set_nonblocking(true).expect("it can be asked");
        let error = self.socket.recv(&mut [0]).expect_err("nothing was sent");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    /// Receives one datagram, which is exactly `expected`; who sent it.
    #[track_caller]
    pub(crate) fn expect(&self, expected: &[u8]) -> SocketAddr {
        let (bytes, source) = self.receive();
        assert_eq!(bytes.escape_ascii().to_string(), expected.escape_ascii().to_string());
        source
    }

    #[track_caller]
    pub(crate) fn send(&self, bytes: &[u8], to: SocketAddr) {
        self.socket.send_to(bytes, to).expect("the datagram can be sent");
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("it is bound")
    }
}
