//! Unix sockets, stream and datagram, and all four kinds on one server.

use std::fs;
use std::process::Command;

use crate::harness::{DatagramClient, RawClient, Server, Summary, skipped};

#[test]
fn a_session_runs_over_a_unix_stream() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&format!("unix://{}/hello.sock", folder.path().display()));
    assert_eq!(server.endpoints(), [format!("unix://{}/hello.sock", folder.path().display())]);
    let mut client = server.session();
    client.send(b"Michael\nTracy\nSar");
    client.expect(b"Hello, Michael!\nHello, Tracy!\n");
    client.send(b"ah");
    client.half_close();
    client.expect_last(b"Hello, Sarah!\n");
}

#[test]
fn a_client_whose_path_fills_its_address_is_served_like_others() {
    // Linux takes a path of 108 bytes without NUL (unix(7)); only through libc can it be given.
    const CLIENT: &str = "
import ctypes, socket, struct, sys
client = socket.socket(socket.AF_UNIX)
own = struct.pack('H', socket.AF_UNIX) + sys.argv[1].encode().ljust(108, b'x')
assert ctypes.CDLL(None).bind(client.fileno(), own, len(own)) == 0
client.connect(sys.argv[2])
client.sendall(b'Michael\\nexit\\n')
print(client.makefile().read(), end='')
";
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hello.sock");
    let server = Server::start(&format!("unix://{} -v", path.display()));
    let mut python = Command::new("python3");
    python.arg("-c").arg(CLIENT).arg(folder.path().join("own")).arg(&path);
    let Ok(output) = python.output() else {
        return skipped("python3 is not installed");
    };
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "Welcome!\nHello, Michael!\n",
        "{output:?}"
    );
    server.summary().expect(&[("opened", 1), ("exit", 1)]);
}

#[test]
fn datagrams_over_a_unix_socket_are_greeted_at_the_address_they_came_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&format!("unixgram://{}/hello.sock", folder.path().display()));
    let endpoint = server.endpoint("unixgram");
    let mut first = DatagramClient::from_file(&folder.path().join("first.sock"), endpoint);
    let mut second = DatagramClient::from_file(&folder.path().join("second.sock"), endpoint);
    first.send(b"Michael");
    second.send(b"");
    second.send(b"exit");
    second.expect(b"Hello, !");
    second.expect(b"Hello, exit!");
    first.expect(b"Hello, Michael!");
}

#[test]
fn a_unix_datagram_over_the_limit_is_dropped_and_the_next_one_is_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&format!("unixgram://{}/hello.sock", folder.path().display()));
    let own = folder.path().join("own.sock");
    let mut client = DatagramClient::from_file(&own, server.endpoint("unixgram"));
    client.send(&[b'x'; 1025]);
    client.send(&[b'x'; 1024]);
    client.expect(&[&b"Hello, "[..], &[b'x'; 1024], b"!"].concat());
    server.summary().expect(&[("received", 2), ("greeted", 1)]);
}

#[test]
fn a_unix_datagram_that_ends_in_a_line_feed_is_a_line_and_so_is_its_greeting() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&format!("unixgram://{}/hello.sock", folder.path().display()));
    let own = folder.path().join("own.sock");
    let mut client = DatagramClient::from_file(&own, server.endpoint("unixgram"));
    client.send(b"Michael\r\n");
    client.expect(b"Hello, Michael!\n");
    client.send(b"Tracy");
    client.expect(b"Hello, Tracy!");
}

#[test]
fn limits_hold_over_unix_streams_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&format!(
        "unix://{}/hello.sock --max-sessions 1 --max-message 7 --idle-timeout 1s",
        folder.path().display()
    ));
    let first = server.session();
    let second = server.connect();
    second.expect_last(b"Error: server is full\n");
    first.expect_last(b"Error: no complete message for 1 s\n");
}

#[test]
fn one_server_serves_all_four_kinds_of_sockets() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display();
    let server =
        Server::start(&format!("127.0.0.1:0 unix://{path}/stream unixgram://{path}/datagram -v"));
    for scheme in ["tcp", "unix"] {
        let mut client = RawClient::connect(server.endpoint(scheme));
        client.send(b"Michael\nexit\n");
        client.expect_last(b"Welcome!\nHello, Michael!\n");
    }
    for mut client in [
        DatagramClient::to(server.endpoint("udp")),
        DatagramClient::from_file(&folder.path().join("own"), server.endpoint("unixgram")),
    ] {
        client.send(b"Michael");
        client.expect(b"Hello, Michael!");
    }
    let log = server.stop().stderr;
    assert!(log.contains(&format!("opened: unix://{path}/stream from unnamed")), "{log}");
    Summary::of(&log).expect(&[("opened", 2), ("messages", 2), ("greeted", 2)]);
    let left: Vec<_> = fs::read_dir(folder.path()).expect("the folder").flatten().collect();
    assert_eq!(left.len(), 1, "only the test's own socket is left: {left:?}");
}

#[test]
fn a_stop_is_announced_on_unix_streams_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&format!("unix://{}/hello.sock", folder.path().display()));
    let mut client = server.session();
    client.send(b"Michael\n");
    server.process.terminate();
    client.expect_last(b"Hello, Michael!\nError: server is shutting down\n");
    server.stopped();
}
