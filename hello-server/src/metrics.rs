//! What a running server tells Prometheus and health checks, over HTTP on a thread of its own.
//!
//! `tiny_http` starts threads as connections come and gives a client any time it likes; the
//! `prometheus` crates keep counters of their own, of which a message would pay for a shared cache
//! line. What is left is small: `httparse` reads the request.

mod endpoint;
mod http;
mod page;
mod process;

pub(crate) use endpoint::{BACKLOG, DESCRIPTORS, Metrics};
