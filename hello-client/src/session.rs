//! One session with a server on a socket that blocks, each wait bounded by a deadline: what `say`
//! and `check` do.

mod datagram;
mod locate;
mod stream;

pub(crate) use datagram::{DatagramSession, explain_silence, first_answering, is_shorter_answered};
pub(crate) use locate::{Route, locate};
pub(crate) use stream::StreamSession;
