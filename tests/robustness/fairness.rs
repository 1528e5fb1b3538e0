//! Turns are bounded: neither busy sessions nor many new ones keep another from its turn. Many
//! sessions leave no memory behind either.
//!
//! Which of them had a turn is seen in what they got and in the order of the log, not in times,
//! which depend on the machine.

use super::hostile_clients::with_room_for;
use super::idle_sessions::leave;
use super::procfs::Usage;
use crate::harness::{RawClient, Server, wait_until};

/// What a session may get in one turn: about 64 KiB of replies.
const TURN: u64 = 64 * 1024 + 1033;

#[test]
fn a_session_beside_64_that_flood_waits_for_one_turn_of_each() {
    const FLOODS: u64 = 64;
    let server = Server::start("tcp://127.0.0.1:0 --workers 1");
    // On a busy machine the test may run late, and then the floods have had another turn.
    let taken = (0..5).map(|_| {
        let mut floods: Vec<RawClient> = (0..FLOODS)
            .map(|_| RawClient::over(with_room_for(1024 * 1024, server.endpoint("tcp"))))
            .collect();
        floods.iter_mut().for_each(|flood| flood.expect(b"Welcome!\n"));
        let mut session = server.session();
        server.process.suspend();
        // Each is answered with nine times as much. The session is last.
        floods.iter_mut().for_each(|flood| flood.send(&[b'\n'; 60_000]));
        session.send(b"Michael\n");
        server.process.resume();
        session.expect(b"Hello, Michael!\n");
        server.process.suspend();
        let taken: u64 = floods.iter().map(RawClient::unread).sum();
        server.process.resume();
        taken
    });
    let bound = 3 * FLOODS * TURN;
    let taken: Vec<u64> = taken.take(5).collect();
    assert!(
        taken.iter().any(|taken| *taken < bound),
        "before the session was answered the others got {taken:?} bytes, and not below {bound}"
    );
}

#[test]
fn a_worker_opens_at_most_64_new_sessions_in_a_row() {
    const SESSIONS: usize = 1500;
    let server = Server::start("tcp://127.0.0.1:0 --workers 1 --backlog 4096 -vv");
    server.process.suspend();
    let mut sessions: Vec<RawClient> = (0..SESSIONS).map(|_| server.connect()).collect();
    // So that each has something to do in its first turn.
    sessions.iter_mut().for_each(|client| client.send(b"x\n"));
    server.process.resume();
    sessions.iter_mut().for_each(|client| client.expect(b"Welcome!\nHello, x!\n"));

    let log = server.stop().stderr;
    let (mut opened, mut in_a_row, mut most) = (0, 0, 0);
    for line in log.lines().filter(|line| line.contains("session ")) {
        if line.contains(" opened: ") {
            opened += 1;
            in_a_row += 1;
            most = most.max(in_a_row);
        } else if line.contains(" sent ") {
            in_a_row = 0;
        }
    }
    assert_eq!(opened, SESSIONS, "no line was dropped");
    assert!(most <= 64, "{most} sessions were opened before one of them had its turn");
}

#[test]
fn the_memory_of_many_sessions_is_freed() {
    expect_memory_freed(|sessions| sessions.reverse());
}

/// In the order of their beginning: then the last slot is the last one to be free.
#[test]
fn the_memory_of_many_sessions_is_freed_in_whatever_order_they_end() {
    expect_memory_freed(|_| {});
}

/// Opens many sessions beside one that stays, ends them in an order, and asserts that at least half
/// of the memory that they took is freed.
#[track_caller]
fn expect_memory_freed(order: fn(&mut Vec<RawClient>)) {
    const SESSIONS: usize = 5000;
    let server = Server::start("tcp://127.0.0.1:0 --workers 1 --idle-timeout 1h");
    let (_first, before) = Usage::with_a_session(&server);
    let mut sessions = Vec::new();
    while sessions.len() < SESSIONS {
        // Fewer at a time than the backlog has places for.
        let mut batch: Vec<RawClient> = (0..500).map(|_| server.connect()).collect();
        batch.iter_mut().for_each(|client| client.expect(b"Welcome!\n"));
        sessions.extend(batch);
    }
    let taken = Usage::of(&server).resident - before.resident;
    order(&mut sessions);
    leave(sessions);
    before.wait_until_back(&server);
    wait_until("half of the memory is given back", || {
        Usage::of(&server).resident <= before.resident + taken / 2
    });
}
