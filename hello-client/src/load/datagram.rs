//! Numbered datagrams: which reply means what.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use hello_proto::{ReplyError, greeted_message, greeting};

use super::connection::Session;
use super::{Batch, ConnectionError, Event, Observer, Plan};
use crate::error::ErrorKind;

/// How many bytes the number of a message takes: 12 hexadecimal digits, enough for 2⁴⁸ messages.
pub(super) const NUMBER_SIZE: usize = 12;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Numbered datagrams on one socket. Each stands for itself: none waits for another.
#[derive(Debug)]
pub(super) struct DatagramSession {
    /// The next message: its number, then filler.
    message: Vec<u8>,
    timeout: Duration,
    /// The messages that are still to be sent.
    unsent: VecDeque<Batch>,
    /// Since when each message is in flight, from the first that may be answered in time to the
    /// last; `None` once it is answered.
    window: VecDeque<Option<Instant>>,
    /// The number of the first one in the window.
    base: u64,
    /// The messages that are unsent or waited for.
    in_flight: u64,
    /// The latest message that was answered in time.
    latest: Option<u64>,
    /// Messages that were lost, to know a reply that comes late from one that comes twice.
    lost: BTreeMap<u64, Instant>,
}

impl DatagramSession {
    /// How many lost messages are remembered, the last ones.
    const LOST_HISTORY: usize = 1 << 16;

    /// Messages of `size` bytes, at least [`NUMBER_SIZE`], that are lost after `timeout`.
    fn of_size(size: usize, timeout: Duration) -> Self {
        let mut message = vec![b'.'; size];
        write_number(0, &mut message);
        Self {
            message,
            timeout,
            unsent: VecDeque::new(),
            window: VecDeque::new(),
            base: 0,
            in_flight: 0,
            latest: None,
            lost: BTreeMap::new(),
        }
    }

    fn replied(&mut self, batch: Batch, now: Instant, observer: &mut impl Observer) {
        self.in_flight -= 1;
        if now.saturating_duration_since(batch.since) > self.timeout {
            observer.on_event(Event::Lost(batch, &ConnectionError::Lost(ErrorKind::Timeout)), now);
            observer.on_event(Event::Late(batch), now);
            return;
        }
        observer.on_event(Event::Answered(batch), now);
        if self.latest.is_some_and(|latest| batch.first < latest) {
            observer.on_event(Event::Reordered(batch), now);
        }
        self.latest = self.latest.max(Some(batch.first));
    }

    /// Gives up messages from the front for which `is_lost` holds.
    fn lose(
        &mut self,
        why: &ConnectionError,
        now: Instant,
        observer: &mut impl Observer,
        is_lost: impl Fn(Instant) -> bool,
    ) {
        while let Some(front) = self.window.front() {
            match *front {
                Some(since) if is_lost(since) => {
                    self.in_flight -= 1;
                    self.lost.insert(self.base, since);
                    if self.lost.len() > Self::LOST_HISTORY {
                        self.lost.pop_first();
                    }
                    observer.on_event(Event::Lost(single(self.base, since), why), now);
                }
                Some(_) => break,
                None => {}
            }
            self.window.pop_front();
            self.base += 1;
        }
    }

    fn drop_answered(&mut self) {
        while self.window.front().is_some_and(Option::is_none) {
            self.window.pop_front();
            self.base += 1;
        }
    }

    fn next(&self) -> u64 {
        self.base + self.window.len() as u64
    }

    /// The number in a greeting of one of our messages.
    fn number_in(&self, reply: &[u8]) -> Option<u64> {
        let (digits, filler) = greeted_message(reply)?.split_at_checked(NUMBER_SIZE)?;
        if filler != &self.message[NUMBER_SIZE..] {
            return None;
        }
        digits.iter().try_fold(0, |number, byte| {
            let digit = DIGITS.iter().position(|digit| digit == byte)?;
            Some(number << 4 | digit as u64)
        })
    }
}

impl Session for DatagramSession {
    const IS_DATAGRAM: bool = true;

    fn new(plan: &Plan) -> Self {
        Self::of_size(plan.size, plan.target.timeout())
    }

    fn start(&mut self, _: Instant) {}

    fn is_ready(&self) -> bool {
        true
    }

    fn in_flight(&self) -> u64 {
        self.in_flight
    }

    fn send(&mut self, batch: Batch, _: Instant) {
        self.in_flight += batch.count;
        self.unsent.push_back(batch);
    }

    fn outgoing(&mut self) -> Option<&[u8]> {
        self.unsent.front().map(|_| &*self.message)
    }

    fn advance(&mut self, _: usize) {
        if let Some(batch) = self.unsent.front_mut() {
            self.window.push_back(Some(batch.since));
            batch.count -= 1;
            if batch.count == 0 {
                self.unsent.pop_front();
            }
            write_number(self.next(), &mut self.message);
        }
    }

    fn receive(
        &mut self,
        input: &[u8],
        now: Instant,
        observer: &mut impl Observer,
    ) -> Result<(), ConnectionError> {
        let Some(answered) = self.number_in(input).filter(|answered| *answered < self.next())
        else {
            let mut latest = self.message.clone();
            write_number(self.next().saturating_sub(1), &mut latest);
            let expected = Some(greeting(&latest));
            let error = ReplyError::Mismatch { reply: input.to_vec(), expected };
            observer.on_event(Event::Wrong(None, &error), now);
            return Ok(());
        };
        let position = answered.checked_sub(self.base).and_then(|at| usize::try_from(at).ok());
        let since = position.and_then(|at| self.window.get_mut(at)?.take());
        match since {
            Some(since) => self.replied(single(answered, since), now, observer),
            None => match self.lost.remove(&answered) {
                Some(since) => observer.on_event(Event::Late(single(answered, since)), now),
                None => observer.on_event(Event::Duplicated, now),
            },
        }
        self.drop_answered();
        Ok(())
    }

    fn expire(
        &mut self,
        now: Instant,
        observer: &mut impl Observer,
    ) -> Result<(), ConnectionError> {
        let timeout = self.timeout;
        self.lose(&ConnectionError::Lost(ErrorKind::Timeout), now, observer, |since| {
            now.saturating_duration_since(since) > timeout
        });
        Ok(())
    }

    fn disconnect(&mut self, why: &ConnectionError, now: Instant, observer: &mut impl Observer) {
        while !self.unsent.is_empty() {
            self.advance(self.message.len());
        }
        self.lose(why, now, observer, |_| true);
    }
}

fn write_number(number: u64, message: &mut [u8]) {
    for (place, byte) in message[..NUMBER_SIZE].iter_mut().rev().enumerate() {
        *byte = DIGITS[(number >> (4 * place) & 0xf) as usize];
    }
}

fn single(first: u64, since: Instant) -> Batch {
    Batch { first, count: 1, since }
}

#[cfg(test)]
mod tests;
