//! The client's side of a session.

use std::collections::VecDeque;

use super::{EXIT, is_exit};
use crate::greeting::WELCOME;
use crate::{Decoder, Framing, Reply, TooLong, Unexpected, Unsayable, greeting};

/// One session with a server: makes the messages, and checks every reply byte for byte.
///
/// ```
/// use hello_proto::{ClientSession, Framing};
///
/// let mut session = ClientSession::new(Framing::Line, 1024);
/// let mut out = Vec::new();
/// session.say(b"Michael", &mut out).unwrap();
/// session.exit(&mut out);
/// assert_eq!(out, b"Michael\nexit\n");
///
/// let mut input = &b"Welcome!\nHello, Michael!\n"[..];
/// assert_eq!(session.receive(&mut input).unwrap().unwrap(), b"Welcome!");
/// assert_eq!(session.receive(&mut input).unwrap().unwrap(), b"Hello, Michael!");
/// session.receive_end().unwrap();
/// ```
#[derive(Debug)]
pub struct ClientSession {
    decoder: Decoder,
    limit: usize,
    /// The replies still to come, in order.
    expected: VecDeque<Vec<u8>>,
}

impl ClientSession {
    /// A reply of a server with a larger message limit than ours, or an error, is still read and
    /// shown up to this length, in bytes.
    const SHOWN: usize = 1024;

    /// A session with messages of at most `limit` bytes, that expects the welcome.
    #[must_use]
    pub fn new(framing: Framing, limit: usize) -> Self {
        let longest = greeting(b"").len() + limit;
        Self {
            decoder: Decoder::new(framing, longest.max(Self::SHOWN)),
            limit,
            expected: VecDeque::from([WELCOME.to_vec()]),
        }
    }

    /// Appends `message` to `out`, and expects its greeting.
    ///
    /// # Errors
    ///
    /// [`Unsayable`] if the server could not take it for just this message; nothing is appended.
    pub fn say(&mut self, message: &[u8], out: &mut Vec<u8>) -> Result<(), Unsayable> {
        if is_exit(message) {
            return Err(Unsayable::Exit);
        }
        let framing = self.decoder.framing();
        framing.check(message, self.limit)?;
        framing.encode([message], out);
        self.expected.push_back(greeting(message));
        Ok(())
    }

    /// Appends `exit` to `out`. When the replies still to come are there, the server should close.
    pub fn exit(&mut self, out: &mut Vec<u8>) {
        self.decoder.framing().encode([EXIT], out);
    }

    /// How many replies are still to come.
    #[must_use]
    pub fn owed(&self) -> usize {
        self.expected.len()
    }

    /// Takes the next reply from the front of `input`, or keeps all of `input` if there is none
    /// yet. What it returns is what was expected.
    ///
    /// # Errors
    ///
    /// [`Unexpected`] if the reply is another one. There is no way to go on after it.
    pub fn receive<'m, 'i: 'm>(
        &'m mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<&'m [u8]>, Unexpected> {
        let expected = self.expected.front().map_or(&[][..], Vec::as_slice);
        match self.decoder.decode_reply(input, expected) {
            Ok(None) => Ok(None),
            Ok(Some(reply)) => check(reply, self.expected.pop_front()).map(Some),
            Err(TooLong { limit }) => Err(Unexpected::TooLong { limit }),
        }
    }

    /// The end of the stream.
    ///
    /// # Errors
    ///
    /// [`Unexpected`] if replies were still to come, or one was cut short.
    pub fn receive_end(&mut self) -> Result<(), Unexpected> {
        let inside = self.decoder.is_inside_message();
        match self.expected.pop_front() {
            None if !inside => Ok(()),
            expected => Err(Unexpected::Closed { expected }),
        }
    }
}

fn check(reply: &[u8], expected: Option<Vec<u8>>) -> Result<&[u8], Unexpected> {
    if expected.as_deref() == Some(reply) {
        return Ok(reply);
    }
    Err(match Reply::parse(reply) {
        Reply::Error(reason) => Unexpected::Error(reason.to_vec()),
        _ => Unexpected::Reply { said: reply.to_vec(), expected },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{End, ServerSession};
    use proptest::prelude::*;

    fn session_that_said(message: &[u8]) -> ClientSession {
        let mut session = ClientSession::new(Framing::Line, 1024);
        session.say(message, &mut Vec::new()).unwrap();
        assert_eq!(session.receive(&mut &b"Welcome!\n"[..]), Ok(Some(&b"Welcome!"[..])));
        session
    }

    #[test]
    fn a_wrong_reply_is_told_with_the_right_one() {
        assert_eq!(
            session_that_said(b"Bob").receive(&mut &b"Hello, Eve!\n"[..]),
            Err(Unexpected::Reply {
                said: b"Hello, Eve!".to_vec(),
                expected: Some(b"Hello, Bob!".to_vec())
            })
        );
    }

    #[test]
    fn a_reply_that_nobody_asked_for_is_unexpected() {
        let mut session = session_that_said(b"Bob");
        let mut input = &b"Hello, Bob!\nHello, Bob!\n"[..];
        assert_eq!(session.receive(&mut input), Ok(Some(&b"Hello, Bob!"[..])));
        assert_eq!(
            session.receive(&mut input),
            Err(Unexpected::Reply { said: b"Hello, Bob!".to_vec(), expected: None })
        );
    }

    #[test]
    fn an_error_of_the_server_is_told_apart_from_a_wrong_reply() {
        assert_eq!(
            session_that_said(b"Bob").receive(&mut &b"Error: server is full\n"[..]),
            Err(Unexpected::Error(b"server is full".to_vec()))
        );
    }

    #[test]
    fn a_server_that_closes_early_is_told_with_what_was_to_come() {
        let mut session = session_that_said(b"Bob");
        assert_eq!(session.receive(&mut &b"Hello"[..]), Ok(None));
        assert_eq!(
            session.receive_end(),
            Err(Unexpected::Closed { expected: Some(b"Hello, Bob!".to_vec()) })
        );
    }

    #[test]
    fn a_reply_without_end_is_refused() {
        let endless = [b'x'; 2000];
        assert_eq!(
            session_that_said(b"Bob").receive(&mut &endless[..]),
            Err(Unexpected::TooLong { limit: 1032 })
        );
    }

    #[test]
    fn exit_is_no_message() {
        let mut out = Vec::new();
        let mut session = ClientSession::new(Framing::Line, 1024);
        assert_eq!(session.say(b"exit", &mut out), Err(Unsayable::Exit));
        assert_eq!((session.owed(), &*out), (1, &b""[..]));
    }

    proptest! {
        #[test]
        fn both_sides_understand_each_other_however_the_bytes_are_split(
            framing in prop_oneof![Just(Framing::Line), Just(Framing::Length)],
            messages: Vec<Vec<u8>>, up in 1usize..40, down in 1usize..40,
        ) {
            let mut client = ClientSession::new(framing, 1024);
            let mut server = ServerSession::new(framing, 1024);
            let (mut sent, mut said) = (Vec::new(), Vec::new());
            server.welcome(&mut said);
            for message in &messages {
                let _ = client.say(message, &mut sent);
            }
            client.exit(&mut sent);
            let end = sent.chunks(up).find_map(|mut chunk| server.receive(&mut chunk, &mut said));
            prop_assert_eq!(end, Some(End::Exit));
            for mut chunk in said.chunks(down) {
                while client.receive(&mut chunk).unwrap().is_some() {}
            }
            prop_assert_eq!(client.receive_end(), Ok(()));
        }

        #[test]
        fn no_reply_panics_a_client(bytes: Vec<u8>, size in 1usize..9, framing in 0usize..3) {
            let mut session = ClientSession::new(Framing::ALL[framing], 8);
            session.say(b"Bob", &mut Vec::new()).unwrap();
            for mut chunk in bytes.chunks(size) {
                while let Ok(Some(_)) = session.receive(&mut chunk) {}
            }
            let _ = session.receive_end();
        }
    }
}
