//! The client: against our own server, and against servers that a test plays.

mod addresses;
mod bench;
mod check;
mod failures;
mod framings;
mod json;
mod ping;
mod scripts;
mod udp;
mod usage;
mod waiting;
