//! Everything that can be wrong with what a person or a peer gave us.

use thiserror::Error;

use crate::greeting::ERROR;
use crate::{Framing, MAX_UNIX_PATH};

/// Why the bytes of a stream cannot be cut into messages. Displayed as a predicate, for a subject
/// such as "message" or "reply".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// A message is over the limit.
    #[error("longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
}

/// Why a message cannot be sent so that the server receives, and answers, just that message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MessageError {
    /// It is longer than the limit.
    #[error("it is {length} bytes long, at most {limit} are allowed")]
    TooLong {
        /// Its length, in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// `line`: it contains LF, which would end it early.
    #[error("it contains a line feed, which ends a message in line framing")]
    LineFeed,
    /// `line`: it ends in CR, which is dropped before LF.
    #[error("it ends in a carriage return, which line framing drops")]
    TrailingCarriageReturn,
    /// `raw`: it is empty, and so nothing at all would be sent.
    #[error("it is empty, so raw framing would send nothing")]
    Empty,
    /// It is `exit`, which ends a session instead of being answered.
    #[error("it is 'exit', which ends the session")]
    Exit,
    /// The session has ended, or `exit` was sent.
    #[error("the session has ended")]
    SessionClosed,
}

/// What is wrong with the text of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// `scheme://` is unknown.
    #[error("unknown scheme '{}', expected tcp, udp, unix or unixgram", .0.escape_debug())]
    UnknownScheme(String),
    /// The `//` behind the scheme is missing; holds the text with it.
    #[error("the slashes are missing, as in {}", .0.escape_debug())]
    MissingSlashes(String),
    /// The path of a Unix socket without its scheme.
    #[error("a path needs a scheme, as in unix://{}", .0.escape_debug())]
    MissingScheme(String),
    /// There is no `:PORT`.
    #[error("the port is missing, as in HOST:PORT")]
    MissingPort,
    /// The part behind the last colon is not a number from 0 to 65535.
    #[error("invalid port '{}': must be a number from 0 to 65535", .0.escape_debug())]
    InvalidPort(String),
    /// There is a port alone, without a colon.
    #[error("the host is missing, as in 127.0.0.1:{0}")]
    PortAlone(u16),
    /// There is nothing before `:PORT`.
    #[error("the host is missing, as in HOST:PORT (all addresses: 0.0.0.0 or [::])")]
    MissingHost,
    /// An IPv6 host without brackets, or brackets around something else.
    #[error("'{}' is not an IPv6 address in brackets, as in [::1]:9999", .0.escape_debug())]
    InvalidIpv6Host(String),
    /// The host contains a character that does not occur in names or addresses.
    #[error("'{}' is not a host name or address, as in localhost:9999", .0.escape_debug())]
    InvalidHost(String),
    /// The path of a Unix socket does not begin with `/`.
    #[error("path '{}' is not absolute, as in unix:///run/hello.sock", .0.escape_debug())]
    RelativePath(String),
    /// The path of a Unix socket does not fit `sockaddr_un`.
    #[error("the path is {0} bytes long, at most {MAX_UNIX_PATH} fit (sockaddr_un)")]
    PathTooLong(usize),
}

/// Why a connection does not begin with a header of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProxyHeaderError {
    /// It begins with something else, as that of a client without a proxy does.
    #[error("no PROXY protocol header")]
    Missing,
    /// It is not as the specification has it, for this reason.
    #[error("malformed PROXY protocol header: {0}")]
    Malformed(&'static str),
    /// It is over the limit.
    #[error("PROXY protocol header longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
}

/// The text is not the name of a [`Framing`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown framing, expected one of {}", Framing::ALL.map(Framing::name).join(", "))]
pub struct ParseFramingError(pub(crate) ());

/// The server did not say what the protocol has it say at this point. Displayed with bytes
/// escaped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReplyError {
    /// The server ended the session with an error, for this reason.
    #[error("the server ended the session: {}", shortened(.0))]
    Server(Vec<u8>),
    /// It said something else than it should have.
    #[error("the server said {}, expected {}", quoted(.reply), or_nothing(.expected))]
    Mismatch {
        /// What it said.
        reply: Vec<u8>,
        /// What it should have said; `None` if no reply was pending.
        expected: Option<Vec<u8>>,
    },
    /// It said something that is not a reply in this framing.
    #[error("the server sent a reply {0}")]
    Decode(#[from] DecodeError),
    /// It closed the stream before the session was over.
    #[error("the server closed the session {}", place(.expected))]
    Closed {
        /// The next reply that was pending; `None` if it closed inside a reply that nobody had
        /// asked for.
        expected: Option<Vec<u8>>,
    },
}

impl ReplyError {
    /// What the server said instead, as it said it; `None` if it did not complete a reply.
    #[must_use]
    pub fn into_reply(self) -> Option<Vec<u8>> {
        match self {
            Self::Server(reason) => Some([ERROR, &reason].concat()),
            Self::Mismatch { reply, .. } => Some(reply),
            Self::Decode(_) | Self::Closed { .. } => None,
        }
    }
}

/// Bytes from outside as an error shows them: in quotes, escaped, and cut after 200 bytes, so that
/// no peer decides how long a line of a log or a terminal is.
#[must_use]
pub fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", shortened(bytes))
}

fn shortened(bytes: &[u8]) -> String {
    /// In bytes, before they are escaped.
    const MAX_SHOWN: usize = 200;
    match bytes.split_at_checked(MAX_SHOWN) {
        Some((shown, rest)) if !rest.is_empty() => {
            format!("{}... ({} bytes)", shown.escape_ascii(), bytes.len())
        }
        _ => bytes.escape_ascii().to_string(),
    }
}

fn or_nothing(reply: &Option<Vec<u8>>) -> String {
    reply.as_deref().map_or_else(|| "nothing more".to_owned(), quoted)
}

fn place(expected: &Option<Vec<u8>>) -> String {
    match expected {
        Some(reply) => format!("before it said {}", quoted(reply)),
        None => "inside a reply".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_said_is_shown_up_to_200_bytes() {
        assert_eq!(quoted(&[b'x'; 200]), format!("\"{}\"", "x".repeat(200)));
        assert_eq!(quoted(&[b'\n'; 201]), format!("\"{}... (201 bytes)\"", r"\n".repeat(200)));
    }

    #[test]
    fn the_errors_of_messages_say_what_is_wrong_with_them() {
        for (error, text) in [
            (
                MessageError::TooLong { length: 5, limit: 4 },
                "it is 5 bytes long, at most 4 are allowed",
            ),
            (
                MessageError::LineFeed,
                "it contains a line feed, which ends a message in line framing",
            ),
            (
                MessageError::TrailingCarriageReturn,
                "it ends in a carriage return, which line framing drops",
            ),
            (MessageError::Empty, "it is empty, so raw framing would send nothing"),
            (MessageError::Exit, "it is 'exit', which ends the session"),
            (MessageError::SessionClosed, "the session has ended"),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn the_errors_of_replies_quote_what_came_and_what_should_have() {
        let bytes = |text: &[u8]| text.to_vec();
        let mismatch = |expected| ReplyError::Mismatch { reply: bytes(b"no\x1b"), expected };
        for (error, text, reply) in [
            (
                ReplyError::Server(bytes(b"full\n")),
                r"the server ended the session: full\n",
                Some(bytes(b"Error: full\n")),
            ),
            (
                mismatch(Some(bytes(b"yes"))),
                r#"the server said "no\x1b", expected "yes""#,
                Some(bytes(b"no\x1b")),
            ),
            (
                mismatch(None),
                r#"the server said "no\x1b", expected nothing more"#,
                Some(bytes(b"no\x1b")),
            ),
            (
                ReplyError::Decode(DecodeError::TooLong { limit: 9 }),
                "the server sent a reply longer than 9 bytes",
                None,
            ),
            (
                ReplyError::Closed { expected: Some(bytes(b"yes")) },
                r#"the server closed the session before it said "yes""#,
                None,
            ),
            (
                ReplyError::Closed { expected: None },
                "the server closed the session inside a reply",
                None,
            ),
        ] {
            assert_eq!(error.to_string(), text);
            assert_eq!(error.into_reply(), reply, "{text}");
        }
    }
}
