//! Where a message ends: the one place that knows which framings exist.

use std::fmt;
use std::str::FromStr;

use memchr::memchr;

use crate::session::is_exit;
use crate::{DecodeError, MessageError, ParseFramingError};

const LF: u8 = b'\n';
const CR: u8 = b'\r';

/// The bytes of the length before a message under [`Framing::Length`].
const HEADER: usize = size_of::<u32>();

/// How messages are delimited on a stream, and whether the end of a line is part of a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// A message ends in LF, and one CR before that LF is dropped. For `nc`, `telnet` and people.
    #[default]
    Line,
    /// A big-endian `u32` says how many bytes follow. For messages of any bytes.
    Length,
    /// A message is what one read returns. TCP keeps no boundaries, so two messages may arrive as
    /// one and one as two: best effort, for programs that have no framing at all.
    Raw,
}

impl Framing {
    /// All framings.
    pub const ALL: [Self; 3] = [Self::Line, Self::Length, Self::Raw];

    /// Its name, as [`FromStr`] reads it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Length => "length",
            Self::Raw => "raw",
        }
    }

    /// Whether a receiver can see where a message ends. Under [`Framing::Raw`] it cannot, so two
    /// messages must not be in flight at once.
    #[must_use]
    pub const fn is_delimited(self) -> bool {
        match self {
            Self::Line | Self::Length => true,
            Self::Raw => false,
        }
    }

    /// Appends `message` to `out`, with its delimiter.
    ///
    /// # Panics
    ///
    /// If `message` is longer than a `u32` can say.
    #[inline]
    pub fn encode(self, message: &[u8], out: &mut Vec<u8>) {
        self.encode_parts([message], out);
    }

    /// Appends one message, made of `parts`, to `out`.
    // Left to itself the compiler calls it, which costs a third of a greeting.
    #[inline(always)]
    pub(crate) fn encode_parts<const N: usize>(self, parts: [&[u8]; N], out: &mut Vec<u8>) {
        match self {
            Self::Length => {
                let length: usize = parts.iter().map(|part| part.len()).sum();
                let length = u32::try_from(length).expect("messages are shorter than 4 GiB");
                out.extend_from_slice(&length.to_be_bytes());
            }
            Self::Line | Self::Raw => {}
        }
        for part in parts {
            out.extend_from_slice(part);
        }
        match self {
            Self::Line => out.push(LF),
            Self::Length | Self::Raw => {}
        }
    }

    /// Checks that a server with this framing and `limit` answers `message` as it is on a stream.
    ///
    /// # Errors
    ///
    /// [`MessageError`] says why not.
    pub fn check(self, message: &[u8], limit: usize) -> Result<(), MessageError> {
        check_len(message, limit)?;
        if is_exit(message) {
            return Err(MessageError::Exit);
        }
        match self {
            Self::Line if memchr(LF, message).is_some() => Err(MessageError::LineFeed),
            Self::Line if message.last() == Some(&CR) => Err(MessageError::TrailingCarriageReturn),
            Self::Raw if message.is_empty() => Err(MessageError::Empty),
            Self::Line | Self::Length | Self::Raw => Ok(()),
        }
    }

    /// Checks that a server with this framing and `limit` answers `message` as it is when it is sent
    /// as a datagram.
    ///
    /// # Errors
    ///
    /// [`MessageError::TooLong`], or under [`Framing::Line`] [`MessageError::LineFeed`] at its end.
    pub fn check_datagram(self, message: &[u8], limit: usize) -> Result<(), MessageError> {
        check_len(message, limit)?;
        if self.datagram_message(message) == message { Ok(()) } else { Err(MessageError::LineFeed) }
    }

    /// The message in `datagram`: under [`Framing::Line`] without the end of a line, if it has one.
    #[inline]
    pub(crate) fn datagram_message(self, datagram: &[u8]) -> &[u8] {
        match (self, datagram) {
            (Self::Line, [line @ .., CR, LF] | [line @ .., LF]) => line,
            (Self::Line | Self::Length | Self::Raw, _) => datagram,
        }
    }
}

fn check_len(message: &[u8], limit: usize) -> Result<(), MessageError> {
    let length = message.len();
    if length > limit { Err(MessageError::TooLong { length, limit }) } else { Ok(()) }
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Framing {
    type Err = ParseFramingError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let framing = Self::ALL.into_iter().find(|framing| framing.name() == name);
        framing.ok_or(ParseFramingError(()))
    }
}

/// Cuts a stream of bytes into messages, however the bytes arrive.
///
/// It keeps bytes only while a message is incomplete, never more than the limit and a few for the
/// framing; what it keeps has been searched and is not searched again. A message that lies in one
/// piece of input is returned as a slice of it, not copied.
///
/// ```
/// use hello_proto::{Decoder, Framing};
///
/// let mut decoder = Decoder::new(Framing::Line, 1024);
/// let mut input = &b"Michael\nTra"[..];
/// assert_eq!(decoder.decode(&mut input), Ok(Some(&b"Michael"[..])));
/// assert_eq!(decoder.decode(&mut input), Ok(None));
/// assert_eq!(decoder.decode(&mut &b"cy\n"[..]), Ok(Some(&b"Tracy"[..])));
/// ```
#[derive(Debug)]
pub struct Decoder {
    partial: Vec<u8>,
    limit: u32,
    framing: Framing,
    /// `partial` is a whole message that the last call returned.
    returned: bool,
}

impl Decoder {
    /// A decoder of messages of at most `limit` bytes.
    #[must_use]
    pub fn new(framing: Framing, limit: usize) -> Self {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        Self { partial: Vec::new(), limit, framing, returned: false }
    }

    /// The framing that it decodes.
    #[must_use]
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Returns the next message and advances `input` past it, as `Read for &[u8]` does. Without a
    /// complete message all of `input` is consumed, and kept for the next call.
    ///
    /// The message is a slice of the input or, if it arrived in pieces, of the decoder: it lives as
    /// long as both (`'message`), and `input` outlives it.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] as soon as no more bytes could make it valid. The decoder is then unusable.
    #[inline]
    pub fn decode<'message, 'input: 'message>(
        &'message mut self,
        input: &mut &'input [u8],
    ) -> Result<Option<&'message [u8]>, DecodeError> {
        if self.returned {
            self.returned = false;
            self.partial = Vec::new();
        }
        match self.framing {
            Framing::Line => self.decode_line(input),
            Framing::Length => self.decode_length(input),
            Framing::Raw => Ok(self.decode_raw(input)),
        }
    }

    /// The end of the stream. Under [`Framing::Line`] a last line without LF is a message; a part
    /// of a frame is not.
    ///
    /// # Errors
    ///
    /// [`DecodeError::TooLong`] if that last line is over the limit: its CR was not before LF, and
    /// is data.
    pub fn finish(&mut self) -> Result<Option<&[u8]>, DecodeError> {
        let kept = self.is_inside_message();
        self.returned = true;
        match self.framing {
            Framing::Line if kept => {
                self.check_len(self.partial.len()).map(|()| Some(&*self.partial))
            }
            Framing::Line | Framing::Length | Framing::Raw => Ok(None),
        }
    }

    /// Whether bytes of an incomplete message are kept.
    #[must_use]
    pub fn is_inside_message(&self) -> bool {
        !self.returned && !self.partial.is_empty()
    }

    #[inline]
    fn decode_line<'message, 'input: 'message>(
        &'message mut self,
        input: &mut &'input [u8],
    ) -> Result<Option<&'message [u8]>, DecodeError> {
        let Some(end) = memchr(LF, input) else {
            let tail = std::mem::take(input);
            // A CR at the very end may turn out to stand before LF, and then it does not count.
            if let Some(last) = tail.last() {
                let cr = usize::from(*last == CR);
                self.check_len(self.partial.len() + tail.len() - cr)?;
                self.partial.extend_from_slice(tail);
            }
            return Ok(None);
        };
        let (head, rest) = (&input[..end], &input[end + 1..]);
        *input = rest;
        if self.partial.is_empty() {
            let message = head.strip_suffix(&[CR]).unwrap_or(head);
            return self.check_len(message.len()).map(|()| Some(message));
        }
        self.check_len((self.partial.len() + head.len()).saturating_sub(1))?;
        self.partial.extend_from_slice(head);
        if self.partial.last() == Some(&CR) {
            self.partial.pop();
        }
        self.returned = true;
        self.check_len(self.partial.len()).map(|()| Some(&*self.partial))
    }

    #[inline]
    fn decode_length<'message, 'input: 'message>(
        &'message mut self,
        input: &mut &'input [u8],
    ) -> Result<Option<&'message [u8]>, DecodeError> {
        if self.partial.is_empty()
            && let Some((header, body)) = input.split_first_chunk::<HEADER>()
        {
            let length = self.frame_length(*header)?;
            if let Some((message, rest)) = body.split_at_checked(length) {
                *input = rest;
                return Ok(Some(message));
            }
        }
        if !self.buffer_until(HEADER, input) {
            return Ok(None);
        }
        let header = *self.partial.first_chunk().expect("a whole header is buffered");
        let length = self.frame_length(header)?;
        if !self.buffer_until(HEADER + length, input) {
            return Ok(None);
        }
        self.returned = true;
        Ok(Some(&self.partial[HEADER..]))
    }

    fn decode_raw<'input>(&mut self, input: &mut &'input [u8]) -> Option<&'input [u8]> {
        let (message, rest) = input.split_at(input.len().min(self.limit as usize));
        *input = rest;
        (!message.is_empty()).then_some(message)
    }

    /// Moves bytes from `input` until `size` are buffered, and returns whether they are.
    fn buffer_until(&mut self, size: usize, input: &mut &[u8]) -> bool {
        let missing = size.saturating_sub(self.partial.len());
        let (head, rest) = input.split_at(missing.min(input.len()));
        self.partial.extend_from_slice(head);
        *input = rest;
        head.len() == missing
    }

    fn frame_length(&self, header: [u8; HEADER]) -> Result<usize, DecodeError> {
        let length = usize::try_from(u32::from_be_bytes(header)).unwrap_or(usize::MAX);
        self.check_len(length).map(|()| length)
    }

    #[inline]
    fn check_len(&self, length: usize) -> Result<(), DecodeError> {
        let limit = self.limit as usize;
        if length > limit { Err(DecodeError::TooLong { limit }) } else { Ok(()) }
    }
}

#[cfg(test)]
pub(crate) mod tests;
