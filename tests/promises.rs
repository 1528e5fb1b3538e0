//! What `PROMISES.md` promises, shown by making the fault happen.

mod clients;
mod crowd;
mod descriptors;
mod dispatch;
mod faults;
mod figures;
mod garbage;
mod names;
mod never_reads;
mod observe;
mod resets;
mod short_reads;
mod shutdown;
mod silent_unixgram;
mod slow_log;
mod soak;
mod udp_buffer;
mod udp_loops;
mod unix_paths;
mod wildcard;
mod threads;
mod timeouts;
mod udp_loops;
mod wakeups;
