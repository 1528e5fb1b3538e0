//! A raw datagram socket, UDP or Unix, that talks to one server.

use std::io::{ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use super::address::address;
use super::{DEADLINE, retry};

/// A datagram socket. It is connected, so it receives from its server alone, and it waits at most
/// [`DEADLINE`].
pub(crate) struct DatagramClient {
    socket: Socket,
}

impl DatagramClient {
    /// Over UDP.
    #[track_caller]
    pub(crate) fn to(endpoint: &str) -> Self {
        let server = address(endpoint);
        let own: SocketAddr = match server.domain() {
            Domain::IPV4 => (Ipv4Addr::LOCALHOST, 0).into(),
            _ => (Ipv6Addr::LOCALHOST, 0).into(),
        };
        Self::between(&own.into(), &server)
    }

    /// Over a Unix socket, with a file of its own, so that the reply finds it.
    #[track_caller]
    pub(crate) fn from_file(own: &Path, endpoint: &str) -> Self {
        Self::between(&SockAddr::unix(own).expect("a path that fits"), &address(endpoint))
    }

    /// Over UDP, from the address `own`.
    #[track_caller]
    pub(crate) fn from_address(own: SocketAddr, endpoint: &str) -> Self {
        Self::between(&own.into(), &address(endpoint))
    }

    #[track_caller]
    fn between(own: &SockAddr, server: &SockAddr) -> Self {
        let socket = Socket::new(server.domain(), Type::DGRAM, None).expect("a socket");
        socket.bind(own).expect("an address of its own");
        socket.connect(server).expect("the server's address");
        socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        socket.set_write_timeout(Some(DEADLINE)).expect("a timeout");
        Self { socket }
    }

    #[track_caller]
    pub(crate) fn send(&mut self, message: &[u8]) {
        let sent = retry(|| self.socket.write(message)).expect("the datagram can be sent");
        assert_eq!(sent, message.len(), "datagrams are sent whole");
    }

    /// Sends a message again and again until it is answered, by exactly `expected`. More answers
    /// may follow.
    #[track_caller]
    pub(crate) fn repeat_until_answered(&mut self, message: &[u8], expected: &[u8]) {
        self.socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        let deadline = Instant::now() + DEADLINE;
        loop {
            self.send(message);
            match retry(|| self.socket.peek(&mut [MaybeUninit::uninit()])) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    assert!(Instant::now() < deadline, "no answer within {DEADLINE:?}");
                }
                _ => break,
            }
        }
        self.socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        self.expect(expected);
    }

    /// Receives one datagram.
    #[track_caller]
    pub(crate) fn receive(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 64 * 1024];
        let count = retry(|| self.socket.read(&mut bytes)).expect("a datagram comes");
        bytes.truncate(count);
        bytes
    }

    /// Receives one datagram, which is exactly `expected`.
    #[track_caller]
    pub(crate) fn expect(&mut self, expected: &[u8]) {
        let bytes = self.receive();
        assert_eq!(bytes.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }
}
