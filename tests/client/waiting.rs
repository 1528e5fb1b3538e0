//! Reaching a server: at once, later with `--wait`, or not at all.

use std::time::Instant;

use crate::harness::{Client, DEADLINE, Impostor, Server, UdpImpostor};

#[test]
fn a_server_that_is_not_there_is_not_reached() {
    let closed = Impostor::closed();
    let finished = Client::run(["-s", &closed.endpoint()]);
    finished.expect_complaint(3, &[&closed.endpoint(), "connection refused"]);
    assert_eq!(finished.said(), "");
}

#[test]
fn a_socket_file_that_is_not_there_is_not_reached() {
    let folder = tempfile::tempdir().expect("a folder");
    for scheme in ["unix", "unixgram"] {
        let endpoint = format!("{scheme}://{}/none.sock", folder.path().display());
        Client::run(["-s", &endpoint]).expect_complaint(3, &[&endpoint]);
    }
}

#[test]
fn it_waits_until_a_tcp_server_appears() {
    let impostor = Impostor::closed();
    let words = ["-s", &impostor.endpoint(), "--wait", "20s", "-vv", "Michael"];
    let mut client = Client::start(words);
    client.stderr.wait_for("trying again");
    impostor.listen();
    let mut peer = impostor.accept();
    peer.send(b"Welcome!\nHello, Michael!\n");
    peer.expect(b"Michael\nexit\n");
    peer.half_close();
    let finished = client.wait();
    assert_eq!((finished.code, finished.said()), (Some(0), "Welcome!\nHello, Michael!\n"));
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
        assert_eq!((finished.code, finished.said()), (Some(0), expected), "{}", finished.stderr);
        server.stop();
    }
}

#[test]
fn over_udp_it_says_the_first_message_again_until_it_is_answered() {
    let impostor = UdpImpostor::open();
    let words = ["-s", &impostor.endpoint(), "--wait", "20s", "Michael", "Tracy"];
    let client = Client::start(words);
    for _ in 0..2 {
        impostor.expect(b"Michael");
    }
    let client_address = impostor.expect(b"Michael");
    impostor.send(b"Hello, Michael!", client_address);
    while impostor.receive().0 != b"Tracy" {}
    impostor.send(b"Hello, Tracy!", client_address);
    let finished = client.wait();
    assert_eq!((finished.code, finished.said()), (Some(0), "Hello, Michael!\nHello, Tracy!\n"));
}

#[test]
fn it_gives_up_when_the_wait_is_over() {
    let closed = Impostor::closed();
    let start = Instant::now();
    let finished = Client::run(["-s", &closed.endpoint(), "--wait", "300ms"]);
    assert!(start.elapsed() < DEADLINE, "it took {:?}", start.elapsed());
    finished.expect_complaint(3, &[&closed.endpoint(), "tried for"]);
}

#[test]
fn a_server_that_is_there_but_wrong_is_not_waited_for() {
    let impostor = Impostor::open();
    let client = Client::start(["-s", &impostor.endpoint(), "--wait", "1h"]);
    impostor.accept().send(b"Go away\n");
    client.wait().expect_complaint(1, &["Go away"]);
}
