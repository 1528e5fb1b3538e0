//! Waiting for events.

use std::io::{self, ErrorKind};
use std::time::Duration;

use mio::Token;

use crate::sys::{Events, Poll};

/// The token of a waker's event.
pub(crate) const WAKE: Token = Token(usize::MAX);

/// Polls; treats EINTR as no events.
pub(crate) fn poll(
    poll: &mut Poll,
    events: &mut Events,
    timeout: Option<Duration>,
) -> io::Result<()> {
    match poll.poll(events, timeout) {
        Err(error) if error.kind() == ErrorKind::Interrupted => {
            events.clear();
            Ok(())
        }
        result => result,
    }
}
