//! What every test stands on: both binaries as processes, and raw sockets that speak literal bytes.

mod address;
mod binaries;
mod client;
mod datagrams;
mod impostor;
#[cfg(target_os = "linux")]
mod namespace;
mod output;
mod peer;
mod process;
mod server;
mod summary;
mod udp_impostor;

use std::io::{self, Write};
use std::time::Duration;

pub(crate) use client::Client;
pub(crate) use datagrams::Datagrams;
pub(crate) use impostor::Impostor;
#[cfg(target_os = "linux")]
pub(crate) use namespace::{Namespace, add_ipv6};
pub(crate) use output::Output;
pub(crate) use peer::Peer;
pub(crate) use process::{Finished, Process};
pub(crate) use server::Server;
pub(crate) use summary::Summary;
pub(crate) use udp_impostor::UdpImpostor;

/// How long anything that has to happen may take. Only a test that fails waits for so long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Linux interrupts a call that has a timeout even when there is no signal to handle.
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// Says that a test, or a part of it, is skipped. `eprintln!` would be captured and never read.
#[track_caller]
pub(crate) fn skipped(why: &str) {
    let caller = std::panic::Location::caller();
    let _ = writeln!(io::stderr(), "skipped at {caller}: {why}");
}

/// Whether this machine has IPv6; says that the test is skipped if not.
#[track_caller]
pub(crate) fn has_ipv6() -> bool {
    let has = std::net::TcpListener::bind("[::1]:0").is_ok();
    if !has {
        skipped("this machine has no IPv6");
    }
    has
}
