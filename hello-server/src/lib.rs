//! The hello server as a library: [`Server::bind`] its endpoints, then [`Server::run`] it.
//!
//! ```text
//!              accept                crossbeam channels          a mio::Poll each
//! listeners ──▶ acceptor ──▶ channels of accepted streams ──▶ worker 1..N ──▶ sessions
//! datagram sockets ──▶ a loop each ──▶ greetings
//! ```
//!
//! A fixed pool of workers serves every session; a worker never waits for a single one. All that
//! can grow from outside is bounded: sessions by [`Config::max_sessions`], what one holds by the
//! message limit and [`ServerSession::ENOUGH`](hello_proto::ServerSession::ENOUGH), its time by
//! [`Config::idle_timeout`], the stop by [`Config::grace`].

mod acceptor;
mod admission;
mod bind;
mod clock;
mod config;
mod connection;
mod datagram;
mod fault;
mod gauge;
mod listener;
mod open_files;
mod pool;
mod refusal;
mod server;
mod socket_file;
mod starvation;
mod stats;
mod stream;
mod supervisor;
mod throttle;
mod wait;
mod worker;

pub use bind::BindError;
pub use config::Config;
pub use server::{RunError, Server};
pub use stats::Stats;

use server::Shared;
