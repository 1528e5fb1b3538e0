//! Idle timeouts: a session that sends no complete message is ended.

use std::time::{Duration, Instant};

use crate::harness::{DEADLINE, Server};

const HALF_A_SECOND: &str = "tcp://127.0.0.1:0 --idle-timeout 500ms";

#[test]
fn an_idle_session_is_ended_with_the_timeout_in_the_reason() {
    let server = Server::start(HALF_A_SECOND);
    let mut client = server.session();
    client.send(b"Michael\n");
    client.expect(b"Hello, Michael!\n");
    client.expect_last(b"Error: no complete message for 0.5 s\n");
    server.summary().expect(&[("opened", 1), ("idle", 1)]);
}

#[test]
fn whole_seconds_are_printed_without_a_point() {
    let server = Server::start("tcp://127.0.0.1:0 --idle-timeout 1s");
    server.session().expect_last(b"Error: no complete message for 1 s\n");
}

#[test]
fn parts_of_a_message_do_not_extend_a_session() {
    let server = Server::start(HALF_A_SECOND);
    let mut client = server.session();
    let deadline = Instant::now() + DEADLINE;
    let first = loop {
        assert!(Instant::now() < deadline, "the session is never ended");
        client.send(b"x");
        if let Some(bytes) = client.read_within(Duration::from_millis(50), 1) {
            break bytes;
        }
    };
    assert_eq!(first, b"E");
    client.expect_last(b"rror: no complete message for 0.5 s\n");
    server.summary().expect(&[("opened", 1), ("idle", 1)]);
}

#[test]
fn an_idle_timeout_of_zero_disables_it() {
    let server = Server::start("tcp://127.0.0.1:0 --idle-timeout 0");
    let mut client = server.session();
    assert_eq!(client.read_within(Duration::from_millis(700), 1), None);
    client.send(b"Michael\n");
    client.expect(b"Hello, Michael!\n");
}
