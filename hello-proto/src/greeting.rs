//! What a server says: the welcome, the greeting, the error.

/// The first thing that a server says on a stream.
pub const WELCOME: &[u8] = b"Welcome!";

pub(crate) const HELLO: &[u8] = b"Hello, ";
pub(crate) const BANG: &[u8] = b"!";
pub(crate) const ERROR: &[u8] = b"Error: ";

/// By how many bytes a greeting is longer than its message.
pub const GREETING_EXTRA: usize = HELLO.len() + BANG.len();

/// The greeting of `message`.
///
/// ```
/// assert_eq!(hello_proto::greeting(b"Michael"), b"Hello, Michael!");
/// ```
#[must_use]
pub fn greeting(message: &[u8]) -> Vec<u8> {
    [HELLO, message, BANG].concat()
}

/// What one reply of a server means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// `Welcome!`
    Welcome,
    /// The greeting of this message.
    Greeting(&'a [u8]),
    /// The server ends the session, for this reason.
    Error(&'a [u8]),
    /// Nothing that a hello server says.
    Unknown(&'a [u8]),
}

impl<'a> Reply<'a> {
    /// Reads a reply, without its framing. No two meanings share a first byte, so an error cannot
    /// be taken for a greeting whatever the message was.
    #[must_use]
    pub fn parse(reply: &'a [u8]) -> Self {
        if reply == WELCOME {
            Self::Welcome
        } else if let Some(message) =
            reply.strip_prefix(HELLO).and_then(|rest| rest.strip_suffix(BANG))
        {
            Self::Greeting(message)
        } else if let Some(reason) = reply.strip_prefix(ERROR) {
            Self::Error(reason)
        } else {
            Self::Unknown(reply)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_reply_of_the_protocol_is_told_from_the_others() {
        assert_eq!(Reply::parse(b"Welcome!"), Reply::Welcome);
        assert_eq!(Reply::parse(b"Hello, !"), Reply::Greeting(b""));
        assert_eq!(Reply::parse(b"Error: server is full"), Reply::Error(b"server is full"));
        assert_eq!(Reply::parse(b"Hello, Bob"), Reply::Unknown(b"Hello, Bob"));
        assert_eq!(Reply::parse(b""), Reply::Unknown(b""));
    }

    proptest! {
        #[test]
        fn a_greeting_decodes_to_the_message_it_was_made_of(message: Vec<u8>) {
            let greeting = greeting(&message);
            prop_assert_eq!(greeting.len(), message.len() + GREETING_EXTRA);
            prop_assert_eq!(Reply::parse(&greeting), Reply::Greeting(&message));
        }
    }
}
