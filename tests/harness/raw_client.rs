//! A raw stream, TCP or Unix, on which bytes are sent and exact bytes expected.

use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::io::ioctl_fionread;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use socket2::{Domain, SockAddr, Socket, Type};

use super::address::address;
use super::{DEADLINE, retry};

/// A client's end of a stream, or the end that a `FakeServer` has accepted. Nothing on it waits
/// longer than [`DEADLINE`].
pub(crate) struct RawClient {
    socket: Socket,
}

impl RawClient {
    #[track_caller]
    pub(crate) fn connect(endpoint: &str) -> Self {
        let address = address(endpoint);
        let socket = Socket::new(address.domain(), Type::STREAM, None).expect("a socket");
        socket.set_write_timeout(Some(DEADLINE)).expect("a timeout");
        // A full backlog of a Unix socket can be waited for only in connect itself.
        let connected = match address.is_unix() {
            true => retry(|| socket.connect(&address)),
            false => socket.connect_timeout(&address, DEADLINE),
        };
        connected.unwrap_or_else(|error| panic!("connect to {endpoint}: {error}"));
        Self::over(socket)
    }

    /// Over a socket that is connected.
    pub(crate) fn over(socket: Socket) -> Self {
        socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        socket.set_write_timeout(Some(DEADLINE)).expect("a timeout");
        if socket.local_addr().expect("an address").domain() != Domain::UNIX {
            // So that what is sent byte by byte also travels byte by byte.
            socket.set_tcp_nodelay(true).expect("no delay");
        }
        Self { socket }
    }

    /// Its own address, as in the server's log.
    pub(crate) fn local(&self) -> String {
        let local = self.socket.local_addr().as_ref().ok().and_then(SockAddr::as_socket);
        local.expect("an internet address").to_string()
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("the bytes can be sent");
    }

    /// The same where the other end may have closed.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// Sends one urgent byte, out of band.
    #[track_caller]
    pub(crate) fn send_urgent(&mut self, byte: u8) {
        let sent = retry(|| self.socket.send_out_of_band(&[byte])).expect("it can be sent");
        assert_eq!(sent, 1);
    }

    /// Sends `bytes` on a Unix socket, and a descriptor with them.
    #[track_caller]
    pub(crate) fn send_with_descriptor(&mut self, bytes: &[u8]) {
        let descriptors = [self.socket.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)), "there is space");
        let parts = [IoSlice::new(bytes)];
        let sent = sendmsg(&self.socket, &parts, &mut control, SendFlags::empty());
        assert_eq!(sent.expect("it can be sent"), bytes.len());
    }

    /// Sends `bytes` until the other end has taken none of them for `timeout`, or has closed, and
    /// returns how many it took.
    #[track_caller]
    pub(crate) fn send_until_stuck(&mut self, bytes: &[u8], timeout: Duration) -> usize {
        self.socket.set_write_timeout(Some(timeout)).expect("a timeout");
        let mut sent = 0;
        while sent < bytes.len() {
            match retry(|| self.socket.write(&bytes[sent..])) {
                Ok(count) => sent += count,
                Err(_) => break,
            }
        }
        sent
    }

    /// Ends its own direction of the stream; the other one stays open.
    #[track_caller]
    pub(crate) fn half_close(&mut self) {
        self.try_half_close().expect("the stream is open");
    }

    /// The same where the other end may have closed.
    pub(crate) fn try_half_close(&mut self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }

    /// Resets the connection.
    #[track_caller]
    pub(crate) fn reset(self) {
        self.socket.set_linger(Some(Duration::ZERO)).expect("an open socket");
    }

    /// How many bytes have arrived that were not read.
    #[track_caller]
    pub(crate) fn unread(&self) -> u64 {
        ioctl_fionread(&self.socket).expect("it is open")
    }

    /// Whether the other end, which is on this machine, has read all that was sent: the receive queue
    /// of its socket in proc(5).
    #[track_caller]
    pub(crate) fn is_read_by_peer(&self) -> bool {
        let hex = |address: io::Result<SockAddr>| {
            let address = address.expect("it is open").as_socket_ipv4().expect("IPv4");
            format!("{:08X}:{:04X}", u32::from(*address.ip()).swap_bytes(), address.port())
        };
        let ends = format!("{} {}", hex(self.socket.peer_addr()), hex(self.socket.local_addr()));
        let table = std::fs::read_to_string("/proc/self/net/tcp").expect("Linux has it");
        let line = table.lines().find(|line| line.contains(&ends)).expect("the other end");
        line.split_ascii_whitespace().nth(4).expect("queues").ends_with(":00000000")
    }

    /// Reads exactly `expected`.
    #[track_caller]
    pub(crate) fn expect(&mut self, expected: &[u8]) {
        let (mut bytes, mut filled) = (vec![0; expected.len()], 0);
        while filled < bytes.len() {
            match retry(|| self.socket.read(&mut bytes[filled..])) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) => panic!("{error} after \"{}\"", bytes[..filled].escape_ascii()),
            }
        }
        assert_eq!(bytes[..filled].escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    /// Reads `expected`, and then a clean end of the stream: no reset. Then it closes, too.
    #[track_caller]
    pub(crate) fn expect_last(self, expected: &[u8]) {
        let bytes = self.read_to_end();
        assert_eq!(bytes.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    /// All bytes up to a clean end of the stream. Then it closes, too.
    #[track_caller]
    pub(crate) fn read_to_end(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Err(error) = self.socket.read_to_end(&mut bytes) {
            panic!("{error} after \"{}\" instead of the end", bytes.escape_ascii());
        }
        bytes
    }

    /// The same, or the error that ended the connection.
    pub(crate) fn try_read_to_end(mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.socket.read_to_end(&mut bytes).map(|_| bytes)
    }

    /// All bytes up to the end of the stream or an error, which is not that nothing comes. Then it
    /// closes, too.
    #[track_caller]
    pub(crate) fn read_until_closed(mut self) -> (Vec<u8>, io::Result<()>) {
        let mut bytes = Vec::new();
        let end = self.socket.read_to_end(&mut bytes).map(drop);
        let is_stuck = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        assert!(!end.as_ref().is_err_and(is_stuck), "stuck after \"{}\"", bytes.escape_ascii());
        (bytes, end)
    }

    /// The result of one read of at most `size` bytes; `None` if nothing arrives within `timeout`.
    #[track_caller]
    pub(crate) fn read_within(&mut self, timeout: Duration, size: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; size];
        self.socket.set_read_timeout(Some(timeout)).expect("a timeout");
        let read = retry(|| self.socket.read(&mut bytes));
        self.socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        match read {
            Ok(count) => bytes.truncate(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(error) => panic!("read: {error}"),
        }
        Some(bytes)
    }
}
