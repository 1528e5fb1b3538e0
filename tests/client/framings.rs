//! The client's sockets and framings, against our server and in literal bytes.

use std::fs;

use crate::harness::{Client, Impostor, Process, Server};

const TUTORIAL: &str = "Welcome!\nHello, Michael!\nHello, Tracy!\nHello, Sarah!\n";

#[test]
fn every_framing_carries_a_session_over_every_stream() {
    let folder = tempfile::tempdir().expect("a folder");
    for framing in ["line", "length", "raw"] {
        let server = Server::start(&format!(
            "tcp://127.0.0.1:0 unix://{}/hello.sock --framing {framing}",
            folder.path().display()
        ));
        for scheme in ["tcp", "unix"] {
            let finished = Client::run(["-s", server.endpoint(scheme), "--framing", framing]);
            assert_eq!((finished.code, finished.said()), (Some(0), TUTORIAL), "{framing} {scheme}");
        }
        server.stop();
    }
}

#[test]
fn under_length_a_message_may_hold_any_byte() {
    let server = Server::start("tcp://127.0.0.1:0 --framing length");
    let words = ["-s", server.endpoint("tcp"), "--framing", "length", "a\nb\r", "", "exit "];
    let finished = Client::run(words);
    let expected = "Welcome!\nHello, a\nb\r!\nHello, !\nHello, exit !\n";
    assert_eq!((finished.code, finished.said()), (Some(0), expected), "{}", finished.stderr);
}

#[test]
fn under_length_the_client_sends_a_header_of_four_bytes() {
    let impostor = Impostor::open();
    let client = Client::start(["-s", &impostor.endpoint(), "--framing", "length", "Michael"]);
    let mut peer = impostor.accept();
    peer.send(b"\0\0\0\x08Welcome!");
    peer.expect(b"\0\0\0\x07Michael");
    peer.send(b"\0\0\0\x0fHello, Michael!");
    peer.expect(b"\0\0\0\x04exit");
    peer.half_close();
    let finished = client.wait();
    assert_eq!((finished.code, finished.said()), (Some(0), "Welcome!\nHello, Michael!\n"));
}

#[test]
fn under_raw_the_client_sends_no_terminator() {
    let impostor = Impostor::open();
    let client = Client::start(["-s", &impostor.endpoint(), "--framing", "raw", "Michael"]);
    let mut peer = impostor.accept();
    // In two pieces, as TCP may: the length of the reply says when it is whole.
    peer.send(b"Wel");
    peer.send(b"come!");
    peer.expect(b"Michael");
    peer.send(b"Hello, Mi");
    peer.send(b"chael!");
    peer.expect(b"exit");
    peer.half_close();
    let finished = client.wait();
    assert_eq!((finished.code, finished.said()), (Some(0), "Welcome!\nHello, Michael!\n"));
}

#[test]
fn a_reply_in_many_pieces_is_one_reply() {
    let impostor = Impostor::open();
    let client = Client::start(["-s", &impostor.endpoint(), "Michael"]);
    let mut peer = impostor.accept();
    for byte in b"Welcome!\n" {
        peer.send(&[*byte]);
    }
    peer.expect(b"Michael\n");
    for byte in b"Hello, Michael!\n" {
        peer.send(&[*byte]);
    }
    peer.expect(b"exit\n");
    peer.half_close();
    let finished = client.wait();
    assert_eq!((finished.code, finished.said()), (Some(0), "Welcome!\nHello, Michael!\n"));
}

#[test]
fn a_client_with_another_framing_than_the_server_fails_rather_than_hangs() {
    let server = Server::start("tcp://127.0.0.1:0");
    for framing in ["length", "raw"] {
        let words = ["-s", server.endpoint("tcp"), "--framing", framing, "--timeout", "20s"];
        let (object, finished) = Client::json(words);
        finished.expect_complaint(1, &[]);
        assert_eq!(object["error"]["kind"], "mismatch", "{framing}: {object}");
    }
}

#[test]
fn over_unix_datagrams_it_is_answered_and_leaves_nothing_behind() {
    let (folder, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(&format!("unixgram://{}/hello.sock", folder.path().display()));
    let mut command = Client::command(["-s", server.endpoint("unixgram")]);
    command.env("TMPDIR", temporary.path()).current_dir(temporary.path());
    let finished = Process::spawn(&mut command).wait();
    let expected = "Hello, Michael!\nHello, Tracy!\nHello, Sarah!\n";
    assert_eq!((finished.code, finished.said()), (Some(0), expected), "{}", finished.stderr);

    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 2, "the server's socket and its lock alone");
    server.summary().expect(&[("received", 3), ("greeted", 3)]);
}
