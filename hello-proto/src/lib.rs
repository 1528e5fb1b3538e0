//! The hello wire protocol, without IO.
//!
//! Nothing here opens a socket, reads a clock or starts a thread: bytes go in, bytes and a verdict
//! come out. `hello-server` and `hello-client` share every rule by sharing this crate.
//!
//! # Messages and greetings
//!
//! A **message** is a string of bytes, not of characters; nothing is decoded and nothing is lost.
//! It is at most [`DEFAULT_MAX_MESSAGE`] bytes long unless the server is told otherwise, and never
//! more than [`MAX_MESSAGE`], so that its greeting still fits a UDP datagram. The **greeting** of a
//! message `m` is `Hello, ` + `m` + `!`: 8 bytes more.
//!
//! # Streams (TCP, Unix stream)
//!
//! 1. The server speaks first: `Welcome!`.
//! 2. Every message is answered by its greeting, in order. A client may send many before it reads;
//!    the answers to what arrived together leave together.
//! 3. The **exit rule** ([`is_exit`]): a session ends when there is no more data, or when a message
//!    is exactly `exit`. `exit` is not answered. Replies still owed are delivered first.
//! 4. When the server has to end a session itself it says why, once, and closes: `Error: ` and a
//!    [`Reason`].
//!
//! [`Framing`] says where a message ends:
//!
//! | framing | a message is |
//! |---|---|
//! | `line` (default) | the bytes up to LF; one CR before that LF is dropped; replies end in LF |
//! | `length` | a big-endian `u32`, then that many bytes |
//! | `raw` | whatever one read returns; replies carry no terminator; best effort |
//!
//! Under `line` a last line without LF before the end of the stream is a message, an empty line is
//! an empty message (`Hello, !`), and a CR that is not before LF is data.
//!
//! # A session
//!
//! ```
//! use hello_proto::{End, Framing, ServerSession};
//!
//! let mut session = ServerSession::new(Framing::Line, 1024);
//! let mut out = Vec::new();
//! session.welcome(&mut out);
//!
//! // One chunk from the network may hold many messages, and half of the next one.
//! assert_eq!(session.receive(&mut &b"Michael\r\nTracy\nSa"[..], &mut out), None);
//! assert_eq!(session.receive(&mut &b"rah\nexit\n"[..], &mut out), Some(End::Exit));
//!
//! assert_eq!(out, b"Welcome!\nHello, Michael!\nHello, Tracy!\nHello, Sarah!\n");
//! assert_eq!(session.messages(), 3);
//! ```
//!
//! [`ClientSession`] is the other side: it makes the messages and checks every reply.
//!
//! # Datagrams (UDP, Unix datagram)
//!
//! One datagram in, one greeting out: no welcome, no session, and so no exit rule. A datagram over
//! the limit is dropped in silence, never truncated: a greeting is longer than its message, so two
//! servers tricked into answering each other fall silent after at most limit / 8 bounces. See
//! [`Datagram`].
//!
//! # Endpoints
//!
//! `tcp://HOST:PORT`, `udp://HOST:PORT`, `unix:///PATH`, `unixgram:///PATH`: see [`Endpoint`].

mod datagram;
mod endpoint;
mod error;
mod framing;
mod greeting;
pub mod prompt;
mod session;

pub use datagram::Datagram;
pub use endpoint::{Address, Endpoint, HostPort, MAX_UNIX_PATH};
pub use error::{EndpointError, TooLong, Unexpected, Unsayable};
pub use framing::{Decoder, Framing};
pub use greeting::{GREETING_EXTRA, Reply, WELCOME, greeting};
pub use session::{ClientSession, End, Reason, ServerSession, is_exit};

/// The longest message that a server accepts unless it is told otherwise, in bytes.
pub const DEFAULT_MAX_MESSAGE: usize = 1024;

/// The longest message that any server can be told to accept, in bytes.
///
/// A UDP datagram over IPv4 carries at most 65,507 bytes (65,535 less the headers, RFC 768 and
/// RFC 791), and a greeting is [`GREETING_EXTRA`] bytes longer than its message.
pub const MAX_MESSAGE: usize = 65_507 - GREETING_EXTRA;
