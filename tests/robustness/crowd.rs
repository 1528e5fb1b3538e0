//! Ten thousand sessions that do nothing.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::clients::connect_from;
use super::figures;
use super::observe::{Held, NOISE, eventually, open_files};
use crate::harness::{Peer, Server};

/// What an idle session may cost, in bytes of resident memory.
const PER_SESSION: u64 = 512;

/// So many connect before the first of them is waited for: fewer than the default backlog.
const BATCH: usize = 500;

#[test]
fn ten_thousand_idle_sessions_cost_little_and_hold_up_nobody() {
    // The server's limit is the same, and it keeps some for itself.
    let crowd = 10_000.min(open_files().saturating_sub(1000));
    let server = Server::start("tcp://127.0.0.1:0 --max-sessions 11000 --idle-timeout 1h");
    let (_first, before) = Held::with_a_session(&server);

    let idle = gather(&server, crowd);
    let during = Held::by(&server);
    assert_eq!(during.descriptors, before.descriptors + crowd);
    let per_session = during.resident.saturating_sub(before.resident) / crowd as u64;
    figures::print(format_args!(
        "{crowd} idle sessions: {per_session} bytes of resident memory each"
    ));
    assert!(per_session < PER_SESSION, "{before:?} before, {during:?} with {crowd} sessions");

    let start = Instant::now();
    let mut new = server.session();
    new.send(b"Michael\nexit\n");
    new.expect_last(b"Hello, Michael!\n");
    let took = start.elapsed();
    assert!(took < Duration::from_secs(3), "a session beside {crowd} idle ones took {took:?}");

    leave(idle);
    let after = before.wait_until_back(&server);
    figures::print(format_args!("{before:?} before {crowd} idle sessions, {after:?} after them"));

    // What it keeps for the next crowd does not grow with the second one.
    leave(gather(&server, crowd));
    before.wait_until_back(&server);
    eventually("memory is back to where it was after the first crowd", || {
        Held::by(&server).resident <= after.resident + NOISE
    });
    let all = 2 * crowd as u64 + 2;
    server.summary().expect(&[("opened", all), ("ended", all), ("refused-full", 0)]);
}

/// Opens `count` sessions, which come from several addresses so that none of them runs out of ports.
fn gather(server: &Server, count: usize) -> Vec<Peer> {
    let mut peers = Vec::new();
    while peers.len() < count {
        let batch = BATCH.min(count - peers.len());
        let own = Ipv4Addr::new(127, 0, 1, 1 + (peers.len() / 2000) as u8);
        let begin = peers.len();
        peers.extend((0..batch).map(|_| connect_from(own, &server.endpoints()[0])));
        peers[begin..].iter_mut().for_each(|peer| peer.expect(b"Welcome!\n"));
    }
    peers
}

/// Each leaves by saying so: then the server closes first, and the ports are free at once.
pub(super) fn leave(mut peers: Vec<Peer>) {
    peers.iter_mut().for_each(|peer| peer.send(b"exit\n"));
    peers.into_iter().for_each(|peer| peer.expect_last(b""));
}
