//! Turning a client away so that it learns why: the reason, a clean end of stream, and then a wait,
//! within bounds, until it has closed.

use std::collections::BTreeMap;
use std::io;

use hello_proto::{Framing, Reason};
use mio::{Interest, Registry, Token};

use crate::clock::{Tick, ticks};
use crate::connection::LINGER;
use crate::stream::Stream;

/// So many clients that were turned away are waited for, if there are descriptors for them; beyond
/// it, the one that has had the longest time is closed.
pub(crate) const MAX_LINGERING: usize = 256;

/// So many bytes of what such a client still sends are read at a time, and so many times in a row.
const DISCARD: usize = 16 * 1024;
const DISCARDS_PER_TURN: usize = 4;

/// The clients that were turned away and have not closed yet.
#[derive(Debug)]
pub(crate) struct Refusals {
    framing: Framing,
    next_token: usize,
    /// How many may linger.
    max: usize,
    /// By their tokens, and so the oldest first.
    lingering: BTreeMap<usize, (Stream, Tick)>,
    discarded: Box<[u8]>,
}

impl Refusals {
    /// At most `max` linger. Their events have tokens from `first_token` on.
    pub(crate) fn new(framing: Framing, first_token: usize, max: usize) -> Self {
        let discarded = vec![0; DISCARD].into_boxed_slice();
        Self { framing, next_token: first_token, max, lingering: BTreeMap::new(), discarded }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lingering.is_empty()
    }

    /// Tells a client why it is turned away, and keeps it until it closes.
    ///
    /// # Errors
    ///
    /// When the client is gone already.
    pub(crate) fn refuse(
        &mut self,
        mut stream: Stream,
        reason: Reason,
        registry: &Registry,
        now: Tick,
    ) -> io::Result<()> {
        let mut said = Vec::new();
        reason.encode(self.framing, &mut said);
        // A new connection's empty buffer takes the line whole.
        stream.write(&said)?;
        stream.finish_writing()?;
        if self.lingering.len() >= self.max {
            self.lingering.pop_first();
        }
        let token = self.next_token;
        self.next_token += 1;
        // What has arrived already, and the end of the stream, are told of as events.
        mio::event::Source::register(&mut stream, registry, Token(token), Interest::READABLE)?;
        self.lingering.insert(token, (stream, now));
        Ok(())
    }

    /// Discards what a client still sends, and closes when it has.
    pub(crate) fn ready(&mut self, token: Token, registry: &Registry) {
        let Some((stream, _)) = self.lingering.get_mut(&token.0) else {
            return;
        };
        if !matches!(discard(stream, token, &mut self.discarded, registry), Ok(true)) {
            self.lingering.remove(&token.0);
        }
    }

    /// Closes those that have had their time.
    pub(crate) fn sweep(&mut self, now: Tick) {
        while let Some(oldest) = self.lingering.first_entry() {
            if now.since(oldest.get().1) < ticks(LINGER) {
                break;
            }
            oldest.remove();
        }
    }
}

/// Whether there may be more to come.
fn discard(
    stream: &mut Stream,
    token: Token,
    buffer: &mut [u8],
    registry: &Registry,
) -> io::Result<bool> {
    for _ in 0..DISCARDS_PER_TURN {
        match stream.read(buffer)? {
            Some(0) => return Ok(false),
            Some(_) => {}
            None => return Ok(true),
        }
    }
    mio::event::Source::reregister(stream, registry, token, Interest::READABLE)?;
    Ok(true)
}
