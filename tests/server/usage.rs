//! Command lines that a server does not take: one line that names what was wrong.

use std::net::{TcpListener, UdpSocket};

use crate::harness::{Server, skipped};

#[test]
fn what_a_command_line_has_wrong_is_named_in_one_line() {
    for (line, words) in [
        ("http://127.0.0.1:0", &["http", "expected tcp, udp, unix or unixgram"][..]),
        ("127.0.0.1", &["127.0.0.1", "port is missing"]),
        ("tcp://127.0.0.1:", &["tcp://127.0.0.1:", "port is missing"]),
        ("127.0.0.1:65536", &["65536", "65535"]),
        ("tcp://127.0.0.1:-1", &["-1", "65535"]),
        ("127.0.0.1:http", &["http", "65535"]),
        ("::1:0", &["::1:0", "brackets"]),
        (":0", &[":0", "host is missing"]),
        ("unix://relative", &["unix://relative", "not absolute"]),
        ("--workers 0", &["--workers", "0"]),
        ("--workers many", &["--workers", "many"]),
        ("--max-sessions 0", &["--max-sessions", "0"]),
        ("--max-message 0", &["--max-message", "0"]),
        ("--max-message 65500", &["--max-message", "65500", "65499"]),
        ("--framing smoke", &["--framing", "smoke", "line", "length", "raw"]),
        ("--idle-timeout soon", &["--idle-timeout", "soon", "expected"]),
        ("--idle-timeout -1s", &["-1"]),
        ("--idle-timeout 5", &["--idle-timeout", "5", "unit"]),
        ("--grace 1parsec", &["--grace", "1parsec", "expected"]),
        ("--grace 400days", &["--grace", "365 days"]),
        ("--backlog 0", &["--backlog", "0"]),
        ("--wrokers 2", &["--wrokers", "--workers"]),
        ("-x", &["-x"]),
        ("--workers", &["--workers"]),
        ("-v -q", &["-v", "-q"]),
    ] {
        let finished = Server::run(line.split(' '));
        finished.expect_complaint(2, words);
        assert_eq!(finished.said(), "", "{line}");
    }
}

#[test]
fn bytes_that_would_break_the_line_are_escaped() {
    Server::run(["ht\ntp://\x1b[31m"]).expect_complaint(2, &["scheme"]);
    let finished = Server::run(["tcp://\x1b[31m:1"]);
    finished.expect_complaint(2, &["not a host"]);
    assert!(!finished.stderr.contains('\x1b'), "{:?}", finished.stderr);
}

#[test]
fn a_tcp_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    for endpoint in [format!("tcp://{address}"), address.clone()] {
        let words = [&*format!("tcp://{address}"), "address already in use"];
        let finished = Server::run([&*endpoint]);
        finished.expect_complaint(1, &words);
        assert_eq!(finished.said(), "");
    }
}

#[test]
fn a_udp_port_that_is_taken_is_named() {
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("udp://{}", taken.local_addr().expect("an address"));
    Server::run([&*endpoint]).expect_complaint(1, &[&endpoint, "address already in use"]);
}

#[test]
fn a_port_that_another_server_holds_is_named() {
    let first = Server::start("127.0.0.1:0");
    for endpoint in first.endpoints() {
        Server::run([&**endpoint]).expect_complaint(1, &[endpoint, "address already in use"]);
    }
}

#[test]
fn an_address_that_is_not_ours_is_named() {
    // 192.0.2.0/24 is for documentation (RFC 5737): nobody has it.
    for scheme in ["tcp", "udp"] {
        let endpoint = format!("{scheme}://192.0.2.1:0");
        Server::run([&*endpoint])
            .expect_complaint(1, &[&endpoint, "not an address of this machine"]);
    }
}

#[test]
fn a_port_below_1024_without_the_right_is_named() {
    if TcpListener::bind("127.0.0.1:1").is_ok() {
        skipped("this user may listen on any port");
        return;
    }
    Server::run(["tcp://127.0.0.1:1"]).expect_complaint(1, &["tcp://127.0.0.1:1", "1024"]);
}

#[test]
fn help_and_version_are_no_errors() {
    for (option, words) in [("--help", "--idle-timeout"), ("-h", "ENDPOINT"), ("--version", "0.")] {
        let finished = Server::run([option]);
        assert_eq!((finished.code, &*finished.stderr), (Some(0), ""), "{option}");
        assert!(finished.said().contains(words), "{option}: {}", finished.said());
    }
}
