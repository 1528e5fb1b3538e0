//! One session with a server on a socket that blocks, each wait bounded by a deadline: what `say`
//! and `check` do.

mod datagram;
mod locate;
mod stream;

pub(crate) use datagram::{Candidates, Silence, explain_silence};
pub(crate) use locate::{Route, locate};
pub(crate) use stream::StreamSession;
