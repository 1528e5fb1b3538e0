//! A session on a stream, with what is in flight in both directions.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hello_proto::{ClientSession, ReplyError};

use super::session::Session;
use super::{Batch, ConnectionError, Event, Observer, Plan};
use crate::error::ErrorKind;

/// Sends messages of a pattern, and tells an observer what becomes of them.
#[derive(Debug)]
pub(super) struct StreamSession {
    session: ClientSession,
    timeout: Duration,
    is_welcomed: bool,
    /// `exit` was said, and the end of the stream is waited for.
    is_exiting: bool,
    pattern: Arc<[Vec<u8>]>,
    /// Which message of the pattern is next.
    next: usize,
    /// Bytes to be written, from `written` on: whole messages, each of `frame` bytes.
    output: Vec<u8>,
    written: usize,
    frame: usize,
    /// The messages whose replies are pending.
    batches: VecDeque<Batch>,
    in_flight: u64,
    /// Since when the next thing that the server should say is waited for.
    waiting_since: Instant,
}

impl StreamSession {
    /// No more messages than fill this many bytes are encoded before those are written.
    const OUTPUT_HIGH_WATER: usize = 256 * 1024;

    fn answered(&mut self, mut count: u64, now: Instant, observer: &mut dyn Observer) {
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

impl Session for StreamSession {
    const IS_DATAGRAM: bool = false;

    const BURST: usize = 1;

    fn new(plan: &Plan) -> Self {
        Self {
            session: ClientSession::new(plan.target.framing, plan.size),
            timeout: plan.target.timeout(),
            is_welcomed: false,
            is_exiting: false,
            pattern: Arc::clone(&plan.pattern),
            next: 0,
            output: Vec::new(),
            written: 0,
            // At least as long as in any framing, until one is encoded.
            frame: plan.size + size_of::<u32>(),
            batches: VecDeque::new(),
            in_flight: 0,
            waiting_since: plan.start,
        }
    }

    fn start(&mut self, plan: &Plan, now: Instant) {
        *self = Self { waiting_since: now, ..Self::new(plan) };
    }

    fn is_ready(&self) -> bool {
        self.is_welcomed
    }

    fn in_flight(&self) -> u64 {
        self.in_flight
    }

    fn expected_since(&self) -> Option<Instant> {
        self.batches.front().map(|batch| batch.since)
    }

    fn room(&self) -> u64 {
        Self::OUTPUT_HIGH_WATER.saturating_sub(self.output.len()).div_ceil(self.frame) as u64
    }

    fn send(&mut self, batch: Batch, now: Instant) {
        if self.in_flight == 0 {
            self.waiting_since = now;
        }
        self.batches.push_back(batch);
        self.in_flight += batch.count;
        for _ in 0..batch.count {
            let before = self.output.len();
            let sent = self.session.send(&self.pattern[self.next], &mut self.output);
            sent.expect("the pattern was checked, and a closed session is not written to");
            self.frame = self.output.len() - before;
            self.next = (self.next + 1) % self.pattern.len();
        }
    }

    fn outgoing(&self) -> Option<&[u8]> {
        let rest = &self.output[self.written..];
        (!rest.is_empty()).then_some(rest)
    }

    fn advance(&mut self, length: usize, _: Instant) {
        self.written += length;
        if self.written == self.output.len() {
            self.output.clear();
            self.written = 0;
        }
    }

    fn unwritten(&self) -> u64 {
        let left = self.output.len() - self.written;
        // `exit` is none of them.
        self.in_flight.min(left.div_ceil(self.frame) as u64)
    }

    fn take_unwritten(&mut self) -> Option<Batch> {
        let unwritten = self.unwritten();
        let back = self.batches.back_mut().filter(|_| unwritten > 0)?;
        let count = back.count.min(unwritten);
        back.count -= count;
        let batch = Batch { first: back.first + back.count, count, ..*back };
        if back.count == 0 {
            self.batches.pop_back();
        }
        self.in_flight -= count;
        let left = self.output.len() - self.written;
        self.output.truncate(self.written + left.saturating_sub(count as usize * self.frame));
        Some(batch)
    }

    fn exit(&mut self, now: Instant) {
        self.session.exit(&mut self.output);
        self.is_exiting = true;
        self.waiting_since = now;
    }

    fn receive_end(&mut self) -> Result<(), ConnectionError> {
        let ended = self.session.receive_end().is_ok() && self.is_exiting;
        if ended { Ok(()) } else { Err(ConnectionError::Lost(ErrorKind::Closed)) }
    }

    fn receive(
        &mut self,
        mut input: &[u8],
        now: Instant,
        observer: &mut dyn Observer,
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

    /// Nothing has come for the timeout, though something was pending.
    fn expire(&mut self, now: Instant, _: &mut dyn Observer) -> Result<(), ConnectionError> {
        let is_pending = self.in_flight > 0 || !self.is_welcomed || self.is_exiting;
        if is_pending && now.saturating_duration_since(self.waiting_since) > self.timeout {
            return Err(ConnectionError::Lost(ErrorKind::Timeout));
        }
        Ok(())
    }

    fn disconnect(&mut self, why: &ConnectionError, now: Instant, observer: &mut dyn Observer) {
        while let Some(batch) = self.pop(u64::MAX) {
            observer.on_event(Event::Lost(batch, why), now);
        }
    }
}

#[cfg(test)]
mod tests;
