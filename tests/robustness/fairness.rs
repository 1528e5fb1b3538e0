//! Turns are bounded: neither a flood nor a crowd keeps a session from having its turn. Nor does a
//! crowd leave memory behind.
//!
//! Which of them had a turn is seen in what they got and in the order of the log, not in times,
//! which say more about the machine.

use super::clients::with_room_for;
use super::crowd::leave;
use super::observe::{Held, eventually};
use crate::harness::{Peer, Server};

/// What a session may get in one turn: about 64 KiB of replies.
const TURN: u64 = 64 * 1024 + 1033;

#[test]
fn a_session_beside_64_that_flood_waits_for_one_turn_of_each() {
    const FLOODS: u64 = 64;
    let server = Server::start("tcp://127.0.0.1:0 --workers 1");
    // A busy machine may give the test its turn late, and then the floods have had another one.
    let taken = (0..5).map(|_| {
        let mut floods: Vec<Peer> = (0..FLOODS)
            .map(|_| Peer::over(with_room_for(1024 * 1024, server.endpoint("tcp"))))
            .collect();
        floods.iter_mut().for_each(|flood| flood.expect(b"Welcome!\n"));
        let mut session = server.session();
        server.process.suspend();
        // Each is answered with nine times as much. The session comes last.
        floods.iter_mut().for_each(|flood| flood.send(&[b'\n'; 60_000]));
        session.send(b"Michael\n");
        server.process.resume();
        session.expect(b"Hello, Michael!\n");
        server.process.suspend();
        let taken: u64 = floods.iter().map(Peer::unread).sum();
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
fn a_crowd_at_the_door_is_let_in_by_at_most_64_at_a_time() {
    const CROWD: usize = 1500;
    let server = Server::start("tcp://127.0.0.1:0 --workers 1 --backlog 4096 -vv");
    server.process.suspend();
    let mut crowd: Vec<Peer> = (0..CROWD).map(|_| server.connect()).collect();
    // So that each has its turn as soon as it is in.
    crowd.iter_mut().for_each(|peer| peer.send(b"x\n"));
    server.process.resume();
    crowd.iter_mut().for_each(|peer| peer.expect(b"Welcome!\nHello, x!\n"));

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
    assert_eq!(opened, CROWD, "no line was dropped");
    assert!(most <= 64, "{most} sessions were opened before one of them had its turn");
}

#[test]
fn what_a_crowd_took_is_given_back() {
    expect_given_back(|crowd| crowd.reverse());
}

/// In the order in which they came: then the last place is the last one to be free.
#[test]
fn what_a_crowd_took_is_given_back_in_whatever_order_it_leaves() {
    expect_given_back(|_| {});
}

/// Has a crowd come beside a session that stays, and leave in an order, and sees that most of the
/// memory that it took is given back.
#[track_caller]
fn expect_given_back(order: fn(&mut Vec<Peer>)) {
    const CROWD: usize = 5000;
    let server = Server::start("tcp://127.0.0.1:0 --workers 1 --idle-timeout 1h");
    let (_first, before) = Held::with_a_session(&server);
    let mut crowd = Vec::new();
    while crowd.len() < CROWD {
        // Fewer at a time than the backlog has places for.
        let mut batch: Vec<Peer> = (0..500).map(|_| server.connect()).collect();
        batch.iter_mut().for_each(|peer| peer.expect(b"Welcome!\n"));
        crowd.extend(batch);
    }
    let taken = Held::by(&server).resident - before.resident;
    order(&mut crowd);
    leave(crowd);
    before.wait_until_back(&server);
    eventually("half of the memory is given back", || {
        Held::by(&server).resident <= before.resident + taken / 2
    });
}
