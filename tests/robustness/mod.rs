//! What `PROMISES.md` promises, shown by making the fault happen.

mod accepting;
mod descriptors;
mod dispatch;
mod fairness;
mod faults;
mod figures;
mod garbage;
mod hostile_clients;
mod idle_sessions;
mod names;
mod never_reads;
mod procfs;
mod resets;
mod short_reads;
mod shutdown;
mod silent_unixgram;
mod slow_log;
mod soak;
mod stops;
mod threads;
mod timeouts;
mod udp_buffer;
mod udp_loops;
mod unix_paths;
mod wakeups;
mod wildcard;
