//! One datagram in, one greeting out: what a server does with it, and what a client checks.

use crate::greeting::{GREETING_OVERHEAD, PREFIX, SUFFIX};
use crate::{MessageError, ReplyError, greeting};

/// A buffer in which a received message becomes its greeting without being moved.
///
/// ```
/// use hello_proto::DatagramBuffer;
///
/// let mut datagram = DatagramBuffer::new(1024);
/// datagram.recv_buf()[..7].copy_from_slice(b"Michael");
/// assert_eq!(datagram.greeting(7), Some(&b"Hello, Michael!"[..]));
/// ```
#[derive(Debug)]
pub struct DatagramBuffer {
    /// `Hello, `, then the space for a message, a byte more than the limit, then one for `!`.
    buffer: Vec<u8>,
    limit: usize,
}

impl DatagramBuffer {
    /// A buffer for messages of at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let mut buffer = PREFIX.to_vec();
        buffer.resize(limit + 1 + GREETING_OVERHEAD, 0);
        Self { buffer, limit }
    }

    /// Where to receive a datagram. There is room for one byte more than the limit, so that a
    /// datagram that was cut to fit is seen to be over it.
    pub fn recv_buf(&mut self) -> &mut [u8] {
        let end = self.buffer.len() - SUFFIX.len();
        &mut self.buffer[PREFIX.len()..end]
    }

    /// The message in the first `length` bytes of [`recv_buf`](Self::recv_buf).
    ///
    /// # Panics
    ///
    /// If `length` is more than `recv_buf` holds.
    #[must_use]
    pub fn message(&self, length: usize) -> &[u8] {
        &self.buffer[PREFIX.len()..][..length]
    }

    /// The greeting of the message in the first `length` bytes of [`recv_buf`](Self::recv_buf);
    /// `None` if that message is over the limit and must not be answered.
    pub fn greeting(&mut self, length: usize) -> Option<&[u8]> {
        if length > self.limit {
            return None;
        }
        let end = PREFIX.len() + length;
        self.buffer[end..end + SUFFIX.len()].copy_from_slice(SUFFIX);
        Some(&self.buffer[..end + SUFFIX.len()])
    }
}

/// Checks that a server with this `limit` answers `message` when it is sent as a datagram.
///
/// # Errors
///
/// [`MessageError::TooLong`]; a datagram carries any bytes.
pub fn check_datagram(message: &[u8], limit: usize) -> Result<(), MessageError> {
    let length = message.len();
    if length > limit { Err(MessageError::TooLong { length, limit }) } else { Ok(()) }
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
    use proptest::prelude::*;

    fn greeted(datagram: &mut DatagramBuffer, message: &[u8]) -> Option<Vec<u8>> {
        let space = datagram.recv_buf();
        let received = message.len().min(space.len());
        space[..received].copy_from_slice(&message[..received]);
        assert_eq!(datagram.message(received), &message[..received]);
        datagram.greeting(received).map(<[u8]>::to_vec)
    }

    #[test]
    fn exit_is_greeted_like_any_other_message() {
        assert_eq!(greeted(&mut DatagramBuffer::new(16), b"exit").unwrap(), b"Hello, exit!");
    }

    #[test]
    fn the_limit_is_greeted_and_one_byte_over_it_is_not() {
        let mut datagram = DatagramBuffer::new(4);
        assert_eq!(greeted(&mut datagram, b"abcd").unwrap(), b"Hello, abcd!");
        assert_eq!(greeted(&mut datagram, b"abcde"), None);
        assert_eq!(greeted(&mut datagram, b"abcdefghij"), None);
        assert_eq!(greeted(&mut datagram, b"").unwrap(), b"Hello, !");
        assert_eq!(check_datagram(b"abcd", 4), Ok(()));
        let too_long = MessageError::TooLong { length: 5, limit: 4 };
        assert_eq!(check_datagram(b"abcde", 4), Err(too_long));
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

    proptest! {
        #[test]
        fn what_came_before_leaves_no_trace(messages: Vec<Vec<u8>>) {
            let mut datagram = DatagramBuffer::new(64);
            for message in messages {
                let expected = (message.len() <= 64).then(|| greeting(&message));
                prop_assert_eq!(greeted(&mut datagram, &message), expected);
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
