//! The file of a Unix socket: who may replace it, and when it is removed.

use std::fs;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;

use crate::harness::{DatagramClient, Server};

fn endpoint(scheme: &str, path: &Path) -> String {
    format!("{scheme}://{}", path.display())
}

#[test]
fn it_is_removed_on_a_clean_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    for scheme in ["unix", "unixgram"] {
        let path = folder.path().join(scheme);
        let server = Server::start(&endpoint(scheme, &path));
        assert!(path.exists());
        server.stop();
        assert!(!path.exists(), "{scheme}");
    }
}

#[test]
fn one_that_a_dead_server_has_left_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let stream = folder.path().join("stream");
    drop(UnixListener::bind(&stream).expect("a socket"));
    assert!(stream.exists(), "it stays when its socket is closed");
    let server = Server::start(&endpoint("unix", &stream));
    server.session().send(b"exit\n");
    server.stop();

    let datagram = folder.path().join("datagram");
    drop(UnixDatagram::bind(&datagram).expect("a socket"));
    let server = Server::start(&endpoint("unixgram", &datagram));
    let own = folder.path().join("own");
    let mut client = DatagramClient::from_file(&own, server.endpoint("unixgram"));
    client.send(b"Michael");
    client.expect(b"Hello, Michael!");
}

#[test]
fn one_that_a_killed_server_has_left_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hello.sock");
    drop(Server::start(&endpoint("unix", &path)));
    assert!(path.exists(), "it was killed, and could not remove it");
    Server::start(&endpoint("unix", &path)).session().send(b"exit\n");
}

#[test]
fn one_that_a_live_server_holds_is_refused_and_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hello.sock");
    let first = Server::start(&endpoint("unix", &path));
    for scheme in ["unix", "unixgram"] {
        let endpoint = endpoint(scheme, &path);
        Server::run([&*endpoint])
            .expect_error_line(1, &[&endpoint, "another server is listening on this path"]);
    }
    let mut client = first.session();
    client.send(b"Michael\n");
    client.expect(b"Hello, Michael!\n");
}

#[test]
fn one_that_a_live_datagram_server_holds_is_refused_and_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hello.sock");
    let first = Server::start(&endpoint("unixgram", &path));
    for scheme in ["unix", "unixgram"] {
        let endpoint = endpoint(scheme, &path);
        Server::run([&*endpoint])
            .expect_error_line(1, &[&endpoint, "another server is listening on this path"]);
    }
    let own = folder.path().join("own");
    let mut client = DatagramClient::from_file(&own, first.endpoint("unixgram"));
    client.send(b"Michael");
    client.expect(b"Hello, Michael!");
}

#[test]
fn an_ordinary_file_is_never_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("precious");
    fs::write(&path, "data").expect("a file");
    for scheme in ["unix", "unixgram"] {
        let endpoint = endpoint(scheme, &path);
        Server::run([&*endpoint]).expect_error_line(1, &[&endpoint, "not a socket"]);
    }
    assert_eq!(fs::read(&path).expect("the file"), b"data");
}

#[test]
fn a_start_that_fails_leaves_no_file_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let (good, bad) = (folder.path().join("good"), folder.path().join("none/bad"));
    let endpoints = [endpoint("unix", &good), endpoint("unix", &bad)];
    let finished = Server::run(endpoints.each_ref().map(String::as_str));
    finished.expect_error_line(1, &[&endpoints[1]]);
    assert!(!good.exists());
}

#[test]
fn a_path_that_is_too_long_is_a_usage_error_that_gives_the_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x".repeat(108));
    for scheme in ["unix", "unixgram"] {
        let endpoint = endpoint(scheme, &path);
        Server::run([&*endpoint]).expect_error_line(2, &[&endpoint, "at most 107"]);
    }
}
