//! From a listener to the pool, or to a clear rejection.

mod acceptor;
mod backoff;
mod error;
mod proxy;
mod reject;

pub(crate) use acceptor::Acceptor;
pub(crate) use backoff::AcceptBackoff;
pub(crate) use error::AcceptError;
