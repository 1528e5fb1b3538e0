//! One datagram in, one greeting out: what a server does with it, and what a client checks.

use crate::greeting::{LINE_SUFFIX, PREFIX, SUFFIX};
use crate::{Framing, MAX_DATAGRAM, ReplyError, greeting};

/// The most bytes that the end of a line takes: CR and LF.
const LINE_END: usize = 2;

/// A buffer in which a received message becomes its greeting without being moved.
///
/// ```
/// use hello_proto::{DatagramBuffer, Framing};
///
/// let mut datagram = DatagramBuffer::new(Framing::Line, 1024);
/// datagram.recv_buf()[..7].copy_from_slice(b"Michael");
/// assert_eq!(datagram.greeting(7), Some(&b"Hello, Michael!"[..]));
/// datagram.recv_buf()[..6].copy_from_slice(b"Tracy\n");
/// assert_eq!(datagram.greeting(6), Some(&b"Hello, Tracy!\n"[..]));
/// ```
#[derive(Debug)]
pub struct DatagramBuffer {
    /// `Hello, `, then the space for a datagram, in which the end of its greeting fits, too.
    buffer: Vec<u8>,
    framing: Framing,
    limit: usize,
}

impl DatagramBuffer {
    /// A buffer for messages of at most `limit` bytes.
    #[must_use]
    pub fn new(framing: Framing, limit: usize) -> Self {
        let mut buffer = PREFIX.to_vec();
        buffer.resize(PREFIX.len() + limit + LINE_END + 1, 0);
        Self { buffer, framing, limit }
    }

    /// Where to receive a datagram. There is room for one byte more than a message and the end of a
    /// line take, so that a datagram that was cut to fit is seen to be over the limit.
    pub fn recv_buf(&mut self) -> &mut [u8] {
        &mut self.buffer[PREFIX.len()..]
    }

    /// The message in the first `length` bytes of [`recv_buf`](Self::recv_buf).
    ///
    /// # Panics
    ///
    /// If `length` is more than `recv_buf` holds.
    #[must_use]
    pub fn message(&self, length: usize) -> &[u8] {
        self.framing.datagram_message(&self.buffer[PREFIX.len()..][..length])
    }

    /// The greeting of the message in the first `length` bytes of [`recv_buf`](Self::recv_buf);
    /// `None` if that message is over the limit, or its greeting is longer than any datagram, and it
    /// must not be answered.
    pub fn greeting(&mut self, length: usize) -> Option<&[u8]> {
        let message = self.message(length).len();
        if message > self.limit {
            return None;
        }
        let suffix = if message < length { LINE_SUFFIX } else { SUFFIX };
        let start = PREFIX.len() + message;
        let end = start + suffix.len();
        self.buffer[start..end].copy_from_slice(suffix);
        (end <= MAX_DATAGRAM).then_some(&self.buffer[..end])
    }
}

/// The message that the datagram `reply` is the greeting of; `None` if it is not a greeting.
///
/// ```
/// assert_eq!(hello_proto::greeted_message(b"Hello, Michael!"), Some(&b"Michael"[..]));
/// assert_eq!(hello_proto::greeted_message(b"Welcome!"), None);
/// ```
#[must_use]
pub fn greeted_message(reply: &[u8]) -> Option<&[u8]> {
    reply.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)
}

/// Checks that the datagram `reply` is the greeting of `message`, byte for byte.
///
/// # Errors
///
/// [`ReplyError::Mismatch`] with both.
pub fn check_greeting(reply: &[u8], message: &[u8]) -> Result<(), ReplyError> {
    if greeted_message(reply) == Some(message) {
        return Ok(());
    }
    Err(ReplyError::Mismatch { reply: reply.to_vec(), expected: Some(greeting(message)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::greeting::GREETING_OVERHEAD;
    use crate::{MAX_MESSAGE, MessageError};
    use proptest::prelude::*;
    use proptest::sample::select;

    fn greeted(buffer: &mut DatagramBuffer, datagram: &[u8]) -> Option<Vec<u8>> {
        let space = buffer.recv_buf();
        let received = datagram.len().min(space.len());
        space[..received].copy_from_slice(&datagram[..received]);
        buffer.greeting(received).map(<[u8]>::to_vec)
    }

    #[test]
    fn exit_is_greeted_like_any_other_message() {
        let mut buffer = DatagramBuffer::new(Framing::Line, 16);
        assert_eq!(greeted(&mut buffer, b"exit").unwrap(), b"Hello, exit!");
        assert_eq!(greeted(&mut buffer, b"exit\n").unwrap(), b"Hello, exit!\n");
    }

    #[test]
    fn under_line_the_greeting_of_a_line_is_a_line() {
        let mut buffer = DatagramBuffer::new(Framing::Line, 16);
        for (line, reply) in [
            (&b"Bob\n"[..], &b"Hello, Bob!\n"[..]),
            (b"Bob\r\n", b"Hello, Bob!\n"),
            (b"Bob\r\r\n", b"Hello, Bob\r!\n"),
            (b"Bob\n\n", b"Hello, Bob\n!\n"),
            (b"\n", b"Hello, !\n"),
            (b"Bob\nEve", b"Hello, Bob\nEve!"),
            (b"Bob\r", b"Hello, Bob\r!"),
        ] {
            assert_eq!(greeted(&mut buffer, line).unwrap(), reply);
        }
    }

    #[test]
    fn under_the_other_framings_the_end_of_a_line_is_data() {
        for framing in [Framing::Length, Framing::Raw] {
            let mut buffer = DatagramBuffer::new(framing, 16);
            assert_eq!(greeted(&mut buffer, b"Bob\r\n").unwrap(), b"Hello, Bob\r\n!");
        }
    }

    #[test]
    fn the_limit_is_greeted_and_one_byte_over_it_is_not() {
        for framing in Framing::ALL {
            let mut buffer = DatagramBuffer::new(framing, 4);
            assert_eq!(greeted(&mut buffer, b"abcd").unwrap(), b"Hello, abcd!");
            assert_eq!(greeted(&mut buffer, b"abcde"), None);
            assert_eq!(greeted(&mut buffer, b"abcdefghij"), None);
            assert_eq!(greeted(&mut buffer, b"").unwrap(), b"Hello, !");
        }
    }

    #[test]
    fn the_limit_does_not_count_the_end_of_a_line() {
        let mut buffer = DatagramBuffer::new(Framing::Line, 4);
        assert_eq!(greeted(&mut buffer, b"abcd\n").unwrap(), b"Hello, abcd!\n");
        assert_eq!(greeted(&mut buffer, b"abcd\r\n").unwrap(), b"Hello, abcd!\n");
        assert_eq!(greeted(&mut buffer, b"abcde\n"), None);
        assert_eq!(greeted(&mut buffer, b"abcde\r\n"), None);
        // Cut where a line seems to end.
        assert_eq!(greeted(&mut buffer, b"abcde\r\nfghij"), None);
    }

    #[test]
    fn no_greeting_is_longer_than_a_datagram() {
        let mut buffer = DatagramBuffer::new(Framing::Line, MAX_MESSAGE);
        let mut line = vec![b'x'; MAX_MESSAGE];
        assert_eq!(greeted(&mut buffer, &line).unwrap().len(), MAX_DATAGRAM);
        line.push(b'\n');
        assert_eq!(greeted(&mut buffer, &line), None);
        line.remove(0);
        assert_eq!(greeted(&mut buffer, &line).unwrap().len(), MAX_DATAGRAM);
    }

    #[test]
    fn a_framing_says_which_messages_a_datagram_cannot_carry() {
        for framing in Framing::ALL {
            assert_eq!(framing.check_datagram(b"a\nb\r", 4), Ok(()));
            assert_eq!(framing.check_datagram(b"exit", 4), Ok(()));
            let too_long = MessageError::TooLong { length: 5, limit: 4 };
            assert_eq!(framing.check_datagram(b"abcde", 4), Err(too_long));
        }
        assert_eq!(Framing::Line.check_datagram(b"Bob\n", 4), Err(MessageError::LineFeed));
        assert_eq!(Framing::Length.check_datagram(b"Bob\n", 4), Ok(()));
    }

    #[test]
    fn a_reply_that_differs_in_any_byte_is_reported_with_the_right_one() {
        assert_eq!(check_greeting(b"Hello, Bob!", b"Bob"), Ok(()));
        for wrong in [&b"Hello, Bob"[..], b"hello, Bob!", b"Hello, Eve!", b"Hello,Bob!", b""] {
            let expected = Some(b"Hello, Bob!".to_vec());
            let mismatch = ReplyError::Mismatch { reply: wrong.to_vec(), expected };
            assert_eq!(check_greeting(wrong, b"Bob"), Err(mismatch));
        }
    }

    /// A datagram of up to 70 bytes, more of which end a line than by chance.
    fn datagram() -> impl Strategy<Value = Vec<u8>> {
        let end = select(vec![&b""[..], b"\n", b"\r\n", b"\r"]);
        (proptest::collection::vec(any::<u8>(), 0..68), end)
            .prop_map(|(text, end)| [&text[..], end].concat())
    }

    proptest! {
        #[test]
        fn what_came_before_leaves_no_trace(datagrams in proptest::collection::vec(datagram(), 0..9)) {
            for framing in Framing::ALL {
                let mut buffer = DatagramBuffer::new(framing, 64);
                for datagram in &datagrams {
                    let first = greeted(&mut DatagramBuffer::new(framing, 64), datagram);
                    prop_assert_eq!(greeted(&mut buffer, datagram), first);
                }
            }
        }

        #[test]
        fn whatever_can_be_sent_is_greeted_as_it_is(message in datagram()) {
            for framing in Framing::ALL {
                let reply = greeted(&mut DatagramBuffer::new(framing, 64), &message);
                if framing.check_datagram(&message, 64).is_ok() {
                    prop_assert_eq!(reply, Some(greeting(&message)));
                } else {
                    prop_assert_ne!(reply, Some(greeting(&message)));
                }
            }
        }

        #[test]
        fn servers_that_answer_each_other_fall_silent(
            first in datagram(),
            framings in proptest::array::uniform2(select(Framing::ALL.to_vec())),
        ) {
            let mut servers = framings.map(|framing| DatagramBuffer::new(framing, 1024));
            let (mut datagram, mut bounces) = (first, 0);
            while let Some(greeting) = greeted(&mut servers[bounces % 2], &datagram) {
                datagram = greeting;
                bounces += 1;
                prop_assert!(bounces <= 1024 / GREETING_OVERHEAD + 1);
            }
        }

        #[test]
        fn the_message_of_a_greeting_is_the_one_it_was_made_of(message: Vec<u8>) {
            let greeting = greeting(&message);
            prop_assert_eq!(greeting.len(), message.len() + GREETING_OVERHEAD);
            prop_assert_eq!(greeted_message(&greeting), Some(&*message));
        }
    }
}
