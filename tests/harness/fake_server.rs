//! A TCP server that a test plays itself, to send the client what no real server would.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

use super::raw_client::RawClient;
use super::{DEADLINE, retry};

/// A TCP port on loopback, closed until the test listens on it.
pub(crate) struct FakeServer {
    socket: Socket,
}

impl FakeServer {
    /// Reserves a port without listening: connections to it are refused.
    pub(crate) fn closed() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any_port: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
        socket.bind(&any_port.into()).expect("a free port");
        Self { socket }
    }

    /// Listens on a free port.
    pub(crate) fn open() -> Self {
        let fake = Self::closed();
        fake.listen();
        fake
    }

    pub(crate) fn listen(&self) {
        self.socket.listen(16).expect("it can listen");
        // On Linux it bounds accept, too.
        self.socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    }

    /// Where it is, as an endpoint.
    pub(crate) fn endpoint(&self) -> String {
        let address = self.socket.local_addr().expect("it is bound");
        format!("tcp://{}", address.as_socket().expect("an internet address"))
    }

    /// The server's end of the next connection.
    #[track_caller]
    pub(crate) fn accept(&self) -> RawClient {
        let (socket, _) = retry(|| self.socket.accept()).expect("a client comes");
        RawClient::over(socket)
    }
}
