//! Rejecting a client so that it learns why: the reason, a clean end of the stream, and then a wait,
//! within bounds, until it has closed.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use hello_proto::{ErrorReason, Framing};
use mio::Token;

use crate::net::linger::{Discarded, LINGER, discard};
use crate::net::os::INPUT;
use crate::net::stream::Stream;
use crate::sys::{Instant, Registry};

/// How much of what such a client still sends is read at a time.
const READ_BUFFER: usize = 16 * 1024;

/// The clients that were rejected and have not closed yet.
#[derive(Debug)]
pub(crate) struct Rejections {
    framing: Framing,
    next_token: usize,
    /// How many may linger.
    max: usize,
    /// With their deadlines, by their tokens, and so the oldest first.
    lingering: BTreeMap<usize, (Stream, Instant)>,
    buffer: Vec<u8>,
}

impl Rejections {
    /// At most `max` linger; one more closes the one that has had the longest time. Their events have
    /// tokens from `first_token` on.
    pub(crate) fn new(framing: Framing, first_token: usize, max: usize) -> Self {
        let lingering = BTreeMap::new();
        Self { framing, next_token: first_token, max, lingering, buffer: vec![0; READ_BUFFER] }
    }

    /// Tells a client why it is rejected, and keeps it until it closes.
    ///
    /// # Errors
    ///
    /// When the client is gone already.
    pub(crate) fn reject(
        &mut self,
        stream: Stream,
        reason: ErrorReason,
        registry: &Registry,
    ) -> io::Result<()> {
        let mut reply = Vec::new();
        reason.encode(self.framing, &mut reply);
        // A new connection's empty buffer takes the line whole.
        stream.write(&reply)?;
        stream.shutdown_write()?;
        if self.lingering.len() >= self.max {
            self.lingering.pop_first();
        }
        let token = self.next_token;
        self.next_token += 1;
        // There is an event for what has arrived already, and for the end of the stream.
        stream.register(registry, Token(token), INPUT)?;
        self.lingering.insert(token, (stream, Instant::now() + LINGER));
        Ok(())
    }

    /// Discards what a client still sends, and closes when it has.
    pub(crate) fn on_ready(&mut self, token: Token, registry: &Registry) {
        let Some((stream, _)) = self.lingering.get(&token.0) else {
            return;
        };
        let goes_on = match discard(stream, &mut self.buffer) {
            Ok(Discarded::Drained) => true,
            Ok(Discarded::More) => stream.reregister(registry, token, INPUT).is_ok(),
            Ok(Discarded::Closed) | Err(_) => false,
        };
        if !goes_on {
            self.lingering.remove(&token.0);
        }
    }

    /// Closes those that have timed out; how long until the next one does, if any is left.
    pub(crate) fn expire(&mut self) -> Option<Duration> {
        while let Some(oldest) = self.lingering.first_entry() {
            let remaining = oldest.get().1.saturating_duration_since(Instant::now());
            if !remaining.is_zero() {
                return Some(remaining);
            }
            oldest.remove();
        }
        None
    }
}
