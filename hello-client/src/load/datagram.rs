//! Numbered datagrams: which reply means what.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::time::{Duration, Instant};

use hello_proto::{ReplyError, greeted_message, greeting};

use super::session::Session;
use super::{Batch, ConnectionError, Event, Observer, Plan};
use crate::error::ErrorKind;

/// How many bytes the number of a message takes: 12 hexadecimal digits, enough for 2⁴⁸ messages.
pub(super) const NUMBER_SIZE: usize = 12;

/// Numbered datagrams on one socket. Each stands for itself: none waits for another.
#[derive(Debug)]
pub(super) struct DatagramSession {
    /// The next message: its number, then filler.
    message: Vec<u8>,
    timeout: Duration,
    /// The message that is still to be sent.
    unwritten: Option<Batch>,
    /// The messages from the first that may be answered in time to the last; `None` once answered.
    window: VecDeque<Option<InFlight>>,
    /// The number of the first one in the window.
    base: u64,
    /// The messages that are unwritten or waited for.
    in_flight: u64,
    /// The latest message that was answered in time.
    latest: Option<u64>,
    /// How many were lost since something was last answered.
    lost_in_a_row: u64,
    /// Messages that were lost, to know a reply that comes late from one that comes twice.
    lost: BTreeMap<u64, Instant>,
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    /// From when its round trip is timed.
    since: Instant,
    /// When it left. One that left late has its whole time to be answered all the same.
    sent: Instant,
}

impl DatagramSession {
    /// How many lost messages are remembered, the last ones.
    const LOST_HISTORY: usize = 1 << 16;

    /// So many lost in a row are no accident.
    const SILENCE: u64 = 3;

    fn replied(
        &mut self,
        number: u64,
        InFlight { since, sent }: InFlight,
        now: Instant,
        observer: &mut dyn Observer,
    ) {
        self.in_flight -= 1;
        let batch = single(number, since);
        if now.saturating_duration_since(sent) > self.timeout {
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

    /// Takes the answered messages from the front of the window, and then the next one for which
    /// `is_lost` holds.
    fn pop_lost(&mut self, is_lost: impl Fn(InFlight) -> bool) -> Option<Batch> {
        while let Some(front) = self.window.front() {
            let lost = match *front {
                Some(message) if is_lost(message) => Some(single(self.base, message.since)),
                Some(_) => return None,
                None => None,
            };
            self.window.pop_front();
            self.base += 1;
            if let Some(batch) = lost {
                self.in_flight -= 1;
                self.lost_in_a_row += 1;
                self.lost.insert(batch.first, batch.since);
                if self.lost.len() > Self::LOST_HISTORY {
                    self.lost.pop_first();
                }
                return lost;
            }
        }
        None
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
        if digits.iter().any(|digit| !matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
    }
}

impl Session for DatagramSession {
    const IS_DATAGRAM: bool = true;

    const BURST: usize = 64;

    fn new(plan: &Plan) -> Self {
        let mut message = vec![b'.'; plan.size];
        write_number(0, &mut message);
        Self {
            message,
            timeout: plan.target.timeout(),
            unwritten: None,
            window: VecDeque::new(),
            base: 0,
            in_flight: 0,
            latest: None,
            lost_in_a_row: 0,
            lost: BTreeMap::new(),
        }
    }

    fn start(&mut self, _: &Plan, _: Instant) {
        self.lost_in_a_row = 0;
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn in_flight(&self) -> u64 {
        self.in_flight
    }

    fn expected_since(&self) -> Option<Instant> {
        // One before the latest that was answered is probably lost; of those behind it none is.
        let first = self.latest.map_or(0, |latest| (latest + 1).saturating_sub(self.base));
        let first = usize::try_from(first).ok().and_then(|first| *self.window.get(first)?);
        first.map(|message| message.since).or_else(|| Some(self.unwritten?.since))
    }

    fn room(&self) -> u64 {
        u64::from(self.unwritten.is_none())
    }

    fn send(&mut self, batch: Batch, _: Instant) {
        if self.window.is_empty() {
            // Numbers may have been given up while there was no socket.
            self.base = batch.first;
        }
        self.in_flight += batch.count;
        self.unwritten = Some(batch);
        write_number(self.next(), &mut self.message);
    }

    fn outgoing(&self) -> Option<&[u8]> {
        self.unwritten.map(|_| &*self.message)
    }

    fn advance(&mut self, _: usize, now: Instant) {
        if let Some(batch) = self.unwritten.take() {
            self.window.push_back(Some(InFlight { since: batch.since, sent: now }));
        }
    }

    fn unwritten(&self) -> u64 {
        u64::from(self.unwritten.is_some())
    }

    fn take_unwritten(&mut self) -> Option<Batch> {
        let batch = self.unwritten.take()?;
        self.in_flight -= batch.count;
        Some(batch)
    }

    fn receive(
        &mut self,
        input: &[u8],
        now: Instant,
        observer: &mut dyn Observer,
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
        self.lost_in_a_row = 0;
        let position = answered.checked_sub(self.base).and_then(|at| usize::try_from(at).ok());
        match position.and_then(|at| self.window.get_mut(at)?.take()) {
            Some(message) => self.replied(answered, message, now, observer),
            None => match self.lost.remove(&answered) {
                Some(since) => observer.on_event(Event::Late(single(answered, since)), now),
                None => observer.on_event(Event::Duplicated, now),
            },
        }
        self.pop_lost(|_| false);
        Ok(())
    }

    fn expire(&mut self, now: Instant, observer: &mut dyn Observer) -> Result<(), ConnectionError> {
        let timeout = self.timeout;
        let is_lost = |message: InFlight| now.saturating_duration_since(message.sent) > timeout;
        while let Some(batch) = self.pop_lost(is_lost) {
            observer.on_event(Event::Lost(batch, &ConnectionError::Lost(ErrorKind::Timeout)), now);
        }
        Ok(())
    }

    fn is_silent(&self) -> bool {
        self.lost_in_a_row >= Self::SILENCE
    }

    fn disconnect(&mut self, why: &ConnectionError, now: Instant, observer: &mut dyn Observer) {
        while let Some(batch) = self.pop_lost(|_| true) {
            observer.on_event(Event::Lost(batch, why), now);
        }
    }
}

fn write_number(number: u64, message: &mut [u8]) {
    write!(&mut message[..NUMBER_SIZE], "{number:0NUMBER_SIZE$x}")
        .expect("it has this many digits");
}

fn single(first: u64, since: Instant) -> Batch {
    Batch { first, count: 1, since }
}

#[cfg(test)]
mod tests;
