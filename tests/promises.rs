//! What `PROMISES.md` promises, shown by making the fault happen.

mod clients;
mod crowd;
mod descriptors;
mod faults;
mod figures;
mod garbage;
mod never_reads;
mod observe;
mod resets;
mod shutdown;
mod soak;
mod udp_loops;
