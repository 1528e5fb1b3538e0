//! The counters of a server add up to what its clients did.

use crate::harness::{DatagramClient, Server, Summary};

#[test]
fn every_session_message_and_byte_is_counted_once() {
    let server = Server::start("127.0.0.1:0 --max-message 10 --workers 2");

    let mut exits = server.session();
    exits.send(b"Michael\nTracy\nexit\n");
    exits.expect_last(b"Hello, Michael!\nHello, Tracy!\n");

    let mut leaves = server.session();
    leaves.send(b"Sarah");
    leaves.half_close();
    leaves.expect_last(b"Hello, Sarah!\n");

    let mut says_too_much = server.session();
    says_too_much.send(b"0123456789x\n");
    says_too_much.expect_last(b"Error: message longer than 10 bytes\n");

    let mut stays = server.session();
    stays.send(b"Bob\n");
    stays.expect(b"Hello, Bob!\n");

    let mut datagrams = DatagramClient::to(server.endpoint("udp"));
    for message in [&b"0123456789"[..], b"0123456789x", b""] {
        datagrams.send(message);
    }
    datagrams.expect(b"Hello, 0123456789!");
    datagrams.expect(b"Hello, !");

    server.process.terminate();
    stays.expect_last(b"Error: server is shutting down\n");
    let summary = Summary::of(&server.stopped().stderr);

    summary.expect_all_ended();
    summary.expect(&[
        ("opened", 4),
        ("exit", 1),
        ("end-of-stream", 1),
        ("sessions too-long", 1),
        ("shutdown", 1),
        ("refused-full", 0),
        ("messages", 4),
        ("bytes-in", 19 + 5 + 12 + 4),
        // Four welcomes, four greetings, two errors.
        ("bytes-out", 4 * 9 + (16 + 14 + 14 + 12) + (36 + 31)),
        ("received", 3),
        ("greeted", 2),
        ("datagrams too-long", 1),
        ("errors", 0),
    ]);
}
