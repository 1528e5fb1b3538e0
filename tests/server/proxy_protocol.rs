//! Behind a proxy that speaks the PROXY protocol: sessions are the clients' that its headers name.

use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{DEADLINE, DatagramClient, RawClient, Scrape, Server, Summary, wait_until};

const V1: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.9 56324 9999\r\n";

/// The same client.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x09\xdc\x04\x27\x0f";

/// A health check of the proxy itself.
const V2_LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

const TCP: &str = "tcp://127.0.0.1:0 --proxy-protocol";

/// A session of the client that `header` names, up to the welcome.
#[track_caller]
fn session(server: &Server, header: &[u8]) -> RawClient {
    let mut client = server.connect();
    client.send(header);
    client.expect(b"Welcome!\n");
    client
}

/// Asserts that the server closes the stream without a word: with a reset if it has not read all.
#[track_caller]
fn expect_closed(client: RawClient) {
    match client.try_read_to_end() {
        Ok(bytes) => assert_eq!(bytes.escape_ascii().to_string(), ""),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
}

#[test]
fn a_session_is_logged_as_that_of_the_client_in_the_header() {
    let server = Server::start(&format!("{TCP} -v"));
    let endpoint = server.endpoint("tcp").to_owned();
    let v1_ipv6 = b"PROXY TCP6 2001:db8::1 2001:db8::9 4711 9999\r\n";
    let v2_ipv6 = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24\
        \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09\
        \x12\x67\x27\x0f";
    for header in [V1, V2, v1_ipv6, v2_ipv6] {
        // The header and what follows it arrive together.
        let mut client = server.connect();
        client.send(&[header, b"Michael\nTracy\nexit\n"].concat());
        client.expect_last(b"Welcome!\nHello, Michael!\nHello, Tracy!\n");
    }
    let finished = server.stop();
    for (id, peer) in [
        (1, "192.0.2.1:56324"),
        (2, "192.0.2.1:56324"),
        (3, "[2001:db8::1]:4711"),
        (4, "[2001:db8::2]:4711"),
    ] {
        let opened = format!("session {id} opened: {endpoint} from {peer}\n");
        // The header is not the session's.
        let ended = format!(
            "session {id} ended: exit; {endpoint} from {peer}; \
             2 messages, 19 bytes in, 39 bytes out in "
        );
        for line in [opened, ended] {
            assert_eq!(
                finished.stderr.matches(&line).count(),
                1,
                "{line:?} in:\n{}",
                finished.stderr
            );
        }
    }
}

#[test]
fn in_json_the_peer_is_the_client_in_the_header_too() {
    let server = Server::start(&format!("{TCP} -v --log-format json"));
    let mut client = session(&server, V2);
    client.send(b"exit\n");
    client.expect_last(b"");
    let log = server.stop().stderr;
    let objects = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("an object"));
    let peers: Vec<_> = objects.filter_map(|object| Some(object.get("peer")?.clone())).collect();
    assert_eq!(peers, ["192.0.2.1:56324", "192.0.2.1:56324"], "{log}");
}

#[test]
fn nothing_is_said_before_the_header_is_complete_however_it_is_split() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&format!("{TCP} unix://{}/hello.sock", folder.path().display()));
    for endpoint in server.endpoints() {
        for header in [V1, V2, V2_LOCAL, b"PROXY UNKNOWN\r\n"] {
            let mut client = RawClient::connect(endpoint);
            let (last, bytes) = header.split_last().expect("it is not empty");
            for byte in bytes {
                client.send(&[*byte]);
            }
            assert_eq!(client.read_within(Duration::from_millis(100), 1), None);
            client.send(&[*last]);
            client.expect(b"Welcome!\n");
            client.send(b"Michael\n");
            client.expect(b"Hello, Michael!\n");
        }
    }
    server.summary().expect(&[("opened", 8), ("messages", 8), ("refused-proxy-header", 0)]);
}

#[test]
fn a_header_that_names_no_client_leaves_the_address_of_the_connection() {
    let server = Server::start(&format!("{TCP} -v"));
    let endpoint = server.endpoint("tcp").to_owned();
    let mut lines = Vec::new();
    let longest = [b"PROXY UNKNOWN ", &[b'x'; 91][..], b"\r\n"].concat();
    for (index, header) in [V2_LOCAL, b"PROXY UNKNOWN\r\n", &longest].into_iter().enumerate() {
        let mut client = session(&server, header);
        lines.push(format!("session {} opened: {endpoint} from {}\n", index + 1, client.local()));
        client.send(b"exit\n");
        client.expect_last(b"");
    }
    let log = server.stop().stderr;
    assert!(lines.iter().all(|line| log.contains(line)), "{lines:?} in:\n{log}");
}

#[test]
fn the_limit_of_sessions_from_one_address_is_that_of_the_clients() {
    let server = Server::start(&format!("{TCP} --max-sessions-per-address 1"));
    let rejected = |header: &[u8]| {
        let mut client = server.connect();
        client.send(header);
        client.expect_last(b"Error: too many sessions from your address\n");
    };
    let _first = session(&server, V1);
    rejected(V2);
    let _other = session(&server, b"PROXY TCP4 192.0.2.2 192.0.2.9 56324 9999\r\n");
    let _check = session(&server, V2_LOCAL);
    rejected(V2_LOCAL);
    server.summary().expect(&[("opened", 3), ("refused-address", 2)]);
}

#[test]
fn a_connection_that_waits_for_its_header_takes_a_place_and_gives_it_back() {
    let server = Server::start(&format!("{TCP} --max-sessions 1"));
    let mut waits = server.connect();
    waits.send(b"PROXY");
    server.connect().expect_last(b"Error: server is full\n");
    waits.send(b"X");
    expect_closed(waits);
    let _next = session(&server, V1);
    server.summary().expect(&[("opened", 1), ("refused-full", 1), ("refused-proxy-header", 1)]);
}

#[test]
fn connections_that_wait_for_their_header_are_in_the_metrics_and_in_the_report() {
    let mut server = Server::start(&format!("{TCP} --max-sessions 3 --metrics=127.0.0.1:0"));
    let metrics = server.metrics();
    let waits = [server.connect(), server.connect()];
    let _session = session(&server, V1);
    server.connect().expect_last(b"Error: server is full\n");
    // The acceptor says so before it waits again.
    let waiting = || Scrape::of(&metrics).value("hello_connections_waiting");
    wait_until("two wait", || waiting() == 2.0);
    let scrape = Scrape::of(&metrics);
    assert_eq!(scrape.value("hello_sessions_open"), 1.0, "{}", scrape.text);
    server.process.signal(Signal::USR1);
    let line = server.process.stderr.wait_for("running: ");
    assert!(line.contains("running: open=1; sessions opened=1 "), "{line}");
    assert!(line.contains("; proxy headers waiting=2"), "{line}");
    drop(waits);
    wait_until("none waits any more", || waiting() == 0.0);
}

#[test]
fn a_header_may_be_split_by_urgent_bytes() {
    let server = Server::start(TCP);
    for place in [0, 3, 20, V1.len() - 1] {
        let mut client = server.connect();
        let (one, other) = V1.split_at(place);
        client.send(one);
        client.send_urgent(b'!');
        client.send(&[other, b"Michael\n"].concat());
        client.expect(b"Welcome!\nHello, Michael!\n");
    }
    server.summary().expect(&[("opened", 4), ("refused-proxy-header", 0)]);
}

#[test]
fn a_connection_without_a_proper_header_is_closed_without_a_word_logged_and_counted() {
    for (received, reason) in [
        (&b"Michael\n"[..], r#"no PROXY protocol header: "Michael\n""#),
        (b"PROXY TCP4 192.0.2.1 192.0.2.9 56324\r\n", "malformed PROXY protocol header: not two "),
        (
            b"PROXY TCP4 192.0.2.1 192.0.2.9 1 2\n",
            "malformed PROXY protocol header: CR or LF alone",
        ),
        (
            &[b"PROXY UNKNOWN ", &[b'x'; 93][..]].concat(),
            "PROXY protocol header longer than 107 bytes",
        ),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\0", "malformed PROXY protocol header: too short"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\0\xff\xff", "PROXY protocol header longer than 4096 bytes"),
    ] {
        let server = Server::start(TCP);
        let mut client = server.connect();
        let (local, endpoint) = (client.local(), server.endpoint("tcp").to_owned());
        client.send(received);
        expect_closed(client);
        drop(session(&server, V1));
        let log = server.stop().stderr;
        let line = format!("rejected {local} at {endpoint}: {reason}");
        assert_eq!(log.matches(&line).count(), 1, "{line} in:\n{log}");
        assert!(log.contains(" refused-proxy-header=1;"), "{log}");
    }
}

#[test]
fn a_header_that_is_late_ends_the_connection_however_it_drips() {
    let server = Server::start(&format!("{TCP} --idle-timeout 500ms"));
    let start = Instant::now();
    let mut client = server.connect();
    for byte in b"PROXY UNKNOWN ".iter().chain(&[b'x'; 90]) {
        if client.send_until_stuck(&[*byte], DEADLINE) == 0 {
            break;
        }
        // A length of time that is much shorter than the timeout.
        thread::sleep(Duration::from_millis(50));
    }
    assert!(start.elapsed() >= Duration::from_millis(500));
    expect_closed(server.connect());
    let log = server.stop().stderr;
    assert!(log.contains("no complete PROXY protocol header within 500ms"), "{log}");
    assert!(log.contains(" refused-proxy-header=2;"), "{log}");
}

#[test]
fn a_header_that_arrives_while_the_server_stands_still_is_not_late() {
    let server = Server::start(&format!("{TCP} --idle-timeout 2s --max-sessions 1"));
    let mut client = server.connect();
    // Then the first is accepted.
    server.connect().expect_last(b"Error: server is full\n");
    server.process.suspend();
    client.send(&[V1, b"Michael\n"].concat());
    // A length of time that is longer than the timeout.
    thread::sleep(Duration::from_millis(2500));
    server.process.resume();
    client.expect(b"Welcome!\nHello, Michael!\n");
}

#[test]
fn a_connection_that_is_closed_before_its_header_is_counted_and_no_line_of_the_usual_log() {
    let mut server = Server::start(&format!("{TCP} -v"));
    drop(server.connect());
    let line = server.process.stderr.wait_for("before its PROXY protocol header");
    assert!(line.contains("DEBUG"), "{line}");
    server.connect().reset();
    server.process.stderr.wait_for("PROXY protocol header");
    let mut client = server.connect();
    client.send(&V1[..20]);
    client.half_close();
    let line = server.process.stderr.wait_for("closed inside its PROXY protocol header");
    assert!(line.contains("INFO"), "{line}");
    expect_closed(client);
    server.summary().expect(&[("opened", 0), ("refused-proxy-header", 3)]);
}

#[test]
fn a_client_may_close_its_direction_right_behind_the_header() {
    let server = Server::start(TCP);
    for (rest, replies) in
        [(&b""[..], &b"Welcome!\n"[..]), (b"Michael", b"Welcome!\nHello, Michael!\n")]
    {
        let mut client = server.connect();
        client.send(&[V2, rest].concat());
        client.half_close();
        client.expect_last(replies);
    }
    server.summary().expect(&[("opened", 2), ("end-of-stream", 2)]);
}

#[test]
fn a_connection_that_waits_for_its_header_is_told_of_the_stop() {
    let server = Server::start(&format!("{TCP} --max-sessions 2 --idle-timeout 0"));
    let mut waits = [server.connect(), server.connect()];
    server.connect().expect_last(b"Error: server is full\n");
    waits[1].send(b"PROXY TCP4");
    server.process.terminate();
    for client in waits {
        client.expect_last(b"Error: server is shutting down\n");
    }
    let log = server.stopped().stderr;
    assert!(log.contains("opened=0 ") && log.contains("refused-shutdown=2"), "{log}");
}

#[test]
fn a_drain_serves_a_connection_whose_header_arrives_during_it() {
    let mut server = Server::start(&format!("{TCP} --max-sessions 2 --grace 1h"));
    let mut waits = [server.connect(), server.connect()];
    server.connect().expect_last(b"Error: server is full\n");
    server.process.signal(Signal::QUIT);
    server.process.stderr.wait_for("SIGQUIT: draining");
    for client in &mut waits {
        client.send(&[V1, b"Michael\n"].concat());
        client.expect(b"Welcome!\nHello, Michael!\n");
    }
    for mut client in waits {
        client.send(b"exit\n");
        client.expect_last(b"");
    }
    // The grace is an hour, so this is not the end of it.
    Summary::of(&server.stopped().stderr).expect(&[("opened", 2), ("exit", 2)]);
}

#[test]
fn a_connection_without_a_header_is_told_of_the_end_of_a_drain_or_closed_when_it_is_late() {
    for (options, told, counter) in [
        ("--grace 1s", &b"Error: server is shutting down\n"[..], "refused-shutdown"),
        ("--grace 1h --idle-timeout 1s", b"", "refused-proxy-header"),
    ] {
        let server = Server::start(&format!("{TCP} --max-sessions 1 {options}"));
        let waits = server.connect();
        server.connect().expect_last(b"Error: server is full\n");
        server.process.signal(Signal::QUIT);
        waits.expect_last(told);
        Summary::of(&server.stopped().stderr).expect(&[("opened", 0), (counter, 1)]);
    }
}

#[test]
fn datagrams_are_answered_as_they_are() {
    let server = Server::start("127.0.0.1:0 --proxy-protocol");
    let mut datagrams = DatagramClient::to(server.endpoint("udp"));
    datagrams.send(b"Michael");
    datagrams.expect(b"Hello, Michael!");
}

#[test]
fn a_server_without_the_option_takes_a_header_for_a_message() {
    let server = Server::start("tcp://127.0.0.1:0");
    let mut client = server.session();
    client.send(V1);
    client.expect(b"Hello, PROXY TCP4 192.0.2.1 192.0.2.9 56324 9999!\n");
}

#[test]
fn the_line_at_the_start_says_that_headers_are_expected() {
    let mut server = Server::start(TCP);
    let line = server.process.stderr.wait_for("serving with");
    assert!(line.contains("sessions behind the PROXY protocol on tcp://127.0.0.1:"), "{line}");
}
