//! One datagram in, one greeting out.

use crate::greeting::{BANG, GREETING_EXTRA, HELLO};

/// A buffer in which a received message becomes its greeting without being moved.
///
/// ```
/// use hello_proto::Datagram;
///
/// let mut datagram = Datagram::new(1024);
/// datagram.space()[..7].copy_from_slice(b"Michael");
/// assert_eq!(datagram.greeting(7), Some(&b"Hello, Michael!"[..]));
/// ```
#[derive(Debug)]
pub struct Datagram {
    /// `Hello, `, then the space for a message, a byte more than the limit, then one for `!`.
    buffer: Vec<u8>,
    limit: usize,
}

impl Datagram {
    /// A buffer for messages of at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let mut buffer = HELLO.to_vec();
        buffer.resize(limit + 1 + GREETING_EXTRA, 0);
        Self { buffer, limit }
    }

    /// Where to receive a datagram: room for one byte more than the limit, so that one which was
    /// cut to fit is seen to be over it.
    pub fn space(&mut self) -> &mut [u8] {
        let end = self.buffer.len() - BANG.len();
        &mut self.buffer[HELLO.len()..end]
    }

    /// The message in the first `length` bytes of [`space`](Self::space).
    #[must_use]
    pub fn message(&self, length: usize) -> &[u8] {
        &self.buffer[HELLO.len()..HELLO.len() + length]
    }

    /// The greeting of the message in the first `length` bytes of [`space`](Self::space), or
    /// nothing if it is over the limit and so has none.
    pub fn greeting(&mut self, length: usize) -> Option<&[u8]> {
        if length > self.limit {
            return None;
        }
        let end = HELLO.len() + length;
        self.buffer[end..end + BANG.len()].copy_from_slice(BANG);
        Some(&self.buffer[..end + BANG.len()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn greeted(datagram: &mut Datagram, message: &[u8]) -> Option<Vec<u8>> {
        let space = datagram.space();
        let received = message.len().min(space.len());
        space[..received].copy_from_slice(&message[..received]);
        datagram.greeting(received).map(<[u8]>::to_vec)
    }

    #[test]
    fn exit_is_greeted_like_any_other_message() {
        assert_eq!(greeted(&mut Datagram::new(16), b"exit").unwrap(), b"Hello, exit!");
    }

    #[test]
    fn the_limit_is_greeted_and_one_byte_over_it_is_not() {
        let mut datagram = Datagram::new(4);
        assert_eq!(greeted(&mut datagram, b"abcd").unwrap(), b"Hello, abcd!");
        assert_eq!(greeted(&mut datagram, b"abcde"), None);
        assert_eq!(greeted(&mut datagram, b"abcdefghij"), None);
        assert_eq!(greeted(&mut datagram, b"").unwrap(), b"Hello, !");
    }

    proptest! {
        #[test]
        fn what_came_before_leaves_no_trace(messages: Vec<Vec<u8>>) {
            let mut datagram = Datagram::new(64);
            for message in messages {
                let expected = (message.len() <= 64).then(|| crate::greeting(&message));
                prop_assert_eq!(greeted(&mut datagram, &message), expected);
            }
        }
    }
}
