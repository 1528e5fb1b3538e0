//! The client's sockets and framings, against our server and in literal bytes.

use std::fs;

use crate::harness::{Client, FakeServer, Process, Server};

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
            assert_eq!(
                (finished.code, finished.stdout_text()),
                (Some(0), TUTORIAL),
                "{framing} {scheme}"
            );
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
    finished.expect_success(expected);
}

#[test]
fn under_length_the_client_sends_a_header_of_four_bytes() {
    let fake = FakeServer::open();
    let client = Client::start(["-s", &fake.endpoint(), "--framing", "length", "Michael"]);
    let mut connection = fake.accept();
    connection.send(b"\0\0\0\x08Welcome!");
    connection.expect(b"\0\0\0\x07Michael");
    connection.send(b"\0\0\0\x0fHello, Michael!");
    connection.expect(b"\0\0\0\x04exit");
    connection.half_close();
    let finished = client.wait();
    finished.expect_success("Welcome!\nHello, Michael!\n");
}

#[test]
fn under_raw_the_client_sends_no_terminator() {
    let fake = FakeServer::open();
    let client = Client::start(["-s", &fake.endpoint(), "--framing", "raw", "Michael"]);
    let mut connection = fake.accept();
    // In two pieces, as TCP may: the length of the reply shows when it is complete.
    connection.send(b"Wel");
    connection.send(b"come!");
    connection.expect(b"Michael");
    connection.send(b"Hello, Mi");
    connection.send(b"chael!");
    connection.expect(b"exit");
    connection.half_close();
    let finished = client.wait();
    finished.expect_success("Welcome!\nHello, Michael!\n");
}

#[test]
fn a_reply_in_many_pieces_is_one_reply() {
    let fake = FakeServer::open();
    let client = Client::start(["-s", &fake.endpoint(), "Michael"]);
    let mut connection = fake.accept();
    for byte in b"Welcome!\n" {
        connection.send(&[*byte]);
    }
    connection.expect(b"Michael\n");
    for byte in b"Hello, Michael!\n" {
        connection.send(&[*byte]);
    }
    connection.expect(b"exit\n");
    connection.half_close();
    let finished = client.wait();
    finished.expect_success("Welcome!\nHello, Michael!\n");
}

#[test]
fn a_client_with_another_framing_than_the_server_fails_rather_than_hangs() {
    let server = Server::start("tcp://127.0.0.1:0");
    for framing in ["length", "raw"] {
        let words = ["-s", server.endpoint("tcp"), "--framing", framing, "--timeout", "20s"];
        let (object, finished) = Client::json(words);
        finished.expect_error_line(1, &[server.endpoint("tcp"), "the server s"]);
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
    finished.expect_success(expected);

    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 2, "the server's socket and its lock alone");
    server.summary().expect(&[("received", 3), ("greeted", 3)]);
}
