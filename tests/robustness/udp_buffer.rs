//! More datagrams at once than a server can read in time.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use socket2::SockRef;

use crate::harness::{DEADLINE, Server, ServiceManager, wait_until};

/// What a server asks for by default.
const DEFAULT_BUFFER: usize = 4 * 1024 * 1024;

/// A client at the first endpoint of `server`, with a buffer for more greetings than the usual 256.
#[track_caller]
fn client(server: &Server) -> UdpSocket {
    let endpoint = server.endpoint("udp");
    let port = Server::port_of(endpoint);
    let (own, target): (SocketAddr, SocketAddr) = match endpoint.contains('[') {
        true => {
            ("[::1]:0".parse().expect("an address"), format!("[::1]:{port}").parse().expect("one"))
        }
        false => (([127, 0, 0, 1], 0).into(), ([127, 0, 0, 1], port).into()),
    };
    let socket = UdpSocket::bind(own).expect("a free port");
    socket.connect(target).expect("the server's address");
    socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    SockRef::from(&socket).set_recv_buffer_size(DEFAULT_BUFFER).expect("as much as is granted");
    socket
}

#[test]
fn a_burst_to_a_suspended_server_is_answered_in_full_once_it_continues() {
    let limit = fs::read_to_string("/proc/sys/net/core/rmem_max").expect("Linux has it");
    let limit: usize = limit.trim().parse().expect("a number");
    // 3000 in the buffer that a server asks for, and fewer where less than that is granted.
    let burst = 3000 * limit.min(DEFAULT_BUFFER) / DEFAULT_BUFFER;
    for line in ["udp://127.0.0.1:0", "udp://0.0.0.0:0", "udp://127.0.0.1:0 --udp-loops 2"] {
        let server = Server::start(line);
        let client = client(&server);
        server.process.suspend();
        for number in 0..burst {
            client.send(format!("{number}").as_bytes()).expect("it can be sent");
        }
        server.process.resume();
        let mut missing: BTreeSet<_> =
            (0..burst).map(|number| format!("Hello, {number}!")).collect();
        let mut bytes = [0; 64];
        while !missing.is_empty() {
            let received = client.recv(&mut bytes);
            let count =
                received.unwrap_or_else(|error| panic!("{error}: {} missing", missing.len()));
            let greeting = String::from_utf8_lossy(&bytes[..count]).into_owned();
            assert!(missing.remove(&greeting), "{greeting} was not expected, or comes twice");
        }
        let all = burst as u64;
        server.summary().expect(&[("received", all), ("greeted", all), ("overflowed", 0)]);
    }
}

#[test]
fn what_the_system_drops_of_a_burst_is_counted() {
    const BURST: u64 = 1000;
    const CLIENTS: u64 = 4;
    for line in [
        "udp://127.0.0.1:0",
        "udp://0.0.0.0:0",
        "udp://[::1]:0",
        "udp://[::]:0",
        "udp://127.0.0.1:0 --udp-loops 2",
    ] {
        if line.contains('[') && !crate::harness::has_ipv6() {
            continue;
        }
        let server = Server::start(&format!("{line} --udp-buffer 4096"));
        let clients: Vec<UdpSocket> = (0..CLIENTS).map(|_| client(&server)).collect();
        server.process.suspend();
        for client in &clients {
            for _ in 0..BURST / CLIENTS {
                client.send(b"Michael").expect("it can be sent");
            }
        }
        server.process.resume();
        let summary = server.summary();
        let [received, overflowed] = ["received", "overflowed"].map(|key| summary.count(key));
        assert_eq!(received + overflowed, BURST, "{line}: {summary:?}");
        assert!(received > 0 && overflowed > BURST / 2, "{line}: {summary:?}");
        summary.expect(&[("greeted", received), ("unsent", 0), ("errors", 0)]);
    }
}

#[test]
fn what_the_system_drops_at_a_socket_that_was_handed_over_is_counted_too() {
    const BURST: u64 = 1000;
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    SockRef::from(&socket).set_recv_buffer_size(4096).expect("a size");
    let server = ServiceManager::with([socket.into()]).start("");
    let client = client(&server);
    server.process.suspend();
    for _ in 0..BURST {
        client.send(b"Michael").expect("it can be sent");
    }
    server.process.resume();
    // What came before it has been answered by then.
    let mut bytes = [0; 64];
    client.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
    wait_until("\"Hello, last!\" has come", || {
        client.send(b"last").expect("it can be sent");
        std::iter::from_fn(|| client.recv(&mut bytes).ok()).any(|length| length == 12)
    });
    let summary = server.summary();
    assert!(summary.count("overflowed") > BURST / 2, "{summary:?}");
    assert!(summary.count("received") + summary.count("overflowed") > BURST, "{summary:?}");
}

#[test]
fn a_buffer_that_the_system_does_not_grant_is_warned_of() {
    let asked = i32::MAX;
    let log = Server::start(&format!("udp://127.0.0.1:0 --udp-buffer {asked} -q")).stop().stderr;
    let words = format!("of {asked} bytes of receive buffer");
    assert_eq!(log.matches(&words).count(), 1, "{log}");
    // The default is not warned of.
    let log = Server::start("udp://127.0.0.1:0 -q").stop().stderr;
    assert_eq!(log, "");
}

#[test]
fn an_invalid_buffer_size_is_a_usage_error() {
    for size in ["0", "-1", "many", "2147483648"] {
        let option = format!("--udp-buffer={size}");
        let finished = Server::run(["udp://127.0.0.1:0", &option]);
        finished.expect_error_line(2, &["--udp-buffer", size]);
        assert_eq!(finished.stdout_text(), "");
    }
}
