//! What hostile clients do: sockets with small buffers, noise, forged datagrams.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpStream, UdpSocket};
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use rustix::net::{AddressFamily, SendFlags, SocketType, ipproto, sendto, socket};
use socket2::{Domain, Socket, Type};

use crate::harness::{DEADLINE, RawClient};

/// More than the buffers of the system can hold.
static EMPTY_MESSAGES: LazyLock<Vec<u8>> = LazyLock::new(|| vec![b'\n'; 32 * 1024 * 1024]);

/// How long a server takes nothing until it counts as stuck.
const SEND_TIMEOUT: Duration = Duration::from_millis(200);

/// Connects to a TCP endpoint from `own`, an address of 127.0.0.0/8.
#[track_caller]
pub(super) fn connect_from(own: Ipv4Addr, endpoint: &str) -> RawClient {
    let socket = tcp_socket();
    let own: SocketAddr = (own, 0).into();
    socket.bind(&own.into()).expect("a free port");
    RawClient::over(connected(socket, endpoint))
}

/// A client with a small receive buffer: it is stuck soon if it does not read.
#[track_caller]
pub(super) fn small_rcvbuf(endpoint: &str) -> RawClient {
    RawClient::over(with_room_for(4096, endpoint))
}

/// A connection with a receive buffer of about `size` bytes.
#[track_caller]
pub(super) fn with_room_for(size: usize, endpoint: &str) -> Socket {
    let socket = tcp_socket();
    socket.set_recv_buffer_size(size).expect("a size");
    connected(socket, endpoint)
}

/// A connection with small buffers at both ends: its segments are so short that the server's send
/// buffer does not grow much either.
#[track_caller]
pub(super) fn small_segments(endpoint: &str) -> Socket {
    let socket = tcp_socket();
    socket.set_recv_buffer_size(4096).expect("a size");
    socket.set_tcp_mss(536).expect("a size");
    connected(socket, endpoint)
}

#[track_caller]
fn connected(socket: Socket, endpoint: &str) -> Socket {
    let address: SocketAddr = address(endpoint).parse().expect("an address and a port");
    socket.connect_timeout(&address.into(), DEADLINE).expect("the server listens");
    socket
}

fn tcp_socket() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket")
}

/// An endpoint without its scheme.
fn address(endpoint: &str) -> &str {
    endpoint.split_once("://").map_or(endpoint, |(_, address)| address)
}

/// Sends messages until the server takes no more, since its replies are not read, and returns how
/// many bytes it took. The messages are empty, so that a greeting is nine times as long.
#[track_caller]
pub(super) fn pipeline_until_stuck(client: &mut RawClient) -> usize {
    let taken = client.send_until_stuck(&EMPTY_MESSAGES, SEND_TIMEOUT);
    assert!(
        taken < EMPTY_MESSAGES.len(),
        "the server takes all of {taken} bytes without being read"
    );
    taken
}

/// Bytes that look random and are the same in every run: xorshift64.
#[derive(Debug)]
pub(super) struct Noise(u64);

impl Noise {
    pub(super) fn seeded(seed: u64) -> Self {
        // Zero would stay zero.
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let words = count.div_ceil(8);
        let mut bytes: Vec<u8> = (0..words).flat_map(|_| self.next().to_le_bytes()).collect();
        bytes.truncate(count);
        bytes
    }
}

/// Sends all of `input`, unless the server closes before, while it reads. Returns what it has read,
/// up to a clean end of the stream, and how many bytes it could send.
#[track_caller]
pub(super) fn send_while_reading<S>(endpoint: &str, input: S) -> (Vec<u8>, usize)
where
    S: IntoIterator<Item: AsRef<[u8]>> + Send,
{
    let mut reader = TcpStream::connect(address(endpoint)).expect("the server listens");
    reader.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    reader.set_write_timeout(Some(DEADLINE)).expect("a timeout");
    let mut writer = reader.try_clone().expect("a descriptor");
    let mut received = Vec::new();
    let sent = thread::scope(|scope| {
        let writing = scope.spawn(move || {
            let sent = input.into_iter().map_while(|bytes| {
                let bytes = bytes.as_ref();
                writer.write_all(bytes).is_ok().then_some(bytes.len())
            });
            let sent = sent.sum();
            // Fails when the server has closed.
            let _ = writer.shutdown(Shutdown::Write);
            sent
        });
        reader.read_to_end(&mut received).expect("a clean end");
        writing.join().expect("it sends")
    });
    (received, sent)
}

/// Sends a datagram and closes its socket before the greeting comes, which ICMP then refuses. It has
/// an address of its own, so that no other socket can have got its port.
#[track_caller]
pub(super) fn send_and_go(message: &[u8], endpoint: &str) {
    let own = Ipv4Addr::new(127, 0, 5, 1);
    let socket = UdpSocket::bind((own, 0)).expect("a free port");
    socket.send_to(message, address(endpoint)).expect("the datagram can be sent");
}

/// Sends a datagram over IPv4 with the forged source `source`. False if that is not permitted.
pub(super) fn forge(message: &[u8], source: &str, target: &str) -> bool {
    let raw = socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::RAW));
    let Ok(raw) = raw else {
        return false;
    };
    let (source, target) = (ipv4(source), ipv4(target));
    let udp_length = 8 + message.len() as u16;
    let total_length = 20 + udp_length;
    let mut packet = vec![0x45, 0];
    packet.extend(total_length.to_be_bytes());
    // No fragments, TTL 64, UDP. The system fills in the identification and the checksum.
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    packet.extend(source.ip().octets());
    packet.extend(target.ip().octets());
    for field in [source.port(), target.port(), udp_length, 0] {
        packet.extend(field.to_be_bytes());
    }
    packet.extend(message);
    sendto(&raw, &packet, SendFlags::empty(), &target).expect("loopback takes it");
    true
}

fn ipv4(endpoint: &str) -> SocketAddrV4 {
    address(endpoint).parse().expect("an IPv4 address and a port")
}
