//! How many files the process may have open, and so how many sessions it can carry.

use log::warn;

use crate::error::Error;

/// The most rejected clients that are waited for until they close.
const MAX_REJECTIONS: usize = 256;

/// Standard streams, the pipes of the signals, and a few to spare.
const FDS_PER_PROCESS: usize = 16;

/// A poll, its registry and its waker.
const FDS_PER_THREAD: usize = 3;

/// What the limit of open files can carry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    pub(crate) sessions: usize,
    /// Clients that were rejected and have not closed yet.
    pub(crate) rejections: usize,
}

impl Capacity {
    /// Raises the limit as far as the system allows, and shares out what it leaves beside the
    /// descriptors of `workers` workers and those that serve the `endpoints`.
    pub(crate) fn raise(workers: usize, endpoints: usize) -> Result<Self, Error> {
        let reserved = FDS_PER_PROCESS + endpoints + (workers + 1) * FDS_PER_THREAD;
        let limit = raise();
        let left = limit.saturating_sub(reserved);
        if left == 0 {
            return Err(Error::OpenFiles { limit, needed: reserved + 1 });
        }
        let rejections = MAX_REJECTIONS.min(left / 4);
        Ok(Self { sessions: left - rejections, rejections })
    }
}

fn raise() -> usize {
    let limit = rlimit::increase_nofile_limit(u64::MAX).or_else(|error| {
        warn!("cannot raise the limit of open files: {error}");
        rlimit::Resource::NOFILE.get_soft()
    });
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}
