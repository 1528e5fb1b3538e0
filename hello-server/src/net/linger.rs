//! The end of a connection that the server closes first.
//!
//! A close with unread input sends a reset, which can destroy what the client has not read yet
//! (RFC 1122, 4.2.2.13). So the server shuts its direction down and discards input until the client
//! closes as well, for at most [`LINGER`].

use std::io;
use std::time::Duration;

use super::stream::Stream;

/// How long a client has to take the last reply and close.
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// Reads in a row before others have their turn.
const MAX_READS: usize = 16;

/// What became of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Discarded {
    /// All of it was read, and the client has closed.
    Closed,
    /// All of it was read.
    Drained,
    /// There may be more, which has had its event.
    More,
}

/// Reads and discards what the client still sends.
pub(crate) fn discard(stream: &Stream, buffer: &mut [u8]) -> io::Result<Discarded> {
    for _ in 0..MAX_READS {
        match stream.read(buffer)? {
            Some(0) => return Ok(Discarded::Closed),
            Some(_) => {}
            None => return Ok(Discarded::Drained),
        }
    }
    Ok(Discarded::More)
}
