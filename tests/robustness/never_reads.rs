//! Clients that send and do not read, and what they can make the server hold.

use std::thread;
use std::time::Duration;

use super::hostile_clients::{pipeline_until_stuck, small_rcvbuf};
use super::procfs::{NOISE, Usage};
use crate::harness::{RawClient, Server, wait_until};

/// What one session may hold, in bytes: 64 KiB of replies and one greeting more, with the default
/// `--max-message`, and one read of input.
const PER_SESSION: u64 = 64 * 1024 + 1033 + 64 * 1024;

#[test]
fn a_client_that_pipelines_100_mb_and_never_reads_stays_within_a_bound_and_is_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(&format!(
        "tcp://127.0.0.1:0 unix://{}/hello.sock --idle-timeout 1s --workers 1 -v",
        folder.path().display()
    ));
    let line = [&[b'x'; 99][..], b"\n"].concat();
    let messages = line.repeat(1_000_000);
    for scheme in ["tcp", "unix"] {
        let before = Usage::of(&server);
        let mut client = RawClient::connect(server.endpoint(scheme));
        client.expect(b"Welcome!\n");
        let taken = client.send_until_stuck(&messages, Duration::from_millis(200));
        assert!(taken < messages.len(), "the server takes all of {taken} bytes without being read");

        let mut other = server.session();
        other.send(b"Michael\nexit\n");
        other.expect_last(b"Hello, Michael!\n");

        server.process.stderr.wait_for("ended: unread");
        let after = Usage::of(&server);
        // The first of all sessions also pays for what the server allocates once.
        let bound = before.resident + PER_SESSION + NOISE;
        assert!(after.peak <= bound, "{before:?} before, {after:?} after {taken} bytes");
    }
    let summary = server.summary();
    summary.expect(&[("opened", 4), ("exit", 2), ("unread", 2)]);
    summary.expect_all_ended();
}

#[test]
fn many_clients_that_never_read_stay_within_the_bound_and_their_memory_is_freed() {
    const CLIENTS: u64 = 20;
    let server = Server::start("tcp://127.0.0.1:0 --idle-timeout 5s");
    let (_first, before) = Usage::with_a_session(&server);
    let endpoint = &server.endpoints()[0];
    let get_stuck = || {
        let mut client = small_rcvbuf(endpoint);
        pipeline_until_stuck(&mut client);
        client
    };
    let _stuck: Vec<RawClient> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(get_stuck)).collect();
        clients.into_iter().map(|client| client.join().expect("it gets stuck")).collect()
    });
    before.wait_until_back(&server);
    let after = Usage::of(&server);
    let bound = before.resident + CLIENTS * PER_SESSION + NOISE;
    assert!(after.peak <= bound, "{before:?} before, {after:?} after {CLIENTS} clients");
    wait_until("memory is given back", || Usage::of(&server).resident <= before.resident + NOISE);
    let summary = server.summary();
    summary.expect(&[("opened", CLIENTS + 1), ("unread", CLIENTS)]);
    summary.expect_all_ended();
}
