//! How many files the process may have open, and so how many sessions it can carry.

use log::warn;
use rustix::io;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::refusal::MAX_LINGERING;

/// Standard streams, the pipe of the signals, the log's clock, and a few to spare.
const PROCESS: usize = 16;

/// A poll and its waker.
const A_THREAD: usize = 2;

/// What the limit of open files can carry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    pub(crate) sessions: usize,
    /// Clients that were turned away and have not closed yet.
    pub(crate) refusals: usize,
}

impl Capacity {
    /// Raises the limit as far as the system lets us, and shares out what it leaves beside
    /// `workers` workers and `sockets` sockets of our own.
    pub(crate) fn raise(workers: usize, sockets: usize) -> io::Result<Self> {
        let own = PROCESS + sockets + (workers + 1) * A_THREAD;
        let left = raise()?.saturating_sub(own);
        let refusals = MAX_LINGERING.min(left / 4);
        Ok(Self { sessions: left - refusals, refusals })
    }
}

fn raise() -> io::Result<usize> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // No limit at all is infinity.
    let limit = |value: Option<u64>| value.map_or(usize::MAX, |value| value as usize);
    if limit(current) < limit(maximum) {
        match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
            Ok(()) => return Ok(limit(maximum)),
            Err(error) => warn!("cannot raise the limit of open files: {error}"),
        }
    }
    Ok(limit(current))
}
