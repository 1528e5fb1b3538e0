//! Sessions that say nothing, or do not listen, are ended by the same clock.

use std::time::{Duration, Instant};

use crate::harness::{DEADLINE, Server};

const HALF_A_SECOND: &str = "tcp://127.0.0.1:0 --idle-timeout 500ms";

#[test]
fn a_session_without_a_message_is_told_for_how_long_and_ended() {
    let server = Server::start(HALF_A_SECOND);
    let mut peer = server.session();
    peer.send(b"Michael\n");
    peer.expect(b"Hello, Michael!\n");
    peer.expect_last(b"Error: no complete message for 0.5 s\n");
    server.summary().expect(&[("opened", 1), ("idle", 1)]);
}

#[test]
fn whole_seconds_are_told_without_a_point() {
    let server = Server::start("tcp://127.0.0.1:0 --idle-timeout 1s");
    server.session().expect_last(b"Error: no complete message for 1 s\n");
}

#[test]
fn dripping_bytes_does_not_extend_a_session() {
    let server = Server::start(HALF_A_SECOND);
    let mut peer = server.session();
    let deadline = Instant::now() + DEADLINE;
    let first = loop {
        assert!(Instant::now() < deadline, "a session that drips goes on for ever");
        peer.send(b"x");
        if let Some(bytes) = peer.read_within(Duration::from_millis(50), 1) {
            break bytes;
        }
    };
    assert_eq!(first, b"E");
    peer.expect_last(b"rror: no complete message for 0.5 s\n");
}

#[test]
fn complete_messages_extend_a_session() {
    let server = Server::start("tcp://127.0.0.1:0 --idle-timeout 2s");
    let mut peer = server.session();
    for _ in 0..12 {
        peer.send(b"x\n");
        peer.expect(b"Hello, x!\n");
        let silence = peer.read_within(Duration::from_millis(250), 1);
        assert_eq!(silence, None, "nothing is said before two seconds without a message");
    }
}

#[test]
fn a_client_that_does_not_take_its_replies_is_ended_too() {
    let mut server = Server::start("tcp://127.0.0.1:0 --idle-timeout 2s -v");
    let mut peer = server.session();
    peer.send_until_stuck(&vec![b'\n'; 32 * 1024 * 1024], Duration::from_millis(200));
    server.process.stderr.wait_for("ended: unread");
    server.summary().expect(&[("opened", 1), ("unread", 1)]);
}

#[test]
fn a_timeout_of_zero_is_none() {
    let server = Server::start("tcp://127.0.0.1:0 --idle-timeout 0");
    let mut peer = server.session();
    assert_eq!(peer.read_within(Duration::from_millis(700), 1), None);
    peer.send(b"Michael\n");
    peer.expect(b"Hello, Michael!\n");
}

#[test]
fn a_server_that_was_suspended_does_not_blame_the_clients_that_were_not() {
    let server = Server::start("tcp://127.0.0.1:0 --idle-timeout 2s");
    let mut peers = [server.session(), server.session(), server.session()];
    server.process.suspend();
    for peer in &mut peers {
        peer.send(b"Michael\n");
    }
    assert_eq!(peers[0].read_within(Duration::from_millis(2500), 1), None);
    server.process.resume();
    for peer in &mut peers {
        peer.expect(b"Hello, Michael!\n");
    }
    for peer in &mut peers {
        peer.send(b"Tracy\n");
        peer.expect(b"Hello, Tracy!\n");
    }
}
