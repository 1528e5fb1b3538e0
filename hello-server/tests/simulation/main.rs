//! The real acceptor, workers and sessions, compiled with a [`sys`] of our own: a kernel that is
//! simulated, with one clock, on one thread. A seed decides everything: who runs, what clients do, how
//! much each call reads or writes, and what fails. So whatever a seed finds, it finds again.

#![cfg(target_os = "linux")]

#[path = "../../src"]
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "what binds sockets and what is public are not here"
)]
mod production {
    pub(crate) mod accept;
    pub(crate) mod admission;
    pub(crate) mod config;
    pub(crate) mod failpoint;
    pub(crate) mod listen {
        pub(crate) mod listener;
        mod socket_file;
    }
    pub(crate) mod log_limit;
    pub(crate) mod net {
        pub(crate) mod linger;
        pub(crate) mod os {
            mod linux;

            pub(crate) use self::linux::*;
            pub(crate) use crate::sys::{accept, stop_listening};
        }
        pub(crate) mod poll;
        pub(crate) mod stream;
    }
    pub(crate) mod shared;
    pub(crate) mod stats;
    pub(crate) mod worker;
}

mod client;
mod handover;
mod invariants;
mod kernel;
mod oracle;
mod random;
mod run;
mod sys;

use production::{
    accept, admission, config, failpoint, listen, log_limit, net, shared, stats, worker,
};
