//! What ten thousand idle sessions cost.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::figures;
use super::hostile_clients::connect_from;
use super::procfs::{NOISE, Usage, open_files};
use crate::harness::{RawClient, Server, wait_until};

/// What an idle session may cost, in bytes of resident memory.
const PER_SESSION: u64 = 512;

/// How many connect before the first of them is waited for: fewer than the default backlog.
const BATCH: usize = 500;

#[test]
fn ten_thousand_idle_sessions_cost_little_and_delay_no_other_client() {
    // The server has the same limit, and reserves some for itself.
    let count = 10_000.min(open_files().saturating_sub(1000));
    let server = Server::start("tcp://127.0.0.1:0 --max-sessions 11000 --idle-timeout 1h");
    let (_first, before) = Usage::with_a_session(&server);

    let idle = open(&server, count);
    let during = Usage::of(&server);
    assert_eq!(during.descriptors, before.descriptors + count);
    let per_session = during.resident.saturating_sub(before.resident) / count as u64;
    figures::print(format_args!(
        "{count} idle sessions: {per_session} bytes of resident memory each"
    ));
    assert!(per_session < PER_SESSION, "{before:?} before, {during:?} with {count} sessions");

    let start = Instant::now();
    let mut new = server.session();
    new.send(b"Michael\nexit\n");
    new.expect_last(b"Hello, Michael!\n");
    let took = start.elapsed();
    assert!(took < Duration::from_secs(3), "a session beside {count} idle ones took {took:?}");

    leave(idle);
    let after = before.wait_until_back(&server);
    figures::print(format_args!("{before:?} before {count} idle sessions, {after:?} after them"));

    // What it keeps for later sessions does not grow with the next ten thousand.
    leave(open(&server, count));
    before.wait_until_back(&server);
    wait_until("memory is back to where it was after the first time", || {
        Usage::of(&server).resident <= after.resident + NOISE
    });
    let all = 2 * count as u64 + 2;
    server.summary().expect(&[("opened", all), ("ended", all), ("refused-full", 0)]);
}

/// Opens `count` sessions, which come from several addresses so that none of them runs out of ports.
fn open(server: &Server, count: usize) -> Vec<RawClient> {
    let mut clients = Vec::new();
    while clients.len() < count {
        let batch = BATCH.min(count - clients.len());
        let own = Ipv4Addr::new(127, 0, 1, 1 + (clients.len() / 2000) as u8);
        let begin = clients.len();
        clients.extend((0..batch).map(|_| connect_from(own, &server.endpoints()[0])));
        clients[begin..].iter_mut().for_each(|client| client.expect(b"Welcome!\n"));
    }
    clients
}

/// Ends them by `exit`: then the server closes first, and the ports are free at once.
pub(super) fn leave(mut clients: Vec<RawClient>) {
    clients.iter_mut().for_each(|client| client.send(b"exit\n"));
    clients.into_iter().for_each(|client| client.expect_last(b""));
}
