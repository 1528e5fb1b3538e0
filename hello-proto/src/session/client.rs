//! The client's side of a session.

use std::collections::VecDeque;
use std::mem;

use super::EXIT;
use crate::greeting::{ERROR, GREETING_OVERHEAD, PREFIX, SUFFIX, WELCOME};
use crate::{Decoder, Framing, MessageError, ReplyError};

/// One session with a server: encodes the messages, and checks every reply byte for byte.
///
/// ```
/// use hello_proto::{ClientSession, Framing};
///
/// let mut session = ClientSession::new(Framing::Line, 1024);
/// let mut out = Vec::new();
/// session.send(b"Michael", &mut out).unwrap();
/// session.exit(&mut out);
/// assert_eq!(out, b"Michael\nexit\n");
///
/// // The welcome, the greeting, and then the server should close.
/// assert_eq!(session.receive(&mut &b"Welcome!\nHello, Michael!\n"[..]), Ok(2));
/// assert_eq!(session.receive_end(), Ok(()));
/// ```
///
/// Neither a message nor a right reply costs an allocation: replies are compared with what is
/// expected where they lie, all that one read returned at once. Only one that differs is decoded.
#[derive(Debug)]
pub struct ClientSession {
    /// The frames of the pending replies, from `reply_start` on.
    expected: Vec<u8>,
    reply_start: usize,
    /// How many bytes of the next reply have arrived, and were right.
    matched: usize,
    /// The lengths of the pending frames.
    lengths: VecDeque<usize>,
    /// Decodes a reply that differs.
    decoder: Decoder,
    limit: usize,
    exited: bool,
    closed: bool,
}

impl ClientSession {
    /// A reply of a server with a larger message limit than ours, or an error, is read to its end
    /// up to this length, in bytes.
    const MIN_REPLY_LIMIT: usize = 1024;

    /// A session with messages of at most `limit` bytes, that expects the welcome.
    #[must_use]
    pub fn new(framing: Framing, limit: usize) -> Self {
        let longest_reply = (limit + GREETING_OVERHEAD).max(Self::MIN_REPLY_LIMIT);
        let mut session = Self {
            expected: Vec::new(),
            reply_start: 0,
            matched: 0,
            lengths: VecDeque::new(),
            decoder: Decoder::new(framing, longest_reply),
            limit,
            exited: false,
            closed: false,
        };
        session.expect([WELCOME]);
        session
    }

    /// Appends `message` to `out`, and expects its greeting.
    ///
    /// # Errors
    ///
    /// [`MessageError`] if the server would not answer just this message; nothing is appended.
    #[inline]
    pub fn send(&mut self, message: &[u8], out: &mut Vec<u8>) -> Result<(), MessageError> {
        if self.exited || self.closed {
            return Err(MessageError::SessionClosed);
        }
        let framing = self.decoder.framing();
        framing.check(message, self.limit)?;
        framing.encode(message, out);
        self.expect([PREFIX, message, SUFFIX]);
        Ok(())
    }

    /// Appends `exit` to `out`, after which no more messages can be sent. The server should close
    /// when it has sent the pending replies.
    pub fn exit(&mut self, out: &mut Vec<u8>) {
        if !self.exited && !self.closed {
            self.exited = true;
            self.decoder.framing().encode(EXIT, out);
        }
    }

    /// How many replies are pending, the welcome among them.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.lengths.len()
    }

    /// Whether the session has ended: with the stream, with an error of the server, or with bytes
    /// that leave unclear which message the next reply belongs to.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Takes right replies from `input`, which it advances, and returns how many. When it returns
    /// 0, all of `input` is consumed, and part of a reply may be kept.
    ///
    /// # Errors
    ///
    /// [`ReplyError`] if the next reply is not the one expected. That reply is consumed in place of
    /// the right one, so the session can go on unless it [is closed](Self::is_closed).
    #[inline]
    pub fn receive(&mut self, input: &mut &[u8]) -> Result<usize, ReplyError> {
        if self.closed {
            *input = &[];
        }
        if !self.decoder.is_inside_message() {
            let count = self.match_bulk(input);
            if count > 0 {
                return Ok(count);
            }
        }
        if input.is_empty() { Ok(0) } else { self.decode_one(input) }
    }

    /// The end of the stream.
    ///
    /// # Errors
    ///
    /// [`ReplyError::Closed`] if replies were pending, or one was cut short.
    pub fn receive_end(&mut self) -> Result<(), ReplyError> {
        if mem::replace(&mut self.closed, true) {
            return Ok(());
        }
        let inside = self.decoder.is_inside_message();
        match self.pop_expected() {
            None if !inside => Ok(()),
            expected => Err(ReplyError::Closed { expected }),
        }
    }

    fn expect<const N: usize>(&mut self, parts: [&[u8]; N]) {
        // Most of it has been received: moving the rest to the front costs less than that did.
        if self.reply_start * 2 >= self.expected.len() {
            self.expected.drain(..self.reply_start);
            self.reply_start = 0;
        }
        let before = self.expected.len();
        self.decoder.framing().encode_parts(parts, &mut self.expected);
        self.lengths.push_back(self.expected.len() - before);
    }

    /// Advances `input` as far as it is right, and returns how many replies that completes.
    #[inline]
    fn match_bulk(&mut self, input: &mut &[u8]) -> usize {
        let right = common_prefix(input, &self.expected[self.reply_start + self.matched..]);
        *input = &input[right..];
        self.matched += right;
        let mut count = 0;
        while let Some(length) = self.lengths.front()
            && *length <= self.matched
        {
            self.matched -= *length;
            self.reply_start += *length;
            self.lengths.pop_front();
            count += 1;
        }
        count
    }

    /// Decodes the next reply, which differs from what is expected in its bytes or, with CR LF,
    /// only in its framing.
    fn decode_one(&mut self, input: &mut &[u8]) -> Result<usize, ReplyError> {
        let framing = self.decoder.framing();
        let mut matched = &self.expected[self.reply_start..][..self.matched];
        let reply = if framing.is_delimited() {
            // A part of a right reply, so neither complete nor in error.
            if !self.decoder.is_inside_message() {
                let _ = self.decoder.decode(&mut matched);
            }
            match self.decoder.decode(input) {
                Ok(None) => return Ok(0),
                Ok(Some(reply)) => reply.to_vec(),
                Err(error) => {
                    self.closed = true;
                    return Err(error.into());
                }
            }
        } else {
            // Nothing says where it ends; most likely with what has arrived.
            [matched, mem::take(input)].concat()
        };
        let expected = self.pop_expected();
        if expected.as_ref() == Some(&reply) {
            return Ok(1);
        }
        if let Some(reason) = reply.strip_prefix(ERROR) {
            self.closed = true;
            return Err(ReplyError::Server(reason.to_vec()));
        }
        self.closed = expected.is_none();
        Err(ReplyError::Mismatch { reply, expected })
    }

    /// Takes the next reply that is expected, without its framing.
    fn pop_expected(&mut self) -> Option<Vec<u8>> {
        let length = self.lengths.pop_front()?;
        let mut frame = &self.expected[self.reply_start..][..length];
        self.reply_start += length;
        self.matched = 0;
        let mut decoder = Decoder::new(self.decoder.framing(), length);
        decoder.decode(&mut frame).ok()?.map(<[u8]>::to_vec)
    }
}

/// How many bytes `left` and `right` have in common at their start.
fn common_prefix(left: &[u8], right: &[u8]) -> usize {
    let length = left.len().min(right.len());
    // All of it is the usual case, and comparing slices is many times as fast as comparing bytes.
    if left[..length] == right[..length] {
        return length;
    }
    left.iter().zip(right).take_while(|(left, right)| left == right).count()
}

#[cfg(test)]
mod tests;
