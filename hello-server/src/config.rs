//! What a server is to do.

use std::num::NonZero;
use std::thread;
use std::time::Duration;

use hello_proto::{Address, DEFAULT_MAX_MESSAGE, Framing};

/// The typed configuration of a server. By default it listens nowhere.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen. A bare `HOST:PORT` means TCP and UDP.
    pub addresses: Vec<Address>,
    /// How messages are delimited on streams.
    pub framing: Framing,
    /// Threads in the pool, at least 1; see [`default_workers`].
    pub workers: usize,
    /// Loops at each UDP endpoint, at least 1.
    pub udp_loops: usize,
    /// The receive buffer of each UDP socket, in bytes; the system may grant less.
    pub udp_buffer: usize,
    /// The permissions of Unix sockets; `None` for what the umask leaves.
    pub unix_mode: Option<u32>,
    /// Sessions open at once; one more is told that the server is full.
    pub max_sessions: usize,
    /// Sessions open at once from one address, an IPv6 /64 counting as one; 0 for no limit.
    pub max_sessions_per_address: usize,
    /// The longest message, in bytes, from 1 to [`MAX_MESSAGE`](hello_proto::MAX_MESSAGE).
    pub max_message: usize,
    /// How long a session may go without a complete message, or without taking its replies; zero
    /// for ever.
    pub idle_timeout: Duration,
    /// How long shutdown waits for clients to take their last replies.
    pub grace: Duration,
    /// How many connections the system holds until they are accepted: listen(2).
    pub backlog: i32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            framing: Framing::default(),
            workers: default_workers(),
            udp_loops: 1,
            udp_buffer: Self::DEFAULT_UDP_BUFFER,
            unix_mode: None,
            max_sessions: 10_000,
            max_sessions_per_address: 0,
            max_message: DEFAULT_MAX_MESSAGE,
            idle_timeout: Duration::from_secs(60),
            grace: Duration::from_secs(5),
            backlog: 1024,
        }
    }
}

impl Config {
    /// 4 MiB hold a burst of about 5,000 small datagrams; the usual 208 KiB hold 256.
    pub const DEFAULT_UDP_BUFFER: usize = 4 * 1024 * 1024;
}

/// One worker less than the cores, and at least 1: the acceptor, the datagram loops and the kernel's
/// network work need a core as well, and a worker more than that only pushes them aside.
#[must_use]
pub fn default_workers() -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    (cores - 1).max(1)
}
