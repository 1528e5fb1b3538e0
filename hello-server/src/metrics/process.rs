//! What the process takes of the machine, from proc(5), under the names that all exporters have.

use std::fs;

use rustix::time::{ClockId, clock_gettime};

/// Descriptors that are open, less the one that it takes to look.
pub(super) fn open_fds() -> Option<usize> {
    Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1))
}

/// How many may be open; `None` also for any number.
pub(super) fn max_fds() -> Option<u64> {
    // Not through rustix, which panics where a sandbox forbids the question.
    let limit = rlimit::Resource::NOFILE.get_soft().ok();
    limit.filter(|limit| *limit != rlimit::INFINITY)
}

/// In bytes.
pub(super) fn resident_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = resident.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// In user mode and in the kernel, of all threads.
pub(super) fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
