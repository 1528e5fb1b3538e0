//! The client: against our own server, and against servers that a test plays.

mod addresses;
#[cfg(target_os = "linux")] // network namespaces
mod balancers;
mod bench;
mod check;
mod closed_stdout;
mod compare;
mod failures;
mod framings;
mod json;
#[cfg(target_os = "linux")]
mod paths;
mod ping;
mod reconnect;
mod scripts;
mod timeline;
mod udp;
mod usage;
mod waiting;
