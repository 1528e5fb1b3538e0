//! Both real programs, end to end: against each other, and against raw sockets that speak literal
//! bytes. Nothing here uses `hello-proto`, so that a bug in it cannot hide itself.

// Elsewhere much of the harness is not used.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]

mod harness;

mod client;
#[cfg(target_os = "linux")] // network namespaces
mod deploy;
mod docs;
#[cfg(target_os = "linux")] // /proc, and addresses 127.x.y.z
mod robustness;
mod server;
mod tutorial;
