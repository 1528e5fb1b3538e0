//! The server's side of a session.

use std::fmt;
use std::time::Duration;

use super::is_exit;
use crate::greeting::{BANG, ERROR, HELLO, WELCOME};
use crate::{Decoder, Framing, TooLong};

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client said `exit`.
    Exit,
    /// There was no more data.
    EndOfStream,
    /// The server ended it, and told the client why.
    Told(Reason),
}

/// Why a server ends a session itself. Shown as the client is told, without `Error: `.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A message was over the limit.
    TooLong(TooLong),
    /// There was no complete message, or the replies were not taken, for so long.
    Idle(Duration),
    /// As many sessions are open as the server takes.
    Full,
    /// As many sessions are open from the client's address as the server takes.
    TooManyFromAddress,
    /// The server is stopping.
    ShuttingDown,
}

impl Reason {
    /// Appends the error that tells a client this reason.
    pub fn encode(&self, framing: Framing, out: &mut Vec<u8>) {
        framing.encode([ERROR, self.to_string().as_bytes()], out);
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(too_long) => too_long.fmt(f),
            Self::Idle(limit) => write!(f, "no complete message for {} s", limit.as_secs_f64()),
            Self::Full => f.write_str("server is full"),
            Self::TooManyFromAddress => f.write_str("too many sessions from your address"),
            Self::ShuttingDown => f.write_str("server is shutting down"),
        }
    }
}

/// One client's session, as the server sees it.
#[derive(Debug)]
pub struct ServerSession {
    decoder: Decoder,
    messages: u64,
}

impl ServerSession {
    /// Once so many bytes of replies are in `out`, [`receive`](Self::receive) takes no further
    /// message, so that no input can make it grow without bound.
    pub const ENOUGH: usize = 64 * 1024;

    /// A session with messages of at most `limit` bytes.
    #[must_use]
    pub fn new(framing: Framing, limit: usize) -> Self {
        Self { decoder: Decoder::new(framing, limit), messages: 0 }
    }

    /// How many messages it has answered.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Appends the welcome to `out`.
    pub fn welcome(&self, out: &mut Vec<u8>) {
        self.decoder.framing().encode([WELCOME], out);
    }

    /// Takes messages from the front of `input` and appends their greetings to `out`, until
    /// `input` is used up, the session ends, or `out` holds [`ENOUGH`](Self::ENOUGH): then `input`
    /// keeps the rest, to be given again when `out` has been sent.
    #[inline]
    pub fn receive(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Option<End> {
        let framing = self.decoder.framing();
        while out.len() < Self::ENOUGH {
            match self.decoder.decode(input) {
                Ok(Some(message)) if is_exit(message) => return Some(End::Exit),
                Ok(Some(message)) => {
                    framing.encode([HELLO, message, BANG], out);
                    self.messages += 1;
                }
                Ok(None) => break,
                Err(too_long) => return Some(self.end(Reason::TooLong(too_long), out)),
            }
        }
        None
    }

    /// The end of the stream: answers a last message without terminator, and says how it ended.
    pub fn receive_end(&mut self, out: &mut Vec<u8>) -> End {
        let framing = self.decoder.framing();
        match self.decoder.finish() {
            Ok(Some(message)) if is_exit(message) => End::Exit,
            Ok(Some(message)) => {
                framing.encode([HELLO, message, BANG], out);
                self.messages += 1;
                End::EndOfStream
            }
            Ok(None) => End::EndOfStream,
            Err(too_long) => self.end(Reason::TooLong(too_long), out),
        }
    }

    /// Ends the session from the server's side: appends the error that says why.
    pub fn end(&self, reason: Reason, out: &mut Vec<u8>) -> End {
        reason.encode(self.decoder.framing(), out);
        End::Told(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a server says to `chunks` followed by the end of the stream, and how the session ends.
    fn answer(framing: Framing, chunks: &[&[u8]]) -> (Vec<u8>, End, u64) {
        let mut session = ServerSession::new(framing, 8);
        let (mut said, mut out) = (Vec::new(), Vec::new());
        session.welcome(&mut said);
        for mut input in chunks.iter().copied() {
            loop {
                let end = session.receive(&mut input, &mut out);
                said.append(&mut out);
                if let Some(end) = end {
                    return (said, end, session.messages());
                }
                if input.is_empty() {
                    break;
                }
            }
        }
        let end = session.receive_end(&mut said);
        (said, end, session.messages())
    }

    fn answer_lines(input: &[u8]) -> (String, End) {
        let (said, end, _) = answer(Framing::Line, &[input]);
        (String::from_utf8(said).unwrap(), end)
    }

    #[test]
    fn exit_ends_a_session_after_the_replies_owed_and_is_not_answered() {
        assert_eq!(
            answer_lines(b"Bob\nexit\nEve\n"),
            ("Welcome!\nHello, Bob!\n".to_owned(), End::Exit)
        );
        assert_eq!(answer_lines(b"exit"), ("Welcome!\n".to_owned(), End::Exit));
        assert_eq!(
            answer_lines(b"Exit\nexit \n"),
            ("Welcome!\nHello, Exit!\nHello, exit !\n".to_owned(), End::EndOfStream)
        );
    }

    #[test]
    fn a_last_line_without_lf_is_answered() {
        assert_eq!(answer_lines(b"Bob"), ("Welcome!\nHello, Bob!\n".to_owned(), End::EndOfStream));
    }

    #[test]
    fn a_message_over_the_limit_is_told_after_the_replies_owed() {
        let told = End::Told(Reason::TooLong(TooLong { limit: 8 }));
        let said = "Welcome!\nHello, Bob!\nError: message longer than 8 bytes\n".to_owned();
        assert_eq!(answer_lines(b"Bob\n123456789\nEve\n"), (said.clone(), told));
        assert_eq!(answer_lines(b"Bob\n12345678\r"), (said, told));
    }

    #[test]
    fn a_length_framed_session_is_framed_in_both_directions() {
        let (said, end, messages) =
            answer(Framing::Length, &[b"\0\0\0\x02\n\xff\0\0\0\x04exit\0\0\0\0"]);
        assert_eq!(said, b"\0\0\0\x08Welcome!\0\0\0\x0aHello, \n\xff!");
        assert_eq!((end, messages), (End::Exit, 1));
    }

    #[test]
    fn a_raw_session_has_no_terminators() {
        let (said, end, _) = answer(Framing::Raw, &[b"Bob", b"exit"]);
        assert_eq!((&*said, end), (&b"Welcome!Hello, Bob!"[..], End::Exit));
    }

    #[test]
    fn every_reason_reads_as_the_protocol_has_it() {
        let said = |reason: Reason| {
            let mut out = Vec::new();
            reason.encode(Framing::Line, &mut out);
            String::from_utf8(out).unwrap()
        };
        let idle = |millis| Reason::Idle(Duration::from_millis(millis));
        assert_eq!(said(idle(60_000)), "Error: no complete message for 60 s\n");
        assert_eq!(said(idle(1_500)), "Error: no complete message for 1.5 s\n");
        assert_eq!(said(Reason::Full), "Error: server is full\n");
        assert_eq!(
            said(Reason::TooManyFromAddress),
            "Error: too many sessions from your address\n"
        );
        assert_eq!(said(Reason::ShuttingDown), "Error: server is shutting down\n");
    }

    #[test]
    fn replies_to_a_flood_of_empty_messages_are_bounded() {
        let mut session = ServerSession::new(Framing::Line, 8);
        let (flood, mut out) = (vec![b'\n'; 1 << 20], Vec::new());
        let mut input = &flood[..];
        assert_eq!(session.receive(&mut input, &mut out), None);
        assert!(out.len() < ServerSession::ENOUGH + 16, "{} bytes", out.len());
        assert_eq!(input.len(), flood.len() - out.len() / "Hello, !\n".len());
    }

    proptest! {
        #[test]
        fn any_split_of_the_input_gives_the_same_replies_and_the_same_end(
            bytes in proptest::collection::vec(
                prop_oneof![Just(b"exit\n".to_vec()), Just(b"\0\0\0\x04exit".to_vec()),
                            proptest::collection::vec(prop_oneof![Just(b'\n'), 0..9u8], 0..12)],
                0..9),
            framing in prop_oneof![Just(Framing::Line), Just(Framing::Length)],
            size in 1usize..9,
        ) {
            let bytes = bytes.concat();
            let chunks: Vec<_> = bytes.chunks(size).collect();
            prop_assert_eq!(answer(framing, &[&bytes]), answer(framing, &chunks));
        }
    }
}
