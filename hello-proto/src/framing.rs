//! Where a message ends on a stream: the one place that knows which framings exist.

use std::fmt;
use std::str::FromStr;

use memchr::memchr;

use crate::{TooLong, Unsayable};

const LF: u8 = b'\n';
const CR: u8 = b'\r';

/// The bytes of the length before a message under [`Framing::Length`].
const HEADER: usize = size_of::<u32>();

/// How messages are told apart on a stream.
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

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Length => "length",
            Self::Raw => "raw",
        }
    }

    /// Appends one message, made of `parts`, to `out`.
    #[inline]
    pub fn encode<const N: usize>(self, parts: [&[u8]; N], out: &mut Vec<u8>) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        out.reserve(length + HEADER);
        if self == Self::Length {
            let length = u32::try_from(length).expect("a message is at most MAX_MESSAGE bytes");
            out.extend_from_slice(&length.to_be_bytes());
        }
        for part in parts {
            out.extend_from_slice(part);
        }
        if self == Self::Line {
            out.push(LF);
        }
    }

    /// Whether this framing carries `message` to a peer with this `limit` unchanged.
    ///
    /// # Errors
    ///
    /// [`Unsayable`] says why not.
    pub fn check(self, message: &[u8], limit: usize) -> Result<(), Unsayable> {
        if message.len() > limit {
            return Err(Unsayable::TooLong { length: message.len(), limit });
        }
        match self {
            Self::Line if memchr(LF, message).is_some() => Err(Unsayable::LineFeed),
            Self::Line if message.last() == Some(&CR) => Err(Unsayable::TrailingReturn),
            Self::Raw if message.is_empty() => Err(Unsayable::Empty),
            Self::Line | Self::Length | Self::Raw => Ok(()),
        }
    }
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Framing {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|framing| framing.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            format!("expected one of {}", names.join(", "))
        })
    }
}

/// Cuts a stream of bytes into messages, however the bytes arrive.
///
/// It keeps bytes only while a message is incomplete, never more than the limit and a few for the
/// framing; what it keeps has been searched and is not searched again. A message that lies in one
/// piece of input is lent from there, not copied.
#[derive(Debug)]
pub struct Decoder {
    partial: Vec<u8>,
    limit: u32,
    framing: Framing,
    /// `partial` is a whole message, and was lent out by the last call.
    lent: bool,
}

impl Decoder {
    /// A decoder of messages of at most `limit` bytes.
    #[must_use]
    pub fn new(framing: Framing, limit: usize) -> Self {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        Self { partial: Vec::new(), limit, framing, lent: false }
    }

    /// The framing that it decodes.
    #[must_use]
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// The longest message that it takes, in bytes.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    /// Takes the next message from the front of `input`, or keeps all of `input` if there is none
    /// yet.
    ///
    /// # Errors
    ///
    /// [`TooLong`] as soon as that is certain. There is no way to go on after it.
    #[inline]
    pub fn decode<'m, 'i: 'm>(
        &'m mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<&'m [u8]>, TooLong> {
        if self.lent {
            self.lent = false;
            self.partial = Vec::new();
        }
        match self.framing {
            Framing::Line => self.decode_line(input),
            Framing::Length => self.decode_length(input),
            Framing::Raw => Ok(self.decode_raw(input)),
        }
    }

    /// Like [`decode`](Self::decode), for a reply that should be `expected`. It differs under
    /// [`Framing::Raw`] alone, where only the expected length tells whether more is to come.
    ///
    /// # Errors
    ///
    /// [`TooLong`], as from [`decode`](Self::decode).
    pub fn decode_reply<'m, 'i: 'm>(
        &'m mut self,
        input: &mut &'i [u8],
        expected: &[u8],
    ) -> Result<Option<&'m [u8]>, TooLong> {
        if self.framing != Framing::Raw {
            return self.decode(input);
        }
        if std::mem::take(&mut self.lent) {
            self.partial.clear();
        }
        while let Some((&byte, rest)) = input.split_first() {
            if expected.get(self.partial.len()) != Some(&byte) {
                self.partial.extend_from_slice(std::mem::take(input));
                self.lent = true;
                return Ok(Some(&self.partial));
            }
            self.partial.push(byte);
            *input = rest;
            if self.partial.len() == expected.len() {
                self.lent = true;
                return Ok(Some(&self.partial));
            }
        }
        Ok(None)
    }

    /// What the end of the stream makes of the bytes kept: under [`Framing::Line`] a last line
    /// without LF is a message; a part of a frame is none.
    ///
    /// # Errors
    ///
    /// [`TooLong`] if that last line is over the limit: its CR was not before LF, and is data.
    pub fn finish(&mut self) -> Result<Option<&[u8]>, TooLong> {
        let kept = !self.partial.is_empty() && !self.lent;
        self.lent = true;
        match self.framing {
            Framing::Line if kept => {
                self.within_limit(self.partial.len()).map(|()| Some(&*self.partial))
            }
            Framing::Line | Framing::Length | Framing::Raw => Ok(None),
        }
    }

    /// Whether bytes of an incomplete message are kept.
    #[must_use]
    pub fn is_inside_message(&self) -> bool {
        !self.lent && !self.partial.is_empty()
    }

    #[inline]
    fn decode_line<'m, 'i: 'm>(
        &'m mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<&'m [u8]>, TooLong> {
        let Some(end) = memchr(LF, input) else {
            let tail = std::mem::take(input);
            // A last CR may turn out to stand before LF, and then it does not count.
            if let Some(last) = tail.last() {
                let cr = usize::from(*last == CR);
                self.within_limit(self.partial.len() + tail.len() - cr)?;
                self.partial.extend_from_slice(tail);
            }
            return Ok(None);
        };
        let (head, rest) = (&input[..end], &input[end + 1..]);
        *input = rest;
        if self.partial.is_empty() {
            let message = head.strip_suffix(&[CR]).unwrap_or(head);
            return self.within_limit(message.len()).map(|()| Some(message));
        }
        self.within_limit((self.partial.len() + head.len()).saturating_sub(1))?;
        self.partial.extend_from_slice(head);
        if self.partial.last() == Some(&CR) {
            self.partial.pop();
        }
        self.lent = true;
        self.within_limit(self.partial.len()).map(|()| Some(&*self.partial))
    }

    #[inline]
    fn decode_length<'m, 'i: 'm>(
        &'m mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<&'m [u8]>, TooLong> {
        if self.partial.is_empty()
            && let Some((header, body)) = input.split_first_chunk::<HEADER>()
        {
            let length = self.announced(*header)?;
            if let Some((message, rest)) = body.split_at_checked(length) {
                *input = rest;
                return Ok(Some(message));
            }
        }
        if !self.fill_to(HEADER, input) {
            return Ok(None);
        }
        let header = *self.partial.first_chunk().expect("it was filled to the header's size");
        let length = self.announced(header)?;
        if !self.fill_to(HEADER + length, input) {
            return Ok(None);
        }
        self.lent = true;
        Ok(Some(&self.partial[HEADER..]))
    }

    fn decode_raw<'a>(&mut self, input: &mut &'a [u8]) -> Option<&'a [u8]> {
        let (message, rest) = input.split_at(input.len().min(self.limit()));
        *input = rest;
        (!message.is_empty()).then_some(message)
    }

    /// Moves bytes from `input` until `size` are kept; whether they now are.
    fn fill_to(&mut self, size: usize, input: &mut &[u8]) -> bool {
        let missing = size.saturating_sub(self.partial.len());
        let (head, rest) = input.split_at(missing.min(input.len()));
        self.partial.extend_from_slice(head);
        *input = rest;
        head.len() == missing
    }

    fn announced(&self, header: [u8; HEADER]) -> Result<usize, TooLong> {
        let length = usize::try_from(u32::from_be_bytes(header)).unwrap_or(usize::MAX);
        self.within_limit(length).map(|()| length)
    }

    #[inline]
    fn within_limit(&self, length: usize) -> Result<(), TooLong> {
        let limit = self.limit();
        if length > limit { Err(TooLong { limit }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
