//! What a server is to do.

use std::time::Duration;

use hello_proto::{Address, Framing};

/// The typed configuration of a server.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen. A bare `HOST:PORT` means TCP and UDP.
    pub addresses: Vec<Address>,
    /// How messages are told apart on streams.
    pub framing: Framing,
    /// Threads in the pool, at least 1.
    pub workers: usize,
    /// Loops at each UDP endpoint, at least 1.
    pub udp_loops: usize,
    /// Sessions open at once; one more is told that the server is full.
    pub max_sessions: usize,
    /// Sessions open at once from one address, an IPv6 /64 counting as one; 0 for no limit.
    pub max_sessions_per_address: usize,
    /// The longest message, in bytes, from 1 to [`MAX_MESSAGE`](hello_proto::MAX_MESSAGE).
    pub max_message: usize,
    /// How long a session may go without a complete message, or without taking its replies; zero
    /// for ever.
    pub idle_timeout: Duration,
    /// How long a stop waits for the clients to take their last replies.
    pub grace: Duration,
    /// How many connections the system holds until they are accepted: listen(2).
    pub backlog: i32,
}
