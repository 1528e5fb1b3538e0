//! A read that ends early does not mean that there is no more: TCP ends one at an urgent byte, a
//! Unix socket at a message that carries descriptors or is out of band.
//!
//! The server is suspended while these are sent, so that they arrive together and there is one
//! event for all. Its idle timeout is longer than a test waits.

use crate::harness::{RawClient, Server, skipped};

/// A server with a session at each of its endpoints, suspended.
fn suspended(folder: &tempfile::TempDir) -> (Server, [RawClient; 2]) {
    let path = folder.path().display();
    let endpoints = format!("tcp://127.0.0.1:0 unix://{path}/hello.sock");
    let server = Server::start(&format!("{endpoints} --workers 1 --idle-timeout 5m"));
    let sessions = ["tcp", "unix"].map(|scheme| RawClient::connect(server.endpoint(scheme)));
    let sessions = sessions.map(|mut session| {
        session.expect(b"Welcome!\n");
        session
    });
    // One message each, so that the sessions wait for input as any other does.
    let sessions = sessions.map(|mut session| {
        session.send(b"x\n");
        session.expect(b"Hello, x!\n");
        session
    });
    server.process.suspend();
    (server, sessions)
}

/// What is sent at once: bytes in band, or one that is urgent.
enum Part {
    Bytes(&'static [u8]),
    Urgent(u8),
}

use Part::{Bytes, Urgent};

/// A byte out of band is not part of a message, wherever it is among them.
const WITH_AN_URGENT_BYTE: [(&[Part], &[u8]); 6] = [
    (&[Bytes(b"a"), Urgent(b'!'), Bytes(b"b\n")], b"Hello, ab!\n"),
    (&[Bytes(b"a\n"), Urgent(b'!'), Bytes(b"b\n")], b"Hello, a!\nHello, b!\n"),
    (&[Urgent(b'!'), Bytes(b"a\nb\n")], b"Hello, a!\nHello, b!\n"),
    (&[Bytes(b"a\nb\n"), Urgent(b'!')], b"Hello, a!\nHello, b!\n"),
    (
        &[Bytes(b"a\n"), Urgent(b'\n'), Bytes(b"b\n"), Bytes(b"c\n")],
        b"Hello, a!\nHello, b!\nHello, c!\n",
    ),
    (&[Bytes(b"a"), Urgent(b'!'), Bytes(b"b\nexit\n")], b"Hello, ab!\n"),
];

#[test]
fn what_follows_an_urgent_byte_on_tcp_is_answered_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    for (parts, replies) in WITH_AN_URGENT_BYTE {
        let (server, [mut tcp, _unix]) = suspended(&folder);
        send(&mut tcp, parts);
        server.process.resume();
        tcp.expect(replies);
    }
}

#[test]
fn what_follows_a_byte_out_of_band_on_a_unix_socket_is_answered_at_once() {
    if !has_unix_out_of_band() {
        return skipped("this kernel has no MSG_OOB on Unix sockets");
    }
    let folder = tempfile::tempdir().expect("a folder");
    for (parts, replies) in WITH_AN_URGENT_BYTE {
        let (server, [_tcp, mut unix]) = suspended(&folder);
        send(&mut unix, parts);
        server.process.resume();
        unix.expect(replies);
    }
}

#[test]
fn an_urgent_byte_does_not_disturb_a_session_that_is_not_suspended_either() {
    let server = Server::start("tcp://127.0.0.1:0 --idle-timeout 5m");
    let mut session = server.session();
    for _ in 0..200 {
        send(&mut session, &[Bytes(b"a"), Urgent(b'!'), Bytes(b"b\n")]);
        session.expect(b"Hello, ab!\n");
    }
}

#[test]
fn messages_that_carry_descriptors_are_all_answered_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, [_tcp, mut unix]) = suspended(&folder);
    // More of them than one turn reads, since each ends a read.
    for _ in 0..50 {
        unix.send(b"a");
        unix.send_with_descriptor(b"b\n");
        unix.send_with_descriptor(b"c\n");
        unix.send(b"d\n");
    }
    server.process.resume();
    unix.expect(&b"Hello, ab!\nHello, c!\nHello, d!\n".repeat(50));
}

#[test]
fn what_follows_a_message_with_a_descriptor_is_answered_before_a_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, [mut tcp, mut unix]) = suspended(&folder);
    send(&mut tcp, &[Bytes(b"a"), Urgent(b'!'), Bytes(b"b\n")]);
    unix.send_with_descriptor(b"a");
    unix.send(b"b\n");
    server.process.terminate();
    server.process.resume();
    for session in [tcp, unix] {
        session.expect_last(b"Hello, ab!\nError: server is shutting down\n");
    }
    server.stopped();
}

#[track_caller]
fn send(client: &mut RawClient, parts: &[Part]) {
    for part in parts {
        match part {
            Bytes(bytes) => client.send(bytes),
            Urgent(byte) => client.send_urgent(*byte),
        }
    }
}

fn has_unix_out_of_band() -> bool {
    let (one, _other) = std::os::unix::net::UnixStream::pair().expect("a pair");
    socket2::SockRef::from(&one).send_out_of_band(b"!").is_ok()
}
