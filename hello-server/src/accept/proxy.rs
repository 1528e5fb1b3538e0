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

/// The connections that wait for their header. What a client has sent stays in the receive queue until
/// the header is complete, so that one that waits has no buffer here, and what follows the header is
/// left to its session.
#[derive(Debug)]
pub(super) struct Arrivals {
    /// From when a connection was accepted, however much of its header has arrived.
    timeout: Option<Duration>,
    next_token: usize,
    /// With when they were accepted, by their tokens, and so the oldest first.
    waiting: BTreeMap<usize, (Arrival, Instant)>,
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

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether this is the token of a connection that waits, or has waited.
    pub(super) fn owns(token: Token) -> bool {
        token.0 >= Self::FIRST_TOKEN
    }

    /// Reads the header of a new connection, or keeps the connection until there is one.
    pub(super) fn push(&mut self, arrival: Arrival, registry: &Registry) -> Option<Arrived> {
        if let Some(header) = self.read(&arrival) {
            return Some((arrival, header));
        }
        let token = self.next_token;
        self.next_token += 1;
        // There is an event for what has arrived in the meantime.
        if let Err(error) = arrival.stream.register(registry, Token(token), Interest::READABLE) {
            return Some((arrival, Err(error.into())));
        }
        self.waiting.insert(token, (arrival, Instant::now()));
        None
    }

    /// Reads the header of a connection that has waited. `read_closed`: nothing more will arrive.
    pub(super) fn on_ready(
        &mut self,
        token: Token,
        read_closed: bool,
        registry: &Registry,
    ) -> Option<Arrived> {
        let (arrival, accepted) = self.waiting.remove(&token.0)?;
        let header =
            self.read(&arrival).or_else(|| read_closed.then_some(Err(HeaderError::Incomplete)));
        match header {
            Some(header) => Some(leave(arrival, header, registry)),
            None => {
                self.waiting.insert(token.0, (arrival, accepted));
                None
            }
        }
    }

    /// The next connection that has waited too long, or whose header arrived while this process stood
    /// still.
    pub(super) fn expire(&mut self, registry: &Registry) -> Option<Arrived> {
        let timeout = self.timeout?;
        if !self.remaining()?.is_zero() {
            return None;
        }
        let (_, (arrival, _)) = self.waiting.pop_first()?;
        let header = self.read(&arrival).unwrap_or(Err(HeaderError::Late(timeout)));
        Some(leave(arrival, header, registry))
    }

    /// How long none of them has waited too long.
    pub(super) fn remaining(&self) -> Option<Duration> {
        let (_, (_, accepted)) = self.waiting.first_key_value()?;
        Some(self.timeout?.saturating_sub(accepted.elapsed()))
    }

    /// Takes out a connection whose header nobody will wait for.
    pub(super) fn pop(&mut self, registry: &Registry) -> Option<Arrival> {
        let (_, (arrival, _)) = self.waiting.pop_first()?;
        let _ = arrival.stream.deregister(registry);
        Some(arrival)
    }

    /// Who the client is, or why it has none; `None` as long as the header is not complete.
    fn read(&mut self, arrival: &Arrival) -> Option<Result<Peer, HeaderError>> {
        read(arrival, &mut self.buffer).transpose()
    }
}

fn read(arrival: &Arrival, buffer: &mut [u8]) -> Result<Option<Peer>, HeaderError> {
    let received = match arrival.stream.peek(buffer)? {
        None => return Ok(None),
        Some(0) => return Err(HeaderError::Unused),
        Some(count) => &buffer[..count],
    };
    let invalid = |error| HeaderError::Invalid { error, received: quoted(received) };
    let Some(header) = ProxyHeader::parse(received).map_err(invalid)? else {
        return Ok(None);
    };
    let mut unread = &mut buffer[..header.length];
    while !unread.is_empty() {
        match arrival.stream.read(unread)? {
            None | Some(0) => return Err(HeaderError::Incomplete),
            Some(count) => unread = &mut unread[count..],
        }
    }
    Ok(Some(header.source.map_or_else(|| arrival.peer.clone(), Peer::Ip)))
}

/// What becomes of a connection that has waited: its next events are for others.
fn leave(arrival: Arrival, header: Result<Peer, HeaderError>, registry: &Registry) -> Arrived {
    let left = arrival.stream.deregister(registry).map_err(HeaderError::from);
    (arrival, header.and_then(|peer| left.map(|()| peer)))
}
