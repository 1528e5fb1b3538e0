//! Connections from a proxy whose PROXY protocol header has not arrived. They are no sessions yet,
//! since it is the header that says whose they are.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use hello_proto::{ProxyHeader, ProxyHeaderError, quoted};
use mio::{Interest, Token};
use thiserror::Error;

use crate::admission::Permit;
use crate::net::stream::{Peer, Stream};
use crate::sys::{Instant, Registry};

/// A connection that was accepted, with its place among the sessions.
#[derive(Debug)]
pub(super) struct Arrival {
    /// First, so that the place is free by the time that the client sees the stream closed.
    pub(super) permit: Permit,
    pub(super) stream: Stream,
    pub(super) peer: Peer,
}

/// Why a connection is closed instead of becoming a session.
#[derive(Debug, Error)]
pub(super) enum HeaderError {
    #[error("{error}: {received}")]
    Invalid { error: ProxyHeaderError, received: String },
    #[error("no complete PROXY protocol header within {0:?}")]
    Late(Duration),
    #[error("closed inside its PROXY protocol header")]
    Incomplete,
    /// What a health check does that only connects.
    #[error("closed before its PROXY protocol header")]
    Unused,
    #[error("lost before the end of its PROXY protocol header: {0}")]
    Lost(#[from] io::Error),
}

/// A connection that does not wait any more: who its client is, or why it has none.
pub(super) type Arrived = (Arrival, Result<Peer, HeaderError>);

/// A connection that waits for its header.
#[derive(Debug)]
struct Waiting {
    arrival: Arrival,
    accepted: Instant,
    /// What has arrived of its header: less than [`ProxyHeader::MAX_LENGTH`].
    received: Vec<u8>,
}

/// The connections that wait for their header. No byte that follows a header is read: it is left to the
/// session.
#[derive(Debug)]
pub(super) struct Arrivals {
    /// From when a connection was accepted, however much of its header has arrived.
    timeout: Option<Duration>,
    next_token: usize,
    /// By their tokens, and so the oldest first.
    waiting: BTreeMap<usize, Waiting>,
    buffer: Vec<u8>,
}

impl Arrivals {
    /// Their events have tokens from this one on. Those below are enough for the listeners, and for
    /// every client that is ever rejected.
    const FIRST_TOKEN: usize = usize::MAX / 2;

    pub(super) fn new(timeout: Option<Duration>) -> Self {
        let buffer = vec![0; ProxyHeader::MAX_LENGTH];
        Self { timeout, next_token: Self::FIRST_TOKEN, waiting: BTreeMap::new(), buffer }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether this is the token of a connection that waits, or has waited.
    pub(super) fn owns(token: Token) -> bool {
        token.0 >= Self::FIRST_TOKEN
    }

    /// Reads the header of a new connection, or keeps the connection until there is one.
    pub(super) fn push(&mut self, arrival: Arrival, registry: &Registry) -> Option<Arrived> {
        let mut waiting = Waiting { arrival, accepted: Instant::now(), received: Vec::new() };
        if let Some(header) = waiting.read(&mut self.buffer) {
            return Some((waiting.arrival, header));
        }
        let token = self.next_token;
        self.next_token += 1;
        // There is an event for what has arrived in the meantime.
        let stream = &waiting.arrival.stream;
        if let Err(error) = stream.register(registry, Token(token), Interest::READABLE) {
            return Some((waiting.arrival, Err(error.into())));
        }
        self.waiting.insert(token, waiting);
        None
    }

    /// Reads the header of a connection that has waited.
    pub(super) fn on_ready(&mut self, token: Token, registry: &Registry) -> Option<Arrived> {
        let header = self.waiting.get_mut(&token.0)?.read(&mut self.buffer)?;
        let waiting = self.waiting.remove(&token.0)?;
        Some(leave(waiting.arrival, header, registry))
    }

    /// The next connection that has waited too long, or whose header arrived while this process stood
    /// still.
    pub(super) fn expire(&mut self, registry: &Registry) -> Option<Arrived> {
        let timeout = self.timeout?;
        if !self.remaining()?.is_zero() {
            return None;
        }
        let (_, mut waiting) = self.waiting.pop_first()?;
        let header = waiting.read(&mut self.buffer).unwrap_or(Err(HeaderError::Late(timeout)));
        Some(leave(waiting.arrival, header, registry))
    }

    /// How long none of them has waited too long.
    pub(super) fn remaining(&self) -> Option<Duration> {
        let (_, oldest) = self.waiting.first_key_value()?;
        Some(self.timeout?.saturating_sub(oldest.accepted.elapsed()))
    }

    /// Takes out a connection whose header nobody will wait for.
    pub(super) fn pop(&mut self, registry: &Registry) -> Option<Arrival> {
        let (_, Waiting { arrival, .. }) = self.waiting.pop_first()?;
        let _ = arrival.stream.deregister(registry);
        Some(arrival)
    }
}

impl Waiting {
    /// Who the client is, or why it has none; `None` as long as the header is not complete.
    fn read(&mut self, buffer: &mut [u8]) -> Option<Result<Peer, HeaderError>> {
        self.try_read(buffer).transpose()
    }

    /// Looks at what has arrived before it reads it, up to the end of the header. One look is not
    /// enough: it ends at an urgent byte, and a receive queue may be smaller than a header.
    fn try_read(&mut self, buffer: &mut [u8]) -> Result<Option<Peer>, HeaderError> {
        let Self { arrival: Arrival { stream, peer, .. }, received, .. } = self;
        loop {
            let known = received.len();
            buffer[..known].copy_from_slice(received);
            let end = match stream.peek(&mut buffer[known..])? {
                None => return Ok(None),
                Some(0) if received.is_empty() => return Err(HeaderError::Unused),
                Some(0) => return Err(HeaderError::Incomplete),
                Some(count) => known + count,
            };
            let invalid = |error| HeaderError::Invalid { error, received: quoted(&buffer[..end]) };
            let header = ProxyHeader::parse(&buffer[..end]).map_err(invalid)?;
            let mut unread = &mut buffer[known..header.map_or(end, |header| header.length)];
            while !unread.is_empty() {
                match stream.read(unread)? {
                    None | Some(0) => return Err(HeaderError::Incomplete),
                    Some(count) => unread = &mut unread[count..],
                }
            }
            match header {
                Some(header) => {
                    return Ok(Some(header.source.map_or_else(|| peer.clone(), Peer::Ip)));
                }
                None => received.extend_from_slice(&buffer[known..end]),
            }
        }
    }
}

/// What becomes of a connection that has waited: its next events are for others.
fn leave(arrival: Arrival, header: Result<Peer, HeaderError>, registry: &Registry) -> Arrived {
    let left = arrival.stream.deregister(registry).map_err(HeaderError::from);
    (arrival, header.and_then(|peer| left.map(|()| peer)))
}
