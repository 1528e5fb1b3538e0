//! The framings `length` and `raw` of the server, in literal bytes.

use crate::harness::{DatagramClient, RawClient, Server};

const LENGTH: &str = "tcp://127.0.0.1:0 --framing length";
const RAW: &str = "tcp://127.0.0.1:0 --framing raw";

fn length_session(server: &Server) -> RawClient {
    let mut client = server.connect();
    client.expect(b"\0\0\0\x08Welcome!");
    client
}

#[test]
fn a_length_of_four_bytes_stands_before_each_message_and_each_reply() {
    let server = Server::start(LENGTH);
    let mut client = length_session(&server);
    client.send(b"\0\0\0\x07Michael");
    client.expect(b"\0\0\0\x0fHello, Michael!");
    client.send(b"\0\0\0\x05Tracy\0\0\0\0\0\0\0\x05Sarah\0\0\0\x04exit\0\0\0\x01x");
    client.expect_last(b"\0\0\0\x0dHello, Tracy!\0\0\0\x08Hello, !\0\0\0\x0dHello, Sarah!");
}

#[test]
fn a_frame_that_comes_byte_by_byte_is_one_message() {
    let server = Server::start(LENGTH);
    let mut client = length_session(&server);
    for byte in b"\0\0\0\x07Michael\0\0\0\x04exit" {
        client.send(&[*byte]);
    }
    client.expect_last(b"\0\0\0\x0fHello, Michael!");
}

#[test]
fn a_frame_may_hold_any_byte() {
    let server = Server::start(LENGTH);
    let mut client = length_session(&server);
    let bytes: Vec<u8> = (0..=255).collect();
    client.send(&[b"\0\0\x01\0", &*bytes].concat());
    client.expect(&[b"\0\0\x01\x08Hello, ", &*bytes, b"!"].concat());
    client.send(b"\0\0\0\x05exit\n");
    client.expect(b"\0\0\0\x0dHello, exit\n!");
}

#[test]
fn a_frame_at_the_limit_is_answered_and_one_over_it_is_rejected_by_its_header() {
    let server = Server::start(LENGTH);
    let mut client = length_session(&server);
    client.send(&[&b"\0\0\x04\0"[..], &[b'x'; 1024]].concat());
    client.expect(&[&b"\0\0\x04\x08Hello, "[..], &[b'x'; 1024], b"!"].concat());
    client.send(b"\0\0\x04\x01");
    client.expect_last(b"\0\0\0\x25Error: message longer than 1024 bytes");

    let mut client = length_session(&server);
    client.send(b"\xff\xff\xff\xff");
    client.expect_last(b"\0\0\0\x25Error: message longer than 1024 bytes");
}

#[test]
fn a_partial_frame_before_the_end_is_not_a_message() {
    let server = Server::start(LENGTH);
    for part in [&b"\0\0"[..], b"\0\0\0\x07", b"\0\0\0\x07Mich"] {
        let mut client = length_session(&server);
        client.send(b"\0\0\0\x05Tracy");
        client.send(part);
        client.half_close();
        client.expect_last(b"\0\0\0\x0dHello, Tracy!");
    }
}

#[test]
fn a_full_server_rejects_in_its_framing() {
    let server = Server::start(&format!("{LENGTH} --max-sessions 1"));
    let _first = length_session(&server);
    server.connect().expect_last(b"\0\0\0\x15Error: server is full");
}

#[test]
fn raw_messages_and_replies_have_no_terminator() {
    let server = Server::start(RAW);
    let mut client = server.connect();
    client.expect(b"Welcome!");
    for (message, reply) in [
        (&b"Michael"[..], &b"Hello, Michael!"[..]),
        (b"Tracy\n", b"Hello, Tracy\n!"),
        (b"\0\xff", b"Hello, \0\xff!"),
    ] {
        client.send(message);
        client.expect(reply);
    }
    client.send(b"exit");
    client.expect_last(b"");
}

#[test]
fn a_raw_read_takes_no_more_than_the_limit() {
    let server = Server::start(RAW);
    let mut client = server.connect();
    client.expect(b"Welcome!");
    client.send(&[b'x'; 1025]);
    client.expect(&[&b"Hello, "[..], &[b'x'; 1024], b"!Hello, x!"].concat());
}

#[test]
fn a_raw_session_ends_when_there_is_no_more_data() {
    let server = Server::start(RAW);
    let mut client = server.connect();
    client.send(b"Michael");
    client.half_close();
    client.expect_last(b"Welcome!Hello, Michael!");
}

#[test]
fn under_length_and_raw_a_datagram_is_a_message_whole() {
    for framing in ["length", "raw"] {
        let server = Server::start(&format!("127.0.0.1:0 --framing {framing}"));
        let mut client = DatagramClient::to(server.endpoint("udp"));
        client.send(b"Michael");
        client.expect(b"Hello, Michael!");
        client.send(b"Tracy\r\n");
        client.expect(b"Hello, Tracy\r\n!");
    }
}
