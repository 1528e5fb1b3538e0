//! Waiting for events, and waking who waits.

use std::io::{self, ErrorKind};
use std::time::Duration;

use log::warn;
use mio::Token;

use crate::failpoint;
use crate::sys::{Events, Poll, Waker, sleep};

/// The token of a waker's event.
pub(crate) const WAKE: Token = Token(usize::MAX);

/// How soon a wake-up that has failed is tried again.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

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

/// Wakes a thread. A wake-up that fails is tried again, so that no session is stranded, and no stop.
pub(crate) fn wake(waker: &Waker) {
    while let Err(error) = failpoint::error("wake").and_then(|()| waker.wake()) {
        warn!("cannot wake a thread, trying again: {error}");
        sleep(RETRY_INTERVAL);
    }
}
