//! All messages that a connection says on a stream, and their replies, as they look on the wire.

use hello_proto::{Framing, greeting};

/// Messages that repeat, laid out so that any number of them is sent from one slice, and any number
/// of replies is checked by one comparison.
#[derive(Debug)]
pub(crate) struct Tape {
    /// Where a message ends.
    pub(crate) framing: Framing,
    messages: Vec<u8>,
    replies: Vec<u8>,
    message: usize,
    reply: usize,
    size: usize,
}

impl Tape {
    /// So many different messages follow each other, so that a reply out of place is seen.
    const LETTERS: usize = 26;

    /// Bytes beyond which a burst of messages takes more than one write.
    const ENOUGH: usize = 1 << 20;

    /// Messages of `size` bytes, of which `window` are sent at once.
    pub(crate) fn new(framing: Framing, size: usize, window: u64) -> Self {
        let window = usize::try_from(window).unwrap_or(usize::MAX).min(Self::ENOUGH / (size + 1));
        let rounds = 1 + window.div_ceil(Self::LETTERS);
        let (mut messages, mut replies) = (Vec::new(), Vec::new());
        for number in 0..rounds * Self::LETTERS {
            let said = said(number, size);
            framing.encode([&said], &mut messages);
            framing.encode([&greeting(&said)], &mut replies);
        }
        let count = rounds * Self::LETTERS;
        let (message, reply) = (messages.len() / count, replies.len() / count);
        Self { framing, messages, replies, message, reply, size }
    }

    /// The bytes of one message.
    pub(crate) fn message(&self) -> usize {
        self.message
    }

    /// The bytes of one reply.
    pub(crate) fn reply(&self) -> usize {
        self.reply
    }

    /// What is sent from this byte on, to the end of the tape.
    pub(crate) fn messages_from(&self, at: usize) -> &[u8] {
        &self.messages[at..]
    }

    /// What is to come from this byte on, to the end of the tape.
    pub(crate) fn replies_from(&self, at: usize) -> &[u8] {
        &self.replies[at..]
    }

    /// The same byte of the same message, in the first round of the tape.
    pub(crate) fn rewound(&self, at: usize) -> usize {
        at % (self.message * Self::LETTERS)
    }

    /// The same byte of the same reply, in the first round of the tape.
    pub(crate) fn reply_rewound(&self, at: usize) -> usize {
        at % (self.reply * Self::LETTERS)
    }

    /// The greeting that begins at this byte, without its framing.
    pub(crate) fn greeting_at(&self, at: usize) -> Vec<u8> {
        greeting(&said(at / self.reply, self.size))
    }
}

fn said(number: usize, size: usize) -> Vec<u8> {
    let letter = (b'a'..=b'z').nth(number % Tape::LETTERS).unwrap_or_default();
    vec![letter; size]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_replies_are_as_the_framing_has_them() {
        let tape = Tape::new(Framing::Line, 2, 1);
        assert!(tape.messages_from(0).starts_with(b"aa\nbb\n"));
        assert!(tape.replies_from(0).starts_with(b"Hello, aa!\nHello, bb!\n"));
        assert_eq!((tape.message(), tape.reply()), (3, 11));
        assert_eq!(tape.greeting_at(22), b"Hello, cc!");
        let tape = Tape::new(Framing::Length, 0, 1);
        assert!(tape.messages_from(0).starts_with(b"\0\0\0\0\0\0\0\0"));
        assert!(tape.replies_from(0).starts_with(b"\0\0\0\x08Hello, !"));
    }

    #[test]
    fn a_burst_lies_in_one_piece_wherever_it_begins() {
        for window in [1, 16, 26, 1000] {
            let tape = Tape::new(Framing::Line, 16, window);
            let burst = usize::try_from(window).unwrap() * tape.message();
            for at in 0..tape.message() * Tape::LETTERS {
                assert!(tape.messages_from(at).len() >= burst, "{window} from {at}");
            }
        }
    }

    #[test]
    fn a_boundless_window_is_a_bounded_tape() {
        assert!(Tape::new(Framing::Line, 16, u64::MAX).messages.len() < 2 << 20);
    }
}
