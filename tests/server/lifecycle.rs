//! How a server stops: every reply delivered, the reason sent to every client, exit code 0.

use std::net::TcpStream;
use std::time::Duration;

use crate::harness::{DatagramClient, RawClient, Server, Summary, wait_until};

const TCP: &str = "tcp://127.0.0.1:0";
const SHUTTING_DOWN: &[u8] = b"Error: server is shutting down\n";

#[test]
fn idle_sessions_get_the_reason_and_a_clean_end() {
    let server = Server::start("127.0.0.1:0");
    let clients: Vec<RawClient> = (0..20).map(|_| server.session()).collect();
    server.process.terminate();
    for client in clients {
        client.expect_last(SHUTTING_DOWN);
    }
    let finished = server.stopped();
    Summary::of(&finished.stderr).expect(&[("opened", 20), ("ended", 20), ("shutdown", 20)]);
}

#[test]
fn sigint_stops_it_as_sigterm_does() {
    let server = Server::start(TCP);
    let client = server.session();
    server.process.interrupt();
    client.expect_last(SHUTTING_DOWN);
    assert!(server.stopped().stderr.contains("SIGINT"));
}

#[test]
fn messages_that_arrived_before_the_signal_are_answered_first() {
    let server = Server::start(TCP);
    for _ in 0..10 {
        server.session().send(b"Nobody\n");
    }
    let mut client = server.session();
    client.send(b"Michael\nTracy\nSar");
    server.process.terminate();
    client.expect_last(&[b"Hello, Michael!\nHello, Tracy!\n", SHUTTING_DOWN].concat());
    server.stopped();
}

#[test]
fn replies_that_a_slow_client_has_not_taken_are_delivered_up_to_a_message_boundary() {
    let server = Server::start(&format!("{TCP} --grace 20s"));
    let mut client = server.session();
    let input: String = (0..3_000_000).map(|number| format!("{number}\n")).collect();
    let sent = client.send_until_stuck(input.as_bytes(), Duration::from_millis(300));
    assert!(sent < input.len(), "the server took all {sent} bytes without being read");
    server.process.terminate();

    let received = String::from_utf8(client.read_to_end()).expect("replies to numbers");
    let mut lines = received.split_inclusive('\n');
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
fn datagrams_that_arrived_before_the_signal_are_answered() {
    let server = Server::start("udp://127.0.0.1:0");
    let mut client = DatagramClient::to(server.endpoint("udp"));
    for number in 0..50 {
        client.send(format!("{number}").as_bytes());
    }
    server.process.terminate();
    for number in 0..50 {
        client.expect(format!("Hello, {number}!").as_bytes());
    }
    server.stopped();
}

#[test]
fn connections_are_refused_while_it_stops() {
    let mut server = Server::start(&format!("{TCP} --grace 1m"));
    let address = server.endpoint("tcp").trim_start_matches("tcp://").to_owned();
    // One that neither reads nor closes keeps the server from having stopped before.
    let mut stuck = server.session();
    stuck.send_until_stuck(&vec![b'\n'; 32 * 1024 * 1024], Duration::from_millis(300));
    server.process.terminate();
    wait_until("connections are refused", || TcpStream::connect(&address).is_err());
    assert!(server.process.is_running());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut server = Server::start(&format!("{TCP} --grace 1m"));
    // One that neither reads nor closes keeps the server from having stopped before.
    let mut client = server.session();
    client.send_until_stuck(&vec![b'\n'; 32 * 1024 * 1024], Duration::from_millis(300));
    server.process.terminate();
    server.process.stderr.wait_for("send again to exit now");
    server.process.terminate();
    let finished = server.process.wait();
    assert_eq!(finished.code, Some(128 + 15), "{}", finished.stderr);
    assert!(!finished.stderr.contains("stopped: "), "{}", finished.stderr);
}

#[test]
fn a_server_without_clients_stops_too() {
    let summary = Server::start("127.0.0.1:0").summary();
    summary.expect(&[("opened", 0), ("ended", 0), ("messages", 0), ("received", 0)]);
}
