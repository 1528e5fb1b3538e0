//! One session on a stream, as one that measures sees it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hello_proto::Unexpected;

use super::replies::{Heard, Replies};
use super::{Batch, Event, Listener, Problem, Tape};
use crate::failure::Kind;

/// What is on its way in both directions.
#[derive(Debug)]
pub(crate) struct Session {
    tape: Arc<Tape>,
    replies: Replies,
    in_flight: VecDeque<Batch>,
    /// How many messages are in flight.
    owed: u64,
    /// How many bytes of them are still to be written, and where on the tape they begin.
    unwritten: usize,
    at: usize,
    /// Since when the next thing that the server owes is waited for.
    waiting: Instant,
}

impl Session {
    /// A session that begins now.
    pub(crate) fn new(tape: Arc<Tape>, now: Instant) -> Self {
        let replies = Replies::new(Arc::clone(&tape));
        let in_flight = VecDeque::new();
        Self { tape, replies, in_flight, owed: 0, unwritten: 0, at: 0, waiting: now }
    }

    /// Whether the server has welcomed us, and so listens.
    pub(crate) fn is_welcomed(&self) -> bool {
        self.replies.is_welcomed()
    }

    /// How many replies are still to come.
    pub(crate) fn owed(&self) -> u64 {
        self.owed
    }

    /// Says these messages.
    pub(crate) fn say(&mut self, batch: Batch, now: Instant) {
        if self.owed == 0 {
            self.waiting = now;
        }
        self.in_flight.push_back(batch);
        self.owed += batch.count;
        let count = usize::try_from(batch.count).expect("a window fits the memory");
        self.unwritten += count * self.tape.message();
    }

    /// Bytes to be written; there may be more once these are.
    pub(crate) fn outgoing(&self) -> &[u8] {
        let bytes = self.tape.messages_from(self.at);
        &bytes[..bytes.len().min(self.unwritten)]
    }

    /// So many of the bytes were written.
    pub(crate) fn written(&mut self, length: usize) {
        self.unwritten -= length;
        self.at = self.tape.rewound(self.at + length);
    }

    /// Takes what one read returned.
    ///
    /// # Errors
    ///
    /// The session is over, for this reason.
    pub(crate) fn receive(
        &mut self,
        mut input: &[u8],
        now: Instant,
        listener: &mut impl Listener,
    ) -> Result<(), Problem> {
        while let Some(heard) = self.replies.next(&mut input, self.owed) {
            self.waiting = now;
            match heard {
                Heard::Welcome => {}
                Heard::Replies(count) => self.answered(count, now, listener),
                Heard::Wrong(Unexpected::Error(reason)) => return Err(Problem::server(&reason)),
                Heard::Wrong(unexpected) => {
                    let message = self.pop(1);
                    listener.hear(Event::Wrong(message, &unexpected), now);
                    let is_lost = matches!(unexpected, Unexpected::TooLong { .. });
                    if is_lost || message.is_none() {
                        return Err(Problem::Cut(Kind::Mismatch));
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether the server has owed something for longer than `timeout`.
    pub(crate) fn is_overdue(&self, timeout: Duration, now: Instant) -> bool {
        let owes = self.owed > 0 || !self.is_welcomed();
        owes && now.saturating_duration_since(self.waiting) > timeout
    }

    /// The session is over: nothing in flight will be answered.
    pub(crate) fn cut(&mut self, why: &Problem, now: Instant, listener: &mut impl Listener) {
        while let Some(batch) = self.pop(u64::MAX) {
            listener.hear(Event::Lost(batch, why), now);
        }
    }

    fn answered(&mut self, mut count: u64, now: Instant, listener: &mut impl Listener) {
        while count > 0
            && let Some(batch) = self.pop(count)
        {
            count -= batch.count;
            listener.hear(Event::Answered(batch), now);
        }
    }

    /// Takes the messages in flight that were sent first and together, at most so many.
    fn pop(&mut self, most: u64) -> Option<Batch> {
        let front = self.in_flight.front_mut()?;
        let taken = Batch { count: front.count.min(most), ..*front };
        front.first += taken.count;
        front.count -= taken.count;
        if front.count == 0 {
            self.in_flight.pop_front();
        }
        self.owed -= taken.count;
        Some(taken)
    }
}

#[cfg(test)]
mod tests;
