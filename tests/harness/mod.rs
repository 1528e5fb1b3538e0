//! What all tests use: both binaries as processes, and raw sockets that speak literal bytes.

mod address;
#[cfg(target_os = "linux")]
mod balancer;
mod binaries;
mod client;
mod datagram_client;
mod fake_server;
mod fake_udp_server;
#[cfg(target_os = "linux")]
mod namespace;
mod output;
mod process;
#[cfg(target_os = "linux")]
mod pty;
mod raw_client;
#[cfg(target_os = "linux")]
mod routed_path;
mod scrape;
mod server;
mod service_manager;
mod skip;
mod summary;

use std::io;
use std::thread;
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
pub(crate) use balancer::{Nginx, configuration, haproxy};
pub(crate) use binaries::{example_client, example_server};
pub(crate) use client::Client;
pub(crate) use datagram_client::DatagramClient;
pub(crate) use fake_server::FakeServer;
pub(crate) use fake_udp_server::FakeUdpServer;
pub(crate) use process::{Finished, Process};
pub(crate) use raw_client::RawClient;
pub(crate) use scrape::{Scrape, get};
pub(crate) use server::Server;
pub(crate) use service_manager::ServiceManager;
pub(crate) use skip::{has_tool, skipped};
pub(crate) use summary::Summary;
#[cfg(target_os = "linux")]
pub(crate) use {
    namespace::{Namespace, add_ipv6},
    output::Output,
    pty::{Pty, show},
    routed_path::RoutedPath,
};

/// How long a test waits for anything that has to happen. Only a failing test waits that long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Linux interrupts a call that has a timeout even when there is no signal to handle.
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// Polls until `is_so`, for conditions that cannot be waited on.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether this machine has IPv6; skips the test if not.
#[track_caller]
pub(crate) fn has_ipv6() -> bool {
    let has = std::net::TcpListener::bind("[::1]:0").is_ok();
    if !has {
        skipped("this machine has no IPv6");
    }
    has
}
