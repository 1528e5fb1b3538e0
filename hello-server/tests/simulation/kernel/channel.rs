//! A bounded queue between threads, as crossbeam-channel has it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

pub(crate) use crossbeam_channel::TryRecvError;

use super::{block, switch, with};

struct Queue<T> {
    jobs: VecDeque<T>,
    capacity: usize,
    sender: bool,
    receiver: bool,
    waiting: Vec<Waker>,
    /// Among those of the kernel.
    index: usize,
}

impl<T> Queue<T> {
    fn changed(&mut self) {
        let (index, length) = (self.index, self.jobs.len());
        with(|kernel| kernel.queues[index] = length);
        self.waiting.drain(..).for_each(Waker::wake);
    }
}

fn lock<T>(queue: &Mutex<Queue<T>>) -> MutexGuard<'_, Queue<T>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

fn block_until<T>(queue: &Mutex<Queue<T>>, condition: impl Fn(&Queue<T>) -> bool) {
    block(|_, waker| {
        let mut queue = lock(queue);
        if condition(&queue) {
            return Some(());
        }
        queue.waiting.push(waker.clone());
        None
    });
}

pub(crate) struct Sender<T>(Arc<Mutex<Queue<T>>>);

pub(crate) struct Receiver<T>(Arc<Mutex<Queue<T>>>);

/// A queue of at most `capacity` jobs, or fewer, so that it is full now and then.
pub(crate) fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (index, capacity) = with(|kernel| {
        kernel.queues.push(0);
        (kernel.queues.len() - 1, capacity.min(kernel.max_queue))
    });
    let (jobs, waiting) = (VecDeque::new(), Vec::new());
    let queue = Queue { jobs, capacity, sender: true, receiver: true, waiting, index };
    let queue = Arc::new(Mutex::new(queue));
    (Sender(Arc::clone(&queue)), Receiver(queue))
}

impl<T> Sender<T> {
    /// Blocks while the queue is full; the job comes back if nobody receives any more.
    pub(crate) fn send(&self, job: T) -> Result<(), T> {
        switch();
        block_until(&self.0, |queue| queue.jobs.len() < queue.capacity || !queue.receiver);
        let mut queue = lock(&self.0);
        if !queue.receiver {
            return Err(job);
        }
        queue.jobs.push_back(job);
        queue.changed();
        Ok(())
    }
}

impl<T> Receiver<T> {
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        switch();
        let mut queue = lock(&self.0);
        with(|kernel| kernel.log(|| format!("looks for {} jobs", queue.jobs.len())));
        match queue.jobs.pop_front() {
            Some(job) => {
                queue.changed();
                with(|kernel| kernel.note_taken());
                Ok(job)
            }
            None if queue.sender => Err(TryRecvError::Empty),
            None => Err(TryRecvError::Disconnected),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        switch();
        lock(&self.0).jobs.is_empty()
    }
}

/// Receives until the sender has gone, and waits for that.
impl<T> Iterator for &Receiver<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        switch();
        block_until(&self.0, |queue| !queue.jobs.is_empty() || !queue.sender);
        let mut queue = lock(&self.0);
        let job = queue.jobs.pop_front();
        queue.changed();
        job
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        switch();
        let mut queue = lock(&self.0);
        with(|kernel| kernel.log(|| "ends the queue".to_owned()));
        queue.sender = false;
        queue.changed();
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let left = {
            let mut queue = lock(&self.0);
            queue.receiver = false;
            let left = std::mem::take(&mut queue.jobs);
            queue.changed();
            left
        };
        drop(left);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}
