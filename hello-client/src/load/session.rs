//! One session on a stream, with what is in flight in both directions.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hello_proto::{ClientSession, Framing, ReplyError};

use super::{Batch, ConnectionError, Event, Observer};
use crate::error::ErrorKind;

/// Sends messages of a pattern, and tells an observer what becomes of them.
#[derive(Debug)]
pub(super) struct Session {
    session: ClientSession,
    is_welcomed: bool,
    pattern: Arc<[Vec<u8>]>,
    /// Which message of the pattern is next.
    next: usize,
    /// How many messages are still to be encoded.
    unencoded: u64,
    /// Bytes to be written, from `written` on.
    output: Vec<u8>,
    written: usize,
    /// The messages whose replies are pending.
    batches: VecDeque<Batch>,
    in_flight: u64,
    /// Since when the next thing that the server should say is waited for.
    waiting_since: Instant,
}

impl Session {
    /// Once this many bytes are encoded, no more are until those are written.
    const OUTPUT_HIGH_WATER: usize = 256 * 1024;

    /// A session that begins now.
    pub(super) fn new(framing: Framing, pattern: Arc<[Vec<u8>]>, now: Instant) -> Self {
        let longest = pattern.iter().map(Vec::len).max().unwrap_or_default();
        Self {
            session: ClientSession::new(framing, longest),
            is_welcomed: false,
            pattern,
            next: 0,
            unencoded: 0,
            output: Vec::new(),
            written: 0,
            batches: VecDeque::new(),
            in_flight: 0,
            waiting_since: now,
        }
    }

    /// Whether the server has said the welcome, and so reads.
    pub(super) fn is_welcomed(&self) -> bool {
        self.is_welcomed
    }

    /// How many messages are in flight.
    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Sends these messages.
    pub(super) fn send(&mut self, batch: Batch, now: Instant) {
        if self.in_flight == 0 {
            self.waiting_since = now;
        }
        self.batches.push_back(batch);
        self.in_flight += batch.count;
        self.unencoded += batch.count;
    }

    /// Bytes to be written; there may be more once these are.
    pub(super) fn outgoing(&mut self) -> &[u8] {
        if self.written == self.output.len() {
            self.output.clear();
            self.written = 0;
            while self.unencoded > 0 && self.output.len() < Self::OUTPUT_HIGH_WATER {
                let sent = self.session.send(&self.pattern[self.next], &mut self.output);
                sent.expect("the pattern was checked, and a closed session is dropped");
                self.next = (self.next + 1) % self.pattern.len();
                self.unencoded -= 1;
            }
        }
        &self.output[self.written..]
    }

    /// This many of the bytes were written.
    pub(super) fn advance(&mut self, length: usize) {
        self.written += length;
    }

    /// Takes what one read returned.
    ///
    /// # Errors
    ///
    /// The session is over, for this reason.
    pub(super) fn receive(
        &mut self,
        mut input: &[u8],
        now: Instant,
        observer: &mut impl Observer,
    ) -> Result<(), ConnectionError> {
        loop {
            let received = self.session.receive(&mut input);
            if !matches!(received, Ok(0)) {
                self.waiting_since = now;
            }
            match received {
                Ok(0) => return Ok(()),
                Ok(replies) => {
                    let welcome = !mem::replace(&mut self.is_welcomed, true);
                    self.answered(replies as u64 - u64::from(welcome), now, observer);
                }
                Err(ReplyError::Server(reason)) => return Err(ConnectionError::server(&reason)),
                Err(error) => {
                    let message = self.pop(1);
                    observer.on_event(Event::Wrong(message, &error), now);
                    if message.is_none() || self.session.is_closed() {
                        return Err(ConnectionError::Lost(ErrorKind::Mismatch));
                    }
                }
            }
        }
    }

    /// Whether something that the server should say has been pending for longer than `timeout`.
    pub(super) fn is_overdue(&self, timeout: Duration, now: Instant) -> bool {
        let is_pending = self.in_flight > 0 || !self.is_welcomed;
        is_pending && now.saturating_duration_since(self.waiting_since) > timeout
    }

    /// The connection is lost: nothing in flight will be answered.
    pub(super) fn disconnect(
        &mut self,
        why: &ConnectionError,
        now: Instant,
        observer: &mut impl Observer,
    ) {
        while let Some(batch) = self.pop(u64::MAX) {
            observer.on_event(Event::Lost(batch, why), now);
        }
    }

    fn answered(&mut self, mut count: u64, now: Instant, observer: &mut impl Observer) {
        while count > 0
            && let Some(batch) = self.pop(count)
        {
            count -= batch.count;
            observer.on_event(Event::Answered(batch), now);
        }
    }

    /// Takes the messages in flight that were sent first and together, at most `max`.
    fn pop(&mut self, max: u64) -> Option<Batch> {
        let front = self.batches.front_mut()?;
        let batch = Batch { count: front.count.min(max), ..*front };
        front.first += batch.count;
        front.count -= batch.count;
        if front.count == 0 {
            self.batches.pop_front();
        }
        self.in_flight -= batch.count;
        Some(batch)
    }
}

#[cfg(test)]
mod tests;
