//! The hello server as a library: [`Server::bind`] its endpoints, [`Server::start`] its threads, and
//! [`Running::wait`] until it has stopped.
//!
//! ```text
//!              accept                crossbeam channels          a mio::Poll each
//! listeners ──▶ acceptor ──▶ channels of accepted streams ──▶ worker 1..N ──▶ sessions
//! datagram sockets ──▶ a loop each ──▶ greetings
//! ```
//!
//! A fixed pool of workers serves every session; a worker never blocks on one. A new session goes to
//! the worker with the fewest and stays there. All that can grow from outside is bounded: sessions
//! by [`Config::max_sessions`], what one holds by the message limit and
//! [`ServerSession::OUTPUT_HIGH_WATER`](hello_proto::ServerSession::OUTPUT_HIGH_WATER), its time by
//! [`Config::idle_timeout`], the stop by [`Config::grace`]. A server that has nothing to do does not
//! wake up.
//!
//! | | |
//! |---|---|
//! | `main.rs`, `cli.rs`, `signals.rs`, `log.rs` | the program around it: options, signals, a log that blocks nobody |
//! | `server.rs`, `shared.rs`, `threads.rs` | starts, supervises and stops the threads; what all of them know |
//! | `listen/` | endpoints to sockets |
//! | `accept/`, `admission.rs` | accepts clients, or rejects them with a reason |
//! | `worker/` | the pool: sessions, their deadlines, how they close |
//! | `datagram.rs` | the loop of UDP and Unix datagrams |
//! | `net/` | what the system calls look like to the rest; `net/os` is what one system alone has |
//! | `sys.rs` | clock, events and sockets, in one place for a simulation to replace |
//! | `stats.rs`, `monitor.rs`, `metrics/` | counters: one set a thread, their sums, their page |

mod accept;
mod admission;
mod config;
mod datagram;
mod error;
mod failpoint;
mod fd_limit;
mod listen;
mod log_limit;
mod metrics;
mod monitor;
mod net;
mod server;
mod shared;
mod stats;
mod sys;
mod threads;
mod worker;

pub use config::Config;
pub use error::{BindError, Error};
pub use listen::inherited::InheritedSockets;
pub use log_limit::{LogLimiter, Repeats};
pub use server::{Request, Running, Server};
pub use stats::{Counter, Stats};
