//! Everything that can be wrong with what a person or a peer gave us.

use std::error::Error;
use std::fmt;

use crate::MAX_UNIX_PATH;
use crate::greeting::ERROR;

/// A message was longer than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// The limit, in bytes.
    pub limit: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message longer than {} bytes", self.limit)
    }
}

impl Error for TooLong {}

/// Why a message cannot be said so that the server gets, and answers, just that message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsayable {
    /// It is longer than the limit.
    TooLong {
        /// Its length, in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// `line`: it contains LF, which would end it early.
    LineFeed,
    /// `line`: it ends in CR, which is dropped before LF.
    TrailingReturn,
    /// `raw`: it is empty, and so nothing at all would be sent.
    Empty,
    /// It is `exit`, which ends a session instead of being answered.
    Exit,
}

impl fmt::Display for Unsayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { length, limit } => {
                write!(f, "it is {length} bytes long, expected at most {limit} (--max-message)")
            }
            Self::LineFeed => f.write_str(
                "it contains a line feed, which ends a message under --framing line; \
                 expected a message without one, or --framing length",
            ),
            Self::TrailingReturn => f.write_str(
                "it ends in a carriage return, which --framing line drops; \
                 expected a message without it, or --framing length",
            ),
            Self::Empty => f.write_str(
                "it is empty, so --framing raw would send nothing; expected at least one byte",
            ),
            Self::Exit => f.write_str(
                "it is 'exit', which ends the session; expected it last or not at all, \
                 since the client sends it itself",
            ),
        }
    }
}

impl Error for Unsayable {}

/// What is wrong with the text of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointError {
    /// `scheme://` is none that we know.
    UnknownScheme(String),
    /// There is no `:PORT`.
    MissingPort,
    /// The part behind the last colon is no number from 0 to 65535.
    BadPort(String),
    /// There is nothing before `:PORT`.
    MissingHost,
    /// An IPv6 host without brackets, or brackets around something else.
    BadIpv6Host(String),
    /// The host contains a character that no name or address has.
    BadHost(String),
    /// The path of a Unix socket does not begin with `/`.
    RelativePath(String),
    /// The path of a Unix socket does not fit `sockaddr_un`.
    PathTooLong(usize),
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownScheme(scheme) => write!(
                f,
                "unknown scheme '{}', expected tcp, udp, unix or unixgram",
                scheme.escape_debug()
            ),
            Self::MissingPort => f.write_str("the port is missing, expected HOST:PORT"),
            Self::BadPort(port) => write!(
                f,
                "port '{}' is out of range, expected a number from 0 to 65535",
                port.escape_debug()
            ),
            Self::MissingHost => f.write_str(
                "the host is missing, expected HOST:PORT (all addresses: 0.0.0.0 or [::])",
            ),
            Self::BadIpv6Host(host) => write!(
                f,
                "'{}' is not a host, expected an IPv6 address in brackets, as in [::1]:9999",
                host.escape_debug()
            ),
            Self::BadHost(host) => write!(
                f,
                "'{}' is not a host, expected a name or an address, as in localhost:9999",
                host.escape_debug()
            ),
            Self::RelativePath(path) => write!(
                f,
                "path '{}' is not absolute, expected three slashes, as in unix:///run/hello.sock",
                path.escape_debug()
            ),
            Self::PathTooLong(length) => write!(
                f,
                "the path is {length} bytes long, expected at most {MAX_UNIX_PATH} (sockaddr_un)"
            ),
        }
    }
}

impl Error for EndpointError {}

/// The server did not say what the protocol has it say at this point. Shown with bytes escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unexpected {
    /// The server ended the session with an error, for this reason.
    Error(Vec<u8>),
    /// It said something else than it should have.
    Reply {
        /// What it said.
        said: Vec<u8>,
        /// What it should have said; nothing if it should have closed.
        expected: Option<Vec<u8>>,
    },
    /// It said more than any reply holds.
    TooLong {
        /// The longest reply that was read, in bytes.
        limit: usize,
    },
    /// It closed while this was still to come.
    Closed {
        /// The next thing that it should have said; nothing if it was cut inside a reply that
        /// nobody asked for.
        expected: Option<Vec<u8>>,
    },
}

impl Unexpected {
    /// What the server said instead, as it said it; nothing if it did not finish a reply.
    #[must_use]
    pub fn into_said(self) -> Option<Vec<u8>> {
        match self {
            Self::Error(reason) => Some([ERROR, &reason].concat()),
            Self::Reply { said, .. } => Some(said),
            Self::TooLong { .. } | Self::Closed { .. } => None,
        }
    }
}

impl fmt::Display for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(reason) => {
                write!(f, "the server ended the session: {}", reason.escape_ascii())
            }
            Self::Reply { said, expected: Some(expected) } => write!(
                f,
                "the server said \"{}\", expected \"{}\"",
                said.escape_ascii(),
                expected.escape_ascii()
            ),
            Self::Reply { said, expected: None } => {
                write!(f, "the server said \"{}\", expected nothing more", said.escape_ascii())
            }
            Self::TooLong { limit } => write!(
                f,
                "the server said more than {limit} bytes without an end, expected a reply"
            ),
            Self::Closed { expected: Some(expected) } => {
                write!(f, "the server closed the session, expected \"{}\"", expected.escape_ascii())
            }
            Self::Closed { expected: None } => {
                f.write_str("the server closed the session inside a reply")
            }
        }
    }
}

impl Error for Unexpected {}
