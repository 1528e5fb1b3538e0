//! A session on a stream, with what is in flight in both directions.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hello_proto::{ClientSession, ReplyError};

use super::connection::Session;
use super::{Batch, ConnectionError, Event, Observer, Plan};
use crate::error::ErrorKind;

/// Sends messages of a pattern, and tells an observer what becomes of them.
#[derive(Debug)]
pub(super) struct StreamSession {
    session: ClientSession,
    timeout: Duration,
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

impl StreamSession {
    /// Once this many bytes are encoded, no more are until those are written.
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

    fn new(plan: &Plan) -> Self {
        Self {
            session: ClientSession::new(plan.target.framing, plan.size),
            timeout: plan.target.timeout(),
            is_welcomed: false,
            pattern: Arc::clone(&plan.pattern),
            next: 0,
            unencoded: 0,
            output: Vec::new(),
            written: 0,
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

    fn send(&mut self, batch: Batch, now: Instant) {
        if self.in_flight == 0 {
            self.waiting_since = now;
        }
        self.batches.push_back(batch);
        self.in_flight += batch.count;
        self.unencoded += batch.count;
    }

    fn outgoing(&mut self) -> Option<&[u8]> {
        if self.written == self.output.len() {
            self.output.clear();
            self.written = 0;
            while self.unencoded > 0 && self.output.len() < Self::OUTPUT_HIGH_WATER {
                let sent = self.session.send(&self.pattern[self.next], &mut self.output);
                sent.expect("the pattern was checked, and a closed session is not written to");
                self.next = (self.next + 1) % self.pattern.len();
                self.unencoded -= 1;
            }
        }
        let rest = &self.output[self.written..];
        (!rest.is_empty()).then_some(rest)
    }

    fn advance(&mut self, length: usize) {
        self.written += length;
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
        let is_pending = self.in_flight > 0 || !self.is_welcomed;
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
