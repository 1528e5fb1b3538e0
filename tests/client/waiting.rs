//! Connecting to a server: at once, later with `--wait`, or not at all.

use std::time::Instant;

use crate::harness::{Client, FakeServer, FakeUdpServer, Process, Server};

#[test]
fn a_closed_tcp_port_is_refused() {
    let closed = FakeServer::closed();
    let finished = Client::run(["-s", &closed.endpoint()]);
    finished.expect_error_line(3, &[&closed.endpoint(), "connection refused"]);
    assert_eq!(finished.stdout_text(), "");
}

#[test]
fn a_missing_socket_file_exits_with_3() {
    let folder = tempfile::tempdir().expect("a folder");
    for scheme in ["unix", "unixgram"] {
        let endpoint = format!("{scheme}://{}/none.sock", folder.path().display());
        Client::run(["-s", &endpoint]).expect_error_line(3, &[&endpoint]);
    }
}

/// Serves `client`, which greets Michael, as it should be.
#[track_caller]
fn expect_served(fake: &FakeServer, client: Process) {
    let mut connection = fake.accept();
    connection.send(b"Welcome!\nHello, Michael!\n");
    connection.expect(b"Michael\nexit\n");
    connection.half_close();
    let finished = client.wait();
    finished.expect_success("Welcome!\nHello, Michael!\n");
}

#[test]
fn it_waits_until_a_tcp_server_appears() {
    let fake = FakeServer::closed();
    let words = ["-s", &fake.endpoint(), "--wait", "20s", "-vv", "Michael"];
    let mut client = Client::start(words);
    client.stderr.wait_for("trying again");
    fake.listen();
    expect_served(&fake, client);
}

#[test]
fn it_waits_until_our_server_appears_on_each_kind_of_unix_socket() {
    let folder = tempfile::tempdir().expect("a folder");
    for (scheme, expected) in
        [("unix", "Welcome!\nHello, Michael!\n"), ("unixgram", "Hello, Michael!\n")]
    {
        let endpoint = format!("{scheme}://{}/hello.sock", folder.path().display());
        let mut client = Client::start(["-s", &endpoint, "--wait", "20s", "-vv", "Michael"]);
        client.stderr.wait_for("trying again");
        let server = Server::start(&endpoint);
        let finished = client.wait();
        finished.expect_success(expected);
        server.stop();
    }
}

#[test]
fn over_udp_it_resends_the_first_message_until_it_is_answered() {
    let fake = FakeUdpServer::open();
    let words = ["-s", &fake.endpoint(), "--wait", "20s", "Michael", "Tracy"];
    let client = Client::start(words);
    for _ in 0..2 {
        fake.expect(b"Michael");
    }
    let client_address = fake.expect(b"Michael");
    fake.send(b"Hello, Michael!", client_address);
    while fake.receive().0 != b"Tracy" {}
    fake.send(b"Hello, Tracy!", client_address);
    let finished = client.wait();
    finished.expect_success("Hello, Michael!\nHello, Tracy!\n");
}

#[test]
fn it_gives_up_when_the_wait_is_over() {
    let closed = FakeServer::closed();
    let start = Instant::now();
    let finished = Client::run(["-s", &closed.endpoint(), "--wait", "300ms"]);
    let took = start.elapsed();
    assert!((300..30_000).contains(&took.as_millis()), "a wait of 300 ms took {took:?}");
    finished.expect_error_line(3, &[&closed.endpoint(), "tried for"]);
}

#[test]
fn a_wrong_welcome_is_not_retried() {
    let fake = FakeServer::open();
    let client = Client::start(["-s", &fake.endpoint(), "--wait", "1h"]);
    fake.accept().send(b"Go away\n");
    client.wait().expect_error_line(1, &["Go away"]);
}

#[test]
fn a_stream_that_closes_without_a_welcome_is_not_there_yet() {
    let fake = FakeServer::open();
    let client = Client::start(["-s", &fake.endpoint(), "--wait", "20s", "Michael"]);
    // What a balancer does while its backend is down: an end, a reset, a rejection, an empty line.
    drop(fake.accept());
    fake.accept().reset();
    fake.accept().send(b"Error: server is shutting down\n");
    fake.accept().send(b"\n");
    expect_served(&fake, client);
}

#[test]
fn an_empty_datagram_means_that_the_server_is_not_there_yet() {
    let fake = FakeUdpServer::open();
    let client = Client::start(["-s", &fake.endpoint(), "--wait", "20s", "Michael"]);
    let client_address = fake.expect(b"Michael");
    fake.send(b"", client_address);
    let client_address = fake.expect(b"Michael");
    fake.send(b"Hello, Michael!", client_address);
    let finished = client.wait();
    finished.expect_success("Hello, Michael!\n");
}

#[test]
fn a_measurement_waits_for_the_welcome_too() {
    let server = Server::start("tcp://127.0.0.1:0 --max-sessions 1");
    let first = server.session();
    let words = ["bench", "--messages", "3", "--warmup", "0", "--wait", "20s", "-vv", "-s"];
    let mut client = Client::start(words.into_iter().chain([server.endpoint("tcp")]));
    client.stderr.wait_for("server is full");
    drop(first);
    assert_eq!(client.wait().code, Some(0));
}

#[test]
fn it_says_at_v_that_it_waits_and_for_what() {
    let closed = FakeServer::closed();
    let finished = Client::run(["-v", "-s", &closed.endpoint(), "--wait", "300ms"]);
    let expected = format!("waiting for {}, for up to 0 s more: connection ref", closed.endpoint());
    assert_eq!(finished.stderr.matches(&expected).count(), 1, "{}", finished.stderr);
}

#[test]
fn an_empty_script_proves_nothing_over_udp() {
    let silent = FakeUdpServer::open();
    let finished = Client::run(["-s", &silent.endpoint(), "-f", "/dev/null"]);
    finished.expect_error_line(2, &["no message"]);
}
