//! The hello wire protocol, without IO.
//!
//! Nothing here opens a socket, reads a clock or starts a thread: bytes go in, bytes and results
//! come out. `hello-server` and `hello-client` share every rule by sharing this crate.
//!
//! ```text
//! ServerSession    bytes ──▶ Decoder ──▶ message ──▶ greeting ──▶ Framing ──▶ bytes
//! ClientSession    message ──▶ Framing ──▶ bytes, and bytes ──▶ compared with the greetings expected
//! DatagramBuffer   datagram ──▶ message ──▶ greeting, in one buffer
//! ```
//!
//! The files in the order to read them: `framing.rs` (where a message ends), `greeting.rs`,
//! `session/server.rs` and `session/client.rs` (the two sides of a stream), `datagram.rs`, `endpoint.rs`
//! (what a person writes for an address), `proxy.rs` (the header of a proxy), `error.rs`. `examples/` has
//! a blocking server and a client on top of it, of less than 60 lines each.
//!
//! # Messages and greetings
//!
//! A **message** is a string of bytes, not of characters; nothing is decoded and nothing is lost.
//! It is at most [`DEFAULT_MAX_MESSAGE`] bytes long unless the server is configured otherwise, and
//! never more than [`MAX_MESSAGE`], so that its greeting still fits a UDP datagram. The
//! **greeting** of a message `m` is `Hello, ` + `m` + `!`: 8 bytes more.
//!
//! # Streams (TCP, Unix stream)
//!
//! 1. The server speaks first: `Welcome!`.
//! 2. Every message is answered by its greeting, in order. A client may send many before it reads;
//!    the greetings of messages that arrived together leave together.
//! 3. The **exit rule**: a session ends when there is no more data, or when a message is exactly
//!    `exit`. `exit` is not answered. Pending replies are delivered first.
//! 4. When the server has to end a session itself it says why, once, and closes: `Error: ` and an
//!    [`ErrorReason`].
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
//! use hello_proto::{Framing, ServerSession, SessionEnd};
//!
//! let mut session = ServerSession::new(Framing::Line, 1024);
//! let mut out = Vec::new();
//! session.start(&mut out);
//!
//! // One chunk from the network may hold many messages, and half of the next one.
//! assert_eq!(session.receive(&mut &b"Michael\r\nTracy\nSa"[..], &mut out), None);
//! assert_eq!(session.receive(&mut &b"rah\nexit\n"[..], &mut out), Some(SessionEnd::Exit));
//!
//! assert_eq!(out, b"Welcome!\nHello, Michael!\nHello, Tracy!\nHello, Sarah!\n");
//! assert_eq!(session.messages(), 3);
//! ```
//!
//! [`ClientSession`] is the other side: it encodes the messages and checks every reply.
//!
//! # Datagrams (UDP, Unix datagram)
//!
//! One datagram in, one greeting out: no welcome, no session, and so no exit rule. The whole
//! datagram is the message, but for one thing, so that a person can type into `nc -u`: under `line`
//! a datagram that ends in LF is a line. That LF, and one CR before it, are not part of the message,
//! and the greeting ends in LF, too. A line feed that is not at the end is data.
//!
//! A datagram whose message is over the limit is dropped in silence, never truncated: each greeting
//! is a message 8 bytes longer, whatever the framings, so two servers tricked into answering each
//! other fall silent after at most limit / 8 bounces. So is a line of [`MAX_MESSAGE`] bytes, since
//! its greeting would be a byte longer than any datagram.
//!
//! A server greets with a [`DatagramBuffer`]; a client checks its messages with
//! [`Framing::check_datagram`], and the replies with [`check_greeting`].
//!
//! # Endpoints
//!
//! `tcp://HOST:PORT`, `udp://HOST:PORT`, `unix:///PATH`, `unixgram:///PATH`: see [`Endpoint`].
//!
//! # Behind a proxy
//!
//! A proxy that speaks the PROXY protocol begins a stream with a [`ProxyHeader`], which names the
//! client. Whether there is one is agreed upon beforehand, never guessed; what follows it is a session
//! as above, and the server says nothing before the header is complete. On one that is missing, wrong,
//! too long or late it closes the stream without a word.
//!
//! # Compatibility
//!
//! The enums that a program has to handle case by case ([`Framing`], [`DecodeError`],
//! [`ErrorReason`], [`SessionEnd`], [`MessageError`], [`ReplyError`], [`Endpoint`]) are exhaustive
//! on purpose: a new variant is a breaking change, and the compiler then shows every place that
//! has to decide what it means. [`EndpointError`] and [`ProxyHeaderError`], which are only displayed,
//! are `#[non_exhaustive]`.

mod datagram;
mod endpoint;
mod error;
mod framing;
mod greeting;
mod proxy;
mod session;

pub use datagram::{DatagramBuffer, check_greeting, greeted_message};
pub use endpoint::{Endpoint, EndpointSpec, HostPort, MAX_UNIX_PATH};
pub use error::{
    DecodeError, EndpointError, MessageError, ParseFramingError, ProxyHeaderError, ReplyError,
    quoted,
};
pub use framing::{Decoder, Framing};
pub use greeting::{WELCOME, greeting};
pub use proxy::ProxyHeader;
pub use session::{ClientSession, ErrorReason, ServerSession, SessionEnd};

/// The longest message that a server accepts unless it is configured otherwise, in bytes.
pub const DEFAULT_MAX_MESSAGE: usize = 1024;

/// The longest message that any server can be configured to accept, in bytes.
///
/// Its greeting, 8 bytes longer, just fits a datagram.
pub const MAX_MESSAGE: usize = MAX_DATAGRAM - greeting::GREETING_OVERHEAD;

/// What a UDP datagram over IPv4 carries: 65,535 bytes less the headers (RFC 768 and RFC 791).
const MAX_DATAGRAM: usize = 65_507;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_of_the_longest_message_just_fits_a_udp_datagram() {
        assert_eq!(MAX_MESSAGE, 65_499);
        assert_eq!(greeting(&vec![b'x'; MAX_MESSAGE]).len(), 65_507);
    }
}
