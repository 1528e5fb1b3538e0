//! Numbered datagrams: which reply means what.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use hello_proto::{Reply, Unexpected, greeting};

use super::{Batch, Event, Listener, Problem};
use crate::failure::Kind;

/// How many bytes the number of a message takes: 12 hexadecimal digits, enough for 2⁴⁸ messages.
pub(crate) const NUMBER_SIZE: usize = 12;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The datagrams of one socket. Each stands for itself: none waits for another.
#[derive(Debug)]
pub(crate) struct Datagrams {
    /// The next message: its number, then filler.
    message: Vec<u8>,
    timeout: Duration,
    /// From the first message that may be answered in time to the last: since when it is waited
    /// for, if it is.
    window: VecDeque<Option<Instant>>,
    /// The number of the first one in the window.
    base: u64,
    in_flight: u64,
    /// The latest message that was answered in time.
    latest: Option<u64>,
    /// Messages that were lost, to know a reply that comes late from one that comes twice.
    lost: BTreeMap<u64, Instant>,
}

impl Datagrams {
    /// So many lost messages are remembered, the last ones.
    const REMEMBERED: usize = 1 << 16;

    /// Messages of `size` bytes, at least [`NUMBER_SIZE`], that are lost after `timeout`.
    pub(crate) fn new(size: usize, timeout: Duration) -> Self {
        let mut message = vec![b'.'; size];
        number(0, &mut message);
        Self {
            message,
            timeout,
            window: VecDeque::new(),
            base: 0,
            in_flight: 0,
            latest: None,
            lost: BTreeMap::new(),
        }
    }

    /// How many messages are waited for.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// The next message.
    pub(crate) fn message(&self) -> &[u8] {
        &self.message
    }

    /// The next message left, and is waited for since then.
    pub(crate) fn sent(&mut self, since: Instant) {
        self.window.push_back(Some(since));
        self.in_flight += 1;
        number(self.next(), &mut self.message);
    }

    /// Takes one datagram.
    pub(crate) fn receive(&mut self, said: &[u8], now: Instant, listener: &mut impl Listener) {
        let Some(answered) = self.number_in(said).filter(|answered| *answered < self.next()) else {
            let mut latest = self.message.clone();
            number(self.next().saturating_sub(1), &mut latest);
            let expected = Some(greeting(&latest));
            let unexpected = Unexpected::Reply { said: said.to_vec(), expected };
            listener.hear(Event::Wrong(None, &unexpected), now);
            return;
        };
        let position = answered.checked_sub(self.base).and_then(|at| usize::try_from(at).ok());
        let since = position.and_then(|at| self.window.get_mut(at)?.take());
        match since {
            Some(since) => self.replied(single(answered, since), now, listener),
            None => match self.lost.remove(&answered) {
                Some(since) => listener.hear(Event::Late(single(answered, since)), now),
                None => listener.hear(Event::Duplicated, now),
            },
        }
        self.advance();
    }

    /// Gives up the messages whose time is over.
    pub(crate) fn expire(&mut self, now: Instant, listener: &mut impl Listener) {
        let timeout = self.timeout;
        self.lose(&Problem::Cut(Kind::Timeout), now, listener, |since| {
            now.saturating_duration_since(since) > timeout
        });
    }

    /// Gives up all messages in flight.
    pub(crate) fn cut(&mut self, why: &Problem, now: Instant, listener: &mut impl Listener) {
        self.lose(why, now, listener, |_| true);
    }

    fn replied(&mut self, batch: Batch, now: Instant, listener: &mut impl Listener) {
        self.in_flight -= 1;
        if now.saturating_duration_since(batch.since) > self.timeout {
            listener.hear(Event::Lost(batch, &Problem::Cut(Kind::Timeout)), now);
            listener.hear(Event::Late(batch), now);
            return;
        }
        listener.hear(Event::Answered(batch), now);
        if self.latest.is_some_and(|latest| batch.first < latest) {
            listener.hear(Event::Reordered(batch), now);
        }
        self.latest = self.latest.max(Some(batch.first));
    }

    /// Gives up messages from the front as long as they are as given.
    fn lose(
        &mut self,
        why: &Problem,
        now: Instant,
        listener: &mut impl Listener,
        is_lost: impl Fn(Instant) -> bool,
    ) {
        while let Some(front) = self.window.front() {
            match *front {
                Some(since) if is_lost(since) => {
                    self.in_flight -= 1;
                    self.lost.insert(self.base, since);
                    if self.lost.len() > Self::REMEMBERED {
                        self.lost.pop_first();
                    }
                    listener.hear(Event::Lost(single(self.base, since), why), now);
                }
                Some(_) => break,
                None => {}
            }
            self.window.pop_front();
            self.base += 1;
        }
    }

    fn advance(&mut self) {
        while self.window.front().is_some_and(Option::is_none) {
            self.window.pop_front();
            self.base += 1;
        }
    }

    fn next(&self) -> u64 {
        self.base + self.window.len() as u64
    }

    /// The number in a greeting of one of our messages.
    fn number_in(&self, said: &[u8]) -> Option<u64> {
        let Reply::Greeting(message) = Reply::parse(said) else { return None };
        let (digits, filler) = message.split_at_checked(NUMBER_SIZE)?;
        if filler != &self.message[NUMBER_SIZE..] {
            return None;
        }
        digits.iter().try_fold(0, |number, byte| {
            let digit = DIGITS.iter().position(|digit| digit == byte)?;
            Some(number << 4 | digit as u64)
        })
    }
}

fn number(number: u64, message: &mut [u8]) {
    for (place, byte) in message[..NUMBER_SIZE].iter_mut().rev().enumerate() {
        *byte = DIGITS[(number >> (4 * place) & 0xf) as usize];
    }
}

fn single(first: u64, since: Instant) -> Batch {
    Batch { first, count: 1, since }
}

#[cfg(test)]
mod tests;
