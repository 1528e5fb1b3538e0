//! Both real programs, end to end: against each other, and against raw sockets that speak literal
//! bytes. Nothing here uses `hello-proto`, so that a bug in it cannot hide itself.

mod harness;

mod client;
mod framing;
mod full;
mod idle;
mod lifecycle;
mod limits;
mod listening;
mod log;
mod pipelining;
#[cfg(target_os = "linux")] // /proc, and addresses 127.x.y.z
mod promises;
mod socket_file;
mod summary;
mod tcp;
mod tutorial;
mod udp;
mod unix;
mod usage;
