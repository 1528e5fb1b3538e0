//! The blocking server and client in `hello-proto/examples`, against each other and against ours.

use crate::harness::{Client, Process, RawClient, Server, example_client, example_server};

/// The server, and its endpoint.
fn start() -> (Process, String) {
    let mut server = Process::spawn(example_server().arg("127.0.0.1:0"));
    let line = server.stdout.next().expect("it says where it listens");
    let endpoint = line.strip_prefix("listening on ").expect("an endpoint").to_owned();
    (server, endpoint)
}

fn address(endpoint: &str) -> &str {
    endpoint.strip_prefix("tcp://").expect("TCP")
}

#[test]
fn the_two_examples_talk_to_each_other() {
    let (_server, endpoint) = start();
    let words = [address(&endpoint), "Michael", "Tracy", "Sarah"];
    let finished = Process::spawn(example_client().args(words)).wait();
    let expected = "Hello, Michael!\nHello, Tracy!\nHello, Sarah!\n";
    assert_eq!((finished.code, finished.stdout_text()), (Some(0), expected), "{finished:?}");
}

#[test]
fn the_server_of_the_examples_keeps_the_protocol() {
    let (_server, endpoint) = start();
    let finished = Client::run(["check", &*endpoint]);
    assert_eq!(finished.code, Some(0), "{finished:?}");

    let mut client = RawClient::connect(&endpoint);
    client.send(b"Michael\r\nTra");
    client.expect(b"Welcome!\nHello, Michael!\n");
    client.send(b"cy\nSarah");
    client.half_close();
    client.expect_last(b"Hello, Tracy!\nHello, Sarah!\n");

    let mut client = RawClient::connect(&endpoint);
    client.send(&[b'x'; 1025]);
    client.expect_last(b"Welcome!\nError: message longer than 1024 bytes\n");
}

#[test]
fn the_client_of_the_examples_talks_to_our_server() {
    let server = Server::start("tcp://127.0.0.1:0");
    let words = [address(server.endpoint("tcp")), "Michael", "Zoë"];
    let finished = Process::spawn(example_client().args(words)).wait();
    let expected = "Hello, Michael!\nHello, Zoë!\n";
    assert_eq!((finished.code, finished.stdout_text()), (Some(0), expected), "{finished:?}");
    server.summary().expect(&[("messages", 2), ("exit", 1), ("lost", 0)]);
}
