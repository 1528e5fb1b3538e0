//! Sessions on a stream, as state machines without IO, and the exit rule that both sides keep.

mod client;
mod server;

pub use client::ClientSession;
pub use server::{ErrorReason, ServerSession, SessionEnd};

pub(crate) const EXIT: &[u8] = b"exit";

/// The exit rule: whether `message` ends a session on a stream.
#[inline]
pub(crate) fn is_exit(message: &[u8]) -> bool {
    message == EXIT
}
