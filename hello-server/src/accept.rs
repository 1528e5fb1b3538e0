//! From a listener to the pool, or to a clear rejection.

mod acceptor;
mod backoff;
mod error;
mod reject;

pub(crate) use acceptor::Acceptor;
