//! The thread that serves the metrics. Whatever its clients do, they delay and exhaust nobody else,
//! and an error here never ends the server.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use log::{debug, error};
use mio::{Events, Interest, Poll, Registry, Token, Waker};

use super::http::{self, MAX_REQUEST, Page};
use super::page;
use crate::accept::{AcceptBackoff, AcceptError};
use crate::failpoint;
use crate::listen::listener::Listener;
use crate::monitor::Monitor;
use crate::net::linger::{Discarded, discard};
use crate::net::os::INPUT;
use crate::net::poll::{WAKE, poll};
use crate::net::stream::Stream;
use crate::shared::Shared;

/// Connections at once; the next ones wait in the listen backlog.
const MAX_CONNECTIONS: usize = 16;

/// As many wait as are served; the system refuses those beyond them.
pub(crate) const BACKLOG: i32 = MAX_CONNECTIONS as i32;

/// A connection is closed after this time, wherever it is then.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The connections, the listener, what a thread with a poll has, and the file that a page is made of.
pub(crate) const DESCRIPTORS: usize = MAX_CONNECTIONS + 5;

const LISTENER: Token = Token(0);

/// The thread that serves the metrics; dropped, it ends.
#[derive(Debug)]
pub(crate) struct Metrics(Waker);

impl Metrics {
    pub(crate) fn start(
        listener: Listener,
        shared: Arc<Shared>,
        monitor: Arc<Monitor>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        listener.register(poll.registry(), LISTENER)?;
        let endpoint = Endpoint {
            poll,
            listener,
            readable: true,
            backoff: AcceptBackoff::default(),
            connections: BTreeMap::new(),
            next_token: LISTENER.0 + 1,
            buffer: vec![0; MAX_REQUEST],
            shared,
            monitor,
        };
        thread::Builder::new().name("metrics".to_owned()).spawn(move || {
            if let Err(error) = endpoint.run() {
                error!("metrics are no longer served: {error}");
            }
        })?;
        Ok(Self(waker))
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        // A thread that cannot be woken ends with the process.
        let _ = self.0.wake();
    }
}

struct Endpoint {
    poll: Poll,
    listener: Listener,
    /// Clients may be waiting at the listener.
    readable: bool,
    backoff: AcceptBackoff,
    /// By their tokens, and so the oldest first.
    connections: BTreeMap<usize, Connection>,
    next_token: usize,
    buffer: Vec<u8>,
    shared: Arc<Shared>,
    monitor: Arc<Monitor>,
}

impl Endpoint {
    fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(MAX_CONNECTIONS + 2);
        loop {
            let timeout = self.timeout();
            poll(&mut self.poll, &mut events, timeout)?;
            for event in events.iter() {
                match event.token() {
                    WAKE => return Ok(()),
                    LISTENER => self.readable = true,
                    token => self.on_ready(token),
                }
            }
            self.expire();
            self.accept();
        }
    }

    /// How long nothing is to be done unless something happens.
    fn timeout(&self) -> Option<Duration> {
        let oldest = self.connections.values().next().map(Connection::remaining);
        // Without room, the end of a connection is what accepting waits for.
        let accept = self.may_accept().then(|| self.backoff.remaining());
        oldest.into_iter().chain(accept).min()
    }

    fn may_accept(&self) -> bool {
        self.readable && self.connections.len() < MAX_CONNECTIONS
    }

    fn accept(&mut self) {
        while self.may_accept() && self.backoff.remaining().is_zero() {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    self.backoff.clear();
                    let token = self.next_token;
                    self.next_token += 1;
                    // There is an event for what has arrived already.
                    match stream.register(self.poll.registry(), Token(token), INPUT) {
                        Ok(()) => drop(self.connections.insert(token, Connection::new(stream))),
                        Err(error) => debug!("cannot serve metrics to a client: {error}"),
                    }
                }
                Err(error) => match AcceptError::from(&error) {
                    AcceptError::WouldBlock => self.readable = false,
                    AcceptError::Aborted => {}
                    AcceptError::Exhausted => self.backoff.start(&error),
                },
            }
        }
    }

    fn on_ready(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(&token.0) else {
            return;
        };
        let answer = |page| match page {
            Page::Metrics => {
                failpoint::hit("metrics");
                Ok(page::render(&self.monitor))
            }
            Page::Health if self.shared.is_stopping() => Err("503 Service Unavailable"),
            Page::Health => Ok("ok\n".to_owned()),
        };
        let goes_on = connection.on_ready(token, self.poll.registry(), &mut self.buffer, answer);
        if !goes_on.unwrap_or(false) {
            self.connections.remove(&token.0);
        }
    }

    /// Closes the connections that have timed out.
    fn expire(&mut self) {
        while let Some(oldest) = self.connections.first_entry() {
            if !oldest.get().remaining().is_zero() {
                return;
            }
            oldest.remove();
        }
    }
}

/// One client, which has one request.
struct Connection {
    stream: Stream,
    deadline: Instant,
    state: State,
}

enum State {
    Reading {
        request: Vec<u8>,
    },
    Writing {
        response: Vec<u8>,
        written: usize,
    },
    /// All is sent; closing with unread input would send RST.
    Lingering,
}

impl Connection {
    fn new(stream: Stream) -> Self {
        let state = State::Reading { request: Vec::new() };
        Self { stream, deadline: Instant::now() + TIMEOUT, state }
    }

    fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Does what is possible now. Returns true if the connection goes on.
    fn on_ready(
        &mut self,
        token: Token,
        registry: &Registry,
        buffer: &mut [u8],
        answer: impl Fn(Page) -> Result<String, http::Status>,
    ) -> io::Result<bool> {
        while let State::Reading { request } = &mut self.state {
            // Of MAX_REQUEST bytes each request is answered, so there is room.
            match self.stream.read(&mut buffer[..MAX_REQUEST - request.len()])? {
                None => return Ok(true),
                Some(0) => return Ok(false),
                Some(count) => request.extend_from_slice(&buffer[..count]),
            }
            if let Some(response) = http::respond(request, &answer) {
                self.state = State::Writing { response, written: 0 };
            }
        }
        if let State::Writing { response, written } = &mut self.state {
            *written += self.stream.write(&response[*written..])?;
            if *written < response.len() {
                self.stream.reregister(registry, token, Interest::WRITABLE)?;
                return Ok(true);
            }
            self.stream.shutdown_write()?;
            self.state = State::Lingering;
        }
        match discard(&self.stream, buffer)? {
            Discarded::Closed => Ok(false),
            Discarded::Drained | Discarded::More => {
                // There is an event for what is there already.
                self.stream.reregister(registry, token, INPUT)?;
                Ok(true)
            }
        }
    }
}
