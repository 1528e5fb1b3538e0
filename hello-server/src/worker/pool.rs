//! The pool as the acceptor sees it: a queue to each worker, and how many sessions each has.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::admission::Permit;
use crate::net::poll::{WAKE, wake};
use crate::net::stream::{Peer, Stream};
use crate::sys::{AtomicBool, AtomicUsize, Poll, Receiver, Sender, Waker, bounded};

/// Queue length per worker. When it is full the acceptor blocks, and the listen backlog of the
/// system absorbs the rest.
const QUEUE_LEN: usize = 1024;

/// A client that was admitted.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: u64,
    pub(crate) peer: Peer,
    /// Released when the session is dropped.
    pub(crate) _permit: Permit,
}

/// What a worker is sent: a stream to serve.
pub(crate) type Job = (Stream, Client);

/// What a worker and the pool share beside the queue.
#[derive(Debug)]
struct WorkerStatus {
    /// Closing it takes back its event, so that the worker has a share in it.
    waker: Waker,
    /// The worker polls, or is about to, and has to be woken.
    sleeping: AtomicBool,
    /// Sessions sent to the worker that have not ended.
    sessions: AtomicUsize,
}

/// The worker's end of its queue.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) jobs: Receiver<Job>,
    status: Arc<WorkerStatus>,
}

impl Inbox {
    /// Says that the worker is about to poll. What is sent from now on wakes it; whether anything
    /// was sent before is the answer.
    pub(crate) fn sleep(&self) -> bool {
        self.status.sleeping.store(true, Ordering::SeqCst);
        !self.jobs.is_empty()
    }

    pub(crate) fn awake(&self) {
        self.status.sleeping.store(false, Ordering::SeqCst);
    }

    /// One session fewer.
    pub(crate) fn ended(&self) {
        self.status.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The pool's end of a worker's queue.
#[derive(Debug)]
struct WorkerHandle {
    inbox: Sender<Job>,
    status: Arc<WorkerStatus>,
}

/// All workers. When it is dropped the queues end, and with them the workers.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    workers: Vec<WorkerHandle>,
}

impl Pool {
    /// A pool of workers with these polls, and the inbox of each.
    pub(crate) fn new(polls: &[Poll]) -> io::Result<(Self, Vec<Inbox>)> {
        let (mut workers, mut inboxes) = (Vec::new(), Vec::new());
        for poll in polls {
            let (inbox, jobs) = bounded(QUEUE_LEN);
            let status = Arc::new(WorkerStatus {
                waker: Waker::new(poll.registry(), WAKE)?,
                sleeping: AtomicBool::new(false),
                sessions: AtomicUsize::new(0),
            });
            workers.push(WorkerHandle { inbox, status: Arc::clone(&status) });
            inboxes.push(Inbox { jobs, status });
        }
        Ok((Self { workers }, inboxes))
    }

    /// Sends a stream to the worker with the fewest sessions, where it stays. Blocks while that
    /// worker's queue is full. A worker that has failed drops it: then the server stops.
    ///
    /// No rule that looks at load does better: one that fills workers up before it uses the next
    /// makes sessions wait while cores are idle, and moving them later costs more than it gains.
    pub(crate) fn dispatch(&self, job: Job) {
        let sessions = |worker: &&WorkerHandle| worker.status.sessions.load(Ordering::Relaxed);
        let Some(worker) = self.workers.iter().min_by_key(sessions) else {
            return;
        };
        worker.status.sessions.fetch_add(1, Ordering::Relaxed);
        let _ = worker.inbox.send(job);
        if worker.status.sleeping.swap(false, Ordering::SeqCst) {
            wake(&worker.status.waker);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for WorkerHandle { inbox, status } in self.workers.drain(..) {
            drop(inbox);
            wake(&status.waker);
        }
    }
}
