//! The file of a Unix socket: who may replace it, and when it is removed.

use std::fs;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;

use crate::harness::{DatagramClient, Server};

const KINDS: [&str; 2] = ["unix", "unixgram"];

fn endpoint(scheme: &str, path: &Path) -> String {
    format!("{scheme}://{}", path.display())
}

const IN_USE: &str = "another server is listening on this path";

#[test]
fn one_that_a_live_server_holds_is_refused_and_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hello.sock");
    let own = folder.path().join("own");
    for held in KINDS {
        let first = Server::start(&endpoint(held, &path));
        for scheme in KINDS {
            let endpoint = endpoint(scheme, &path);
            Server::run([&*endpoint]).expect_error_line(1, &[&endpoint, IN_USE]);
        }
        if held == "unix" {
            let mut client = first.session();
            client.send(b"Michael\n");
            client.expect(b"Hello, Michael!\n");
        } else {
            let mut client = DatagramClient::from_file(&own, first.endpoint("unixgram"));
            client.send(b"Michael");
            client.expect(b"Hello, Michael!");
        }
        first.stop();
    }
}

/// Other programs do not know the lock of hello-server.
#[test]
fn one_that_another_program_holds_is_refused_and_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let (stream, datagram) = (folder.path().join("stream"), folder.path().join("datagram"));
    let _stream = UnixListener::bind(&stream).expect("a socket");
    let _datagram = UnixDatagram::bind(&datagram).expect("a socket");
    for path in [stream, datagram] {
        for scheme in KINDS {
            let endpoint = endpoint(scheme, &path);
            Server::run([&*endpoint]).expect_error_line(1, &[&endpoint, IN_USE]);
        }
        assert!(path.exists());
    }
}

#[test]
fn one_that_has_been_replaced_is_not_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hello.sock");
    let server = Server::start(&endpoint("unix", &path));
    fs::remove_file(&path).expect("its file");
    let _other = UnixListener::bind(&path).expect("a socket");
    server.stop();
    assert!(path.exists());
}

#[test]
fn an_ordinary_file_is_never_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("precious");
    fs::write(&path, "data").expect("a file");
    for scheme in KINDS {
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
    for scheme in KINDS {
        let endpoint = endpoint(scheme, &path);
        Server::run([&*endpoint]).expect_error_line(2, &[&endpoint, "at most 107"]);
    }
}
