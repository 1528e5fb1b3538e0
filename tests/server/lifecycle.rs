//! How a server stops: with every reply delivered, every client told, and a zero exit code.

use std::time::{Duration, Instant};

use crate::harness::{DEADLINE, Datagrams, Peer, Server, Summary};

const TCP: &str = "tcp://127.0.0.1:0";
const SHUTTING_DOWN: &[u8] = b"Error: server is shutting down\n";

#[test]
fn idle_sessions_are_told_and_see_a_clean_end() {
    let server = Server::start("127.0.0.1:0");
    let peers: Vec<Peer> = (0..20).map(|_| server.session()).collect();
    server.process.terminate();
    for peer in peers {
        peer.expect_last(SHUTTING_DOWN);
    }
    let finished = server.stopped();
    Summary::of(&finished.stderr).expect(&[("opened", 20), ("ended", 20), ("shutdown", 20)]);
}

#[test]
fn sigint_stops_it_as_sigterm_does() {
    let server = Server::start(TCP);
    let peer = server.session();
    server.process.interrupt();
    peer.expect_last(SHUTTING_DOWN);
    assert!(server.stopped().stderr.contains("SIGINT"));
}

#[test]
fn messages_that_arrived_before_the_signal_are_answered_first() {
    let server = Server::start(TCP);
    for _ in 0..10 {
        server.session().send(b"Nobody\n");
    }
    let mut peer = server.session();
    peer.send(b"Michael\nTracy\nSar");
    server.process.terminate();
    peer.expect_last(&[b"Hello, Michael!\nHello, Tracy!\n", SHUTTING_DOWN].concat());
    server.stopped();
}

#[test]
fn replies_that_a_slow_client_has_not_taken_are_delivered_up_to_a_message_boundary() {
    let server = Server::start(&format!("{TCP} --grace 20s"));
    let mut peer = server.session();
    let said: String = (0..3_000_000).map(|number| format!("{number}\n")).collect();
    let sent = peer.send_until_stuck(said.as_bytes(), Duration::from_millis(300));
    assert!(sent < said.len(), "the server took all {sent} bytes without being read");
    server.process.terminate();

    let heard = String::from_utf8(peer.read_to_end()).expect("replies to numbers");
    let mut lines = heard.split_inclusive('\n');
    assert_eq!(lines.next_back().map(str::as_bytes), Some(SHUTTING_DOWN));
    let mut answered = 0;
    for line in lines {
        assert_eq!(line, format!("Hello, {answered}!\n"));
        answered += 1;
    }
    assert!(answered > 0);
    let summary = Summary::of(&server.stopped().stderr);
    summary.expect(&[("messages", answered), ("shutdown", 1)]);
}

#[test]
fn a_client_that_never_reads_holds_up_a_stop_no_longer_than_the_grace() {
    let server = Server::start(&format!("{TCP} --grace 500ms"));
    let mut peer = server.session();
    peer.send_until_stuck(&vec![b'\n'; 32 * 1024 * 1024], Duration::from_millis(300));
    let start = Instant::now();
    server.stop();
    assert!(start.elapsed() < DEADLINE / 2, "a grace of 500 ms took {:?}", start.elapsed());
}

#[test]
fn datagrams_that_arrived_before_the_signal_are_answered() {
    let server = Server::start("udp://127.0.0.1:0");
    let mut peer = Datagrams::to(server.endpoint("udp"));
    for number in 0..50 {
        peer.send(format!("{number}").as_bytes());
    }
    server.process.terminate();
    for number in 0..50 {
        peer.expect(format!("Hello, {number}!").as_bytes());
    }
    server.stopped();
}

#[test]
fn nobody_is_let_in_once_it_stops() {
    let server = Server::start(TCP);
    let endpoint = server.endpoint("tcp").to_owned();
    let peer = server.session();
    server.process.terminate();
    peer.expect_last(SHUTTING_DOWN);
    server.stopped();
    let address = endpoint.trim_start_matches("tcp://");
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut server = Server::start(&format!("{TCP} --grace 1m"));
    // One that neither reads nor closes keeps the server from having stopped before.
    let mut peer = server.session();
    peer.send_until_stuck(&vec![b'\n'; 32 * 1024 * 1024], Duration::from_millis(300));
    server.process.terminate();
    server.process.stderr.wait_for("send again to exit now");
    server.process.terminate();
    let finished = server.process.wait();
    assert_eq!(finished.code, Some(128 + 15), "{}", finished.stderr);
    assert!(!finished.stderr.contains("stopped: "), "{}", finished.stderr);
}

#[test]
fn a_server_that_nobody_came_to_stops_too() {
    let summary = Server::start("127.0.0.1:0").summary();
    summary.expect(&[("opened", 0), ("ended", 0), ("messages", 0), ("received", 0)]);
}
