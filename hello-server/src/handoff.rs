//! How the acceptor hands a stream to a worker, and picks the worker.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};
use mio::{Poll, Token, Waker};

use crate::admission::Permit;
use crate::stream::{Peer, Stream};

/// The token of the event that a thread is wanted.
pub(crate) const WAKE: Token = Token(usize::MAX);

/// So many streams may wait for a worker; then the acceptor waits, and the backlog of the system
/// takes the rest.
const WAITING: usize = 1024;

/// Whose session it is.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: u64,
    pub(crate) peer: Peer,
    /// Its place, which is free again when the session is dropped.
    pub(crate) _permit: Permit,
}

/// A stream that was let in.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) stream: Stream,
    pub(crate) client: Client,
}

/// How many sessions a worker has, those on their way to it included.
#[derive(Debug, Default)]
pub(crate) struct Load(AtomicUsize);

impl Load {
    fn sessions(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn enter(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn leave(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The acceptor's end of a worker.
#[derive(Debug)]
pub(crate) struct Handoff {
    accepted: Sender<Accepted>,
    waker: Arc<Waker>,
    load: Arc<Load>,
}

impl Handoff {
    /// The two ends: this one, and what the worker gets.
    pub(crate) fn new(poll: &Poll) -> io::Result<(Self, Receiver<Accepted>, Arc<Load>)> {
        let (accepted, receiver) = bounded(WAITING);
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let load = Arc::new(Load::default());
        Ok((Self { accepted, waker, load: Arc::clone(&load) }, receiver, load))
    }

    pub(crate) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Hands `accepted` over, waiting if too many wait already. A worker that is gone drops it.
    fn give(&self, accepted: Accepted) -> io::Result<()> {
        self.load.enter();
        let sent = self.accepted.send(accepted);
        self.waker.wake()?;
        if sent.is_err() {
            self.load.leave();
        }
        Ok(())
    }
}

/// The acceptor's end of the whole pool.
#[derive(Debug)]
pub(crate) struct Pool(Vec<Handoff>);

impl Pool {
    pub(crate) fn new(workers: Vec<Handoff>) -> Self {
        Self(workers)
    }

    /// Gives a session to the worker that has the fewest.
    pub(crate) fn give(&self, accepted: Accepted) -> io::Result<()> {
        let least = self.0.iter().min_by_key(|worker| worker.load.sessions());
        least.map_or(Ok(()), |worker| worker.give(accepted))
    }

    /// Lets the workers know that no more will come.
    pub(crate) fn close(&mut self) {
        for Handoff { accepted, waker, .. } in self.0.drain(..) {
            drop(accepted);
            // A worker that cannot be woken looks for itself within a tick.
            let _ = waker.wake();
        }
    }
}
