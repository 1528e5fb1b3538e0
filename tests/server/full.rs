//! Many sessions at once, and no more of them than the limits allow.

use std::time::Instant;

use crate::harness::{DEADLINE, RawClient, Server};

#[test]
fn two_hundred_concurrent_sessions_are_kept_apart() {
    let server = Server::start("tcp://127.0.0.1:0");
    let mut clients: Vec<RawClient> = (0..200).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.expect(b"Welcome!\n");
    }
    for round in 0..3 {
        for (number, client) in clients.iter_mut().enumerate() {
            client.send(format!("{number} of round {round}\n").as_bytes());
        }
        for (number, client) in clients.iter_mut().enumerate().rev() {
            client.expect(format!("Hello, {number} of round {round}!\n").as_bytes());
        }
    }
    for client in &mut clients {
        client.send(b"exit\n");
    }
    for client in clients {
        client.expect_last(b"");
    }
    server.summary().expect(&[("opened", 200), ("exit", 200), ("messages", 600)]);
}

#[test]
fn one_worker_serves_many_sessions_of_which_most_are_idle() {
    let server = Server::start("tcp://127.0.0.1:0 --workers 1");
    let _idle: Vec<RawClient> = (0..50).map(|_| server.session()).collect();
    let mut client = server.session();
    client.send(b"Michael\n");
    client.expect(b"Hello, Michael!\n");
}

#[test]
fn a_client_over_the_limit_is_rejected_with_the_reason() {
    let server = Server::start("tcp://127.0.0.1:0 --max-sessions 1");
    let mut first = server.session();

    let second = server.connect();
    second.expect_last(b"Error: server is full\n");

    first.send(b"Michael\n");
    first.expect(b"Hello, Michael!\n");
    drop(first);
    server.summary().expect(&[("opened", 1), ("ended", 1), ("refused-full", 1)]);
}

#[test]
fn a_rejected_client_that_has_sent_something_still_reads_a_clean_end() {
    let server = Server::start("tcp://127.0.0.1:0 --max-sessions 1");
    let _first = server.session();
    for _ in 0..20 {
        let mut second = server.connect();
        second.send(b"Michael\nTracy\nexit\n");
        second.expect_last(b"Error: server is full\n");
    }
}

#[test]
fn when_a_session_ends_on_a_full_server_the_next_client_is_accepted() {
    let server = Server::start("tcp://127.0.0.1:0 --max-sessions 1");
    let mut first = server.session();
    server.connect().expect_last(b"Error: server is full\n");
    first.send(b"exit\n");
    first.expect_last(b"");

    // The session counts until the server has closed it, which may be after the client sees the end.
    let deadline = Instant::now() + DEADLINE;
    let mut next = loop {
        let mut client = server.connect();
        match client.read_within(DEADLINE, 9).as_deref() {
            Some(b"Welcome!\n") => break client,
            Some(b"Error: se") if Instant::now() < deadline => {}
            other => panic!("{other:?}"),
        }
    };
    next.send(b"Michael\n");
    next.expect(b"Hello, Michael!\n");
}

#[test]
fn one_address_has_no_more_sessions_than_its_limit() {
    let server = Server::start("tcp://127.0.0.1:0 --max-sessions-per-address 2");
    let two = [server.session(), server.session()];
    server.connect().expect_last(b"Error: too many sessions from your address\n");
    drop(two);
    server.summary().expect(&[("opened", 2), ("refused-address", 1)]);
}
