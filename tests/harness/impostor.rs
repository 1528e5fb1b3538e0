//! A TCP server that a test plays itself, to see what the client makes of it.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

use super::peer::Peer;
use super::{DEADLINE, retry};

/// A TCP port on loopback where nobody listens, until the test begins to.
pub(crate) struct Impostor {
    socket: Socket,
}

impl Impostor {
    /// Holds a port: connections to it are refused, and nobody else can get it.
    pub(crate) fn closed() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any_port: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
        socket.bind(&any_port.into()).expect("a free port");
        Self { socket }
    }

    /// Holds a port and listens there.
    pub(crate) fn open() -> Self {
        let impostor = Self::closed();
        impostor.listen();
        impostor
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

    /// The next client.
    #[track_caller]
    pub(crate) fn accept(&self) -> Peer {
        let (socket, _) = retry(|| self.socket.accept()).expect("a client comes");
        Peer::over(socket)
    }
}
