//! How many connections the process may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::failure::Failure;

/// Standard streams, signals, and for each thread a poll and a timer.
const OWN: usize = 64;

/// Raises the limit of open files as far as the system lets us.
///
/// # Errors
///
/// A usage failure, if so many `connections` and `threads` need more.
pub(crate) fn raise_open_files(connections: usize, threads: usize) -> Result<(), Failure> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = if raised.is_ok() { maximum } else { current };
    // No limit at all is infinity.
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let most = limit.saturating_sub(OWN).saturating_sub(threads.saturating_mul(4));
    if connections <= most {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "--connections {connections} is more than the limit of open files allows, expected at \
         most {most} (ulimit -n)"
    )))
}
