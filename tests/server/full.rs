//! Many sessions at once, each told apart, and no more than the server takes.

use std::time::Instant;

use crate::harness::{DEADLINE, Peer, Server};

#[test]
fn two_hundred_sessions_at_once_are_told_apart() {
    let server = Server::start("tcp://127.0.0.1:0");
    let mut peers: Vec<Peer> = (0..200).map(|_| server.connect()).collect();
    for peer in &mut peers {
        peer.expect(b"Welcome!\n");
    }
    for round in 0..3 {
        for (number, peer) in peers.iter_mut().enumerate() {
            peer.send(format!("{number} of round {round}\n").as_bytes());
        }
        for (number, peer) in peers.iter_mut().enumerate().rev() {
            peer.expect(format!("Hello, {number} of round {round}!\n").as_bytes());
        }
    }
    for peer in &mut peers {
        peer.send(b"exit\n");
    }
    for peer in peers {
        peer.expect_last(b"");
    }
    server.summary().expect(&[("opened", 200), ("exit", 200), ("messages", 600)]);
}

#[test]
fn one_worker_serves_many_sessions_of_which_most_are_idle() {
    let server = Server::start("tcp://127.0.0.1:0 --workers 1");
    let _idle: Vec<Peer> = (0..50).map(|_| server.session()).collect();
    let mut peer = server.session();
    peer.send(b"Michael\n");
    peer.expect(b"Hello, Michael!\n");
}

#[test]
fn one_client_too_many_is_told_that_the_server_is_full() {
    let server = Server::start("tcp://127.0.0.1:0 --max-sessions 1");
    let mut first = server.session();

    let second = server.connect();
    second.expect_last(b"Error: server is full\n");

    first.send(b"Michael\n");
    first.expect(b"Hello, Michael!\n");
    drop(first);
    server.summary().expect(&[("opened", 1), ("refused-full", 1)]);
}

#[test]
fn one_client_too_many_that_has_sent_something_still_reads_a_clean_end() {
    let server = Server::start("tcp://127.0.0.1:0 --max-sessions 1");
    let _first = server.session();
    for _ in 0..20 {
        let mut second = server.connect();
        second.send(b"Michael\nTracy\nexit\n");
        second.expect_last(b"Error: server is full\n");
    }
}

#[test]
fn when_one_leaves_a_full_server_the_next_is_let_in() {
    let server = Server::start("tcp://127.0.0.1:0 --max-sessions 1");
    let mut first = server.session();
    server.connect().expect_last(b"Error: server is full\n");
    first.send(b"exit\n");
    first.expect_last(b"");

    // The place is free once the server has closed, which may be after the client has seen it.
    let deadline = Instant::now() + DEADLINE;
    let mut next = loop {
        let mut peer = server.connect();
        match peer.read_within(DEADLINE, 9).as_deref() {
            Some(b"Welcome!\n") => break peer,
            Some(b"Error: se") if Instant::now() < deadline => {}
            other => panic!("{other:?}"),
        }
    };
    next.send(b"Michael\n");
    next.expect(b"Hello, Michael!\n");
}

#[test]
fn one_address_has_no_more_sessions_than_its_share() {
    let server = Server::start("tcp://127.0.0.1:0 --max-sessions-per-address 2");
    let two = [server.session(), server.session()];
    server.connect().expect_last(b"Error: too many sessions from your address\n");
    drop(two);
    server.summary().expect(&[("opened", 2), ("refused-address", 1)]);
}
