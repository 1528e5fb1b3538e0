//! The server's side of a session.

use std::time::Duration;

use thiserror::Error;

use super::is_exit;
use crate::greeting::{ERROR, PREFIX, SUFFIX, WELCOME};
use crate::{DecodeError, Decoder, Framing};

/// How a client's input ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// The client said `exit`.
    Exit,
    /// There was no more data.
    EndOfStream,
    /// The input cannot be decoded. The error that says so has been encoded.
    Error(DecodeError),
}

/// Why a server ends a session itself. Displayed as it is sent, without `Error: `.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ErrorReason {
    /// The input cannot be decoded.
    #[error("message {0}")]
    Decode(#[from] DecodeError),
    /// For this long there was no complete message, or the client did not take its replies.
    #[error("no complete message for {} s", .0.as_secs_f64())]
    Idle(Duration),
    /// The server's limit of open sessions is reached.
    #[error("server is full")]
    Full,
    /// The limit of open sessions from the client's address is reached.
    #[error("too many sessions from your address")]
    TooManyFromAddress,
    /// The server is stopping.
    #[error("server is shutting down")]
    ShuttingDown,
}

impl ErrorReason {
    /// Appends the error that tells a client this reason.
    pub fn encode(&self, framing: Framing, out: &mut Vec<u8>) {
        framing.encode_parts([ERROR, self.to_string().as_bytes()], out);
    }
}

/// One client's session, as the server sees it. See the [crate documentation](crate) for an
/// example.
///
/// Once the session has [ended](Self::is_closed), whatever else arrives is discarded and nothing is
/// answered.
#[derive(Debug)]
pub struct ServerSession {
    decoder: Decoder,
    messages: u64,
    closed: bool,
}

impl ServerSession {
    /// Once `out` holds this many bytes, [`receive`](Self::receive) takes no further message, so
    /// that no input can make it grow without bound.
    pub const OUTPUT_HIGH_WATER: usize = 64 * 1024;

    /// A session with messages of at most `limit` bytes.
    #[must_use]
    pub fn new(framing: Framing, limit: usize) -> Self {
        Self { decoder: Decoder::new(framing, limit), messages: 0, closed: false }
    }

    /// How many messages it has answered.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Whether the session has ended, by the client's input or by [`close`](Self::close).
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Appends the welcome to `out`.
    pub fn start(&self, out: &mut Vec<u8>) {
        self.decoder.framing().encode(WELCOME, out);
    }

    /// Answers messages from `input`, which it advances, by appending their greetings to `out`.
    ///
    /// It stops when `input` is used up, or when the session ends, which it reports once. It also
    /// stops when `out` holds [`OUTPUT_HIGH_WATER`](Self::OUTPUT_HIGH_WATER): call it again with
    /// the rest of `input` when `out` has been sent.
    #[inline]
    pub fn receive(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Option<SessionEnd> {
        if self.closed {
            *input = &[];
            return None;
        }
        let framing = self.decoder.framing();
        while out.len() < Self::OUTPUT_HIGH_WATER {
            match self.decoder.decode(input) {
                Ok(Some(message)) if is_exit(message) => return Some(self.end(SessionEnd::Exit)),
                Ok(Some(message)) => {
                    framing.encode_parts([PREFIX, message, SUFFIX], out);
                    self.messages += 1;
                }
                Ok(None) => break,
                Err(error) => return Some(self.reject(error, out)),
            }
        }
        None
    }

    /// The end of the stream: answers a last message without terminator, and says how the session
    /// ended.
    pub fn receive_end(&mut self, out: &mut Vec<u8>) -> SessionEnd {
        if self.closed {
            return SessionEnd::EndOfStream;
        }
        let framing = self.decoder.framing();
        match self.decoder.finish() {
            Ok(Some(message)) if is_exit(message) => self.end(SessionEnd::Exit),
            Ok(Some(message)) => {
                framing.encode_parts([PREFIX, message, SUFFIX], out);
                self.messages += 1;
                self.end(SessionEnd::EndOfStream)
            }
            Ok(None) => self.end(SessionEnd::EndOfStream),
            Err(error) => self.reject(error, out),
        }
    }

    #[cold]
    fn reject(&mut self, error: DecodeError, out: &mut Vec<u8>) -> SessionEnd {
        self.close(error.into(), out);
        SessionEnd::Error(error)
    }

    /// Ends the session from the server's side: appends the error that says why, unless the session
    /// has ended already.
    pub fn close(&mut self, reason: ErrorReason, out: &mut Vec<u8>) {
        if !self.closed {
            self.closed = true;
            reason.encode(self.decoder.framing(), out);
        }
    }

    fn end(&mut self, end: SessionEnd) -> SessionEnd {
        self.closed = true;
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::tests::delimited;
    use proptest::prelude::*;

    /// What a server says to `chunks` followed by the end of the stream, and how the session ends.
    fn answer(framing: Framing, chunks: &[&[u8]]) -> (Vec<u8>, SessionEnd, u64) {
        let mut session = ServerSession::new(framing, 8);
        let (mut reply, mut out) = (Vec::new(), Vec::new());
        session.start(&mut reply);
        for mut input in chunks.iter().copied() {
            loop {
                let end = session.receive(&mut input, &mut out);
                reply.append(&mut out);
                if let Some(end) = end {
                    return (reply, end, session.messages());
                }
                if input.is_empty() {
                    break;
                }
            }
        }
        let end = session.receive_end(&mut reply);
        (reply, end, session.messages())
    }

    fn answer_lines(input: &[u8]) -> (String, SessionEnd) {
        let (replies, end, _) = answer(Framing::Line, &[input]);
        (String::from_utf8(replies).unwrap(), end)
    }

    #[test]
    fn exit_ends_a_session_after_the_pending_replies_and_is_not_answered() {
        assert_eq!(
            answer_lines(b"Bob\nexit\nEve\n"),
            ("Welcome!\nHello, Bob!\n".to_owned(), SessionEnd::Exit)
        );
        assert_eq!(answer_lines(b"exit"), ("Welcome!\n".to_owned(), SessionEnd::Exit));
        assert_eq!(
            answer_lines(b"Exit\nexit \n"),
            ("Welcome!\nHello, Exit!\nHello, exit !\n".to_owned(), SessionEnd::EndOfStream)
        );
    }

    #[test]
    fn a_last_line_without_lf_is_answered_and_counted() {
        let (replies, end, messages) = answer(Framing::Line, &[b"Bob\nEve"]);
        assert_eq!(replies, b"Welcome!\nHello, Bob!\nHello, Eve!\n");
        assert_eq!((end, messages), (SessionEnd::EndOfStream, 2));
    }

    #[test]
    fn a_message_over_the_limit_is_reported_after_the_pending_replies() {
        let end = SessionEnd::Error(DecodeError::TooLong { limit: 8 });
        let replies = "Welcome!\nHello, Bob!\nError: message longer than 8 bytes\n".to_owned();
        assert_eq!(answer_lines(b"Bob\n123456789\nEve\n"), (replies.clone(), end));
        assert_eq!(answer_lines(b"Bob\n12345678\r"), (replies, end));
    }

    #[test]
    fn a_length_framed_session_is_framed_in_both_directions() {
        let (replies, end, messages) =
            answer(Framing::Length, &[b"\0\0\0\x02\n\xff\0\0\0\x04exit\0\0\0\0"]);
        assert_eq!(replies, b"\0\0\0\x08Welcome!\0\0\0\x0aHello, \n\xff!");
        assert_eq!((end, messages), (SessionEnd::Exit, 1));
    }

    #[test]
    fn a_raw_session_has_no_terminators() {
        let (replies, end, _) = answer(Framing::Raw, &[b"Bob", b"exit"]);
        assert_eq!((&*replies, end), (&b"Welcome!Hello, Bob!"[..], SessionEnd::Exit));
    }

    #[test]
    fn every_reason_reads_as_the_protocol_has_it() {
        let encoded = |reason: ErrorReason| {
            let mut out = Vec::new();
            reason.encode(Framing::Line, &mut out);
            String::from_utf8(out).unwrap()
        };
        let idle = |millis| ErrorReason::Idle(Duration::from_millis(millis));
        assert_eq!(encoded(idle(60_000)), "Error: no complete message for 60 s\n");
        assert_eq!(encoded(idle(1_500)), "Error: no complete message for 1.5 s\n");
        assert_eq!(encoded(ErrorReason::Full), "Error: server is full\n");
        assert_eq!(
            encoded(ErrorReason::TooManyFromAddress),
            "Error: too many sessions from your address\n"
        );
        assert_eq!(encoded(ErrorReason::ShuttingDown), "Error: server is shutting down\n");
    }

    #[test]
    fn replies_to_a_flood_of_empty_messages_are_bounded() {
        let mut session = ServerSession::new(Framing::Line, 8);
        let (flood, mut out) = (vec![b'\n'; 1 << 20], Vec::new());
        let mut input = &flood[..];
        assert_eq!(session.receive(&mut input, &mut out), None);
        assert!(out.len() < ServerSession::OUTPUT_HIGH_WATER + 16, "{} bytes", out.len());
        assert_eq!(input.len(), flood.len() - out.len() / "Hello, !\n".len());
    }

    #[test]
    fn no_message_is_taken_once_the_high_water_mark_is_reached() {
        let mut session = ServerSession::new(Framing::Line, 8);
        for (held, taken) in
            [(ServerSession::OUTPUT_HIGH_WATER - 1, 1), (ServerSession::OUTPUT_HIGH_WATER, 0)]
        {
            let (mut input, mut out) = (&b"a\nb\n"[..], vec![b'x'; held]);
            assert_eq!(session.receive(&mut input, &mut out), None);
            assert_eq!(input.len(), 4 - 2 * taken, "{held}");
        }
    }

    #[test]
    fn a_session_that_has_ended_answers_nothing_more() {
        let end_by_exit: fn(&mut ServerSession, &mut Vec<u8>) = |session, out| {
            assert_eq!(session.receive(&mut &b"exit\n"[..], out), Some(SessionEnd::Exit));
        };
        let end_by_error: fn(&mut ServerSession, &mut Vec<u8>) = |session, out| {
            assert!(session.receive(&mut &b"123456789\n"[..], out).is_some());
        };
        let end_by_server: fn(&mut ServerSession, &mut Vec<u8>) =
            |session, out| session.close(ErrorReason::ShuttingDown, out);
        let end_of_stream: fn(&mut ServerSession, &mut Vec<u8>) = |session, out| {
            session.receive_end(out);
        };
        for end in [end_by_exit, end_by_error, end_by_server, end_of_stream] {
            let (mut session, mut out) = (ServerSession::new(Framing::Line, 8), Vec::new());
            assert!(!session.is_closed());
            end(&mut session, &mut out);
            assert!(session.is_closed());
            let (mut input, so_far) = (&b"Bob\n123456789\n"[..], out.len());
            assert_eq!(session.receive(&mut input, &mut out), None);
            session.close(ErrorReason::Full, &mut out);
            assert_eq!(session.receive_end(&mut out), SessionEnd::EndOfStream);
            assert_eq!((input, out.len(), session.messages()), (&b""[..], so_far, 0));
        }
    }

    proptest! {
        #[test]
        fn any_split_of_the_input_gives_the_same_replies_and_the_same_end(
            bytes in proptest::collection::vec(
                prop_oneof![Just(b"exit\n".to_vec()), Just(b"\0\0\0\x04exit".to_vec()),
                            proptest::collection::vec(prop_oneof![Just(b'\n'), 0..9u8], 0..12)],
                0..9),
            framing in delimited(),
            size in 1usize..9,
        ) {
            let bytes = bytes.concat();
            let chunks: Vec<_> = bytes.chunks(size).collect();
            prop_assert_eq!(answer(framing, &[&bytes]), answer(framing, &chunks));
        }
    }
}
