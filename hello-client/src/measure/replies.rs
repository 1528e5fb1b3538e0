//! What comes back on a stream, checked byte for byte.

use std::mem;
use std::sync::Arc;

use hello_proto::{Decoder, GREETING_EXTRA, Reply, TooLong, Unexpected, WELCOME};

use super::Tape;

/// What a server said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The welcome.
    Welcome,
    /// So many replies, each the right one.
    Replies(u64),
    /// Something else than the reply that was next, if one was.
    Wrong(Unexpected),
}

/// The replies of one session, in order, however the bytes arrive.
///
/// Right replies cost one comparison for all that one read returned. Only one that differs is taken
/// apart.
#[derive(Debug)]
pub(crate) struct Replies {
    tape: Arc<Tape>,
    /// How far the tape's replies have come.
    at: usize,
    welcomed: bool,
    /// Takes apart the welcome, and a reply that is not as it is on the tape.
    apart: Option<Decoder>,
}

impl Replies {
    /// A longer reply than any that is expected is still read to its end up to this length, in
    /// bytes.
    const SHOWN: usize = 1024;

    /// The replies to the messages of `tape`, after the welcome.
    pub(crate) fn new(tape: Arc<Tape>) -> Self {
        Self { tape, at: 0, welcomed: false, apart: None }
    }

    /// Whether the welcome came.
    pub(crate) fn is_welcomed(&self) -> bool {
        self.welcomed
    }

    /// Takes what was said next from the front of `input`, or keeps all of it if that is not
    /// complete. So many replies are `owed`.
    pub(crate) fn next(&mut self, input: &mut &[u8], owed: u64) -> Option<Heard> {
        if self.apart.is_none() && self.welcomed {
            let right = self.take_right(input, owed);
            if right > 0 {
                return Some(Heard::Replies(right));
            }
        }
        if input.is_empty() {
            return None;
        }
        self.take_apart(input, owed)
    }

    /// How many replies are completed by the right bytes at the front of `input`, which are taken;
    /// what is not right is left.
    fn take_right(&mut self, input: &mut &[u8], owed: u64) -> u64 {
        let size = self.tape.reply();
        let inside = self.at % size;
        let expected = self.tape.replies_from(self.at);
        let owed = usize::try_from(owed).unwrap_or(usize::MAX);
        let to_come = owed.saturating_mul(size).saturating_sub(inside);
        let length = input.len().min(expected.len()).min(to_come);
        let taken = if input[..length] == expected[..length] {
            length
        } else {
            let right = input.iter().zip(expected).take_while(|(said, right)| said == right);
            ((inside + right.count()) / size * size).saturating_sub(inside)
        };
        *input = &input[taken..];
        self.at = self.tape.reply_rewound(self.at + taken);
        ((inside + taken) / size) as u64
    }

    fn take_apart(&mut self, input: &mut &[u8], owed: u64) -> Option<Heard> {
        let begun = self.at % self.tape.reply();
        let start = self.at - begun;
        let expected = match (self.welcomed, owed) {
            (false, _) => Some(WELCOME.to_vec()),
            (true, 0) => None,
            (true, _) => Some(self.tape.greeting_at(start)),
        };
        let next = expected.as_deref().unwrap_or_default();
        let mut decoder = self.apart.take().unwrap_or_else(|| {
            let longest = next.len().max(Self::SHOWN) + GREETING_EXTRA;
            let mut decoder = Decoder::new(self.tape.framing, longest);
            let mut head = &self.tape.replies_from(start)[..begun];
            // A part of a right reply, so neither complete nor too long.
            let _ = decoder.decode_reply(&mut head, next);
            decoder
        });
        self.at = start;
        let said = match decoder.decode_reply(input, next) {
            Ok(None) => {
                self.apart = Some(decoder);
                return None;
            }
            Ok(Some(said)) => said.to_vec(),
            Err(TooLong { limit }) => return Some(Heard::Wrong(Unexpected::TooLong { limit })),
        };
        let welcomed = mem::replace(&mut self.welcomed, true);
        if welcomed && owed > 0 {
            self.at = self.tape.reply_rewound(start + self.tape.reply());
        }
        Some(match Reply::parse(&said) {
            _ if expected.as_ref() == Some(&said) && welcomed => Heard::Replies(1),
            _ if expected.as_ref() == Some(&said) => Heard::Welcome,
            Reply::Error(reason) => Heard::Wrong(Unexpected::Error(reason.to_vec())),
            _ => Heard::Wrong(Unexpected::Reply { said, expected }),
        })
    }
}

#[cfg(test)]
mod tests;
