//! Errors at the start, of the command line and of binding: one line that names the mistake.

use std::net::{TcpListener, UdpSocket};

use crate::harness::{Client, Server};

#[test]
fn usage_errors_are_one_line_that_names_the_mistake() {
    for (line, words) in [
        ("http://127.0.0.1:0", &["http", "expected tcp, udp, unix or unixgram"][..]),
        ("127.0.0.1", &["127.0.0.1", "port is missing"]),
        ("9999", &["'9999'", "the host is missing, as in 127.0.0.1:9999"]),
        ("/tmp/x", &["a path needs a scheme, as in unix:///tmp/x"]),
        ("unix:/tmp/x", &["the slashes are missing, as in unix:///tmp/x"]),
        ("tcp:127.0.0.1:0", &["the slashes are missing, as in tcp://127.0.0.1:0"]),
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
        ("--idle-timeout 5", &["--idle-timeout", "the unit is missing", "such as 5s"]),
        ("--grace 1parsec", &["--grace", "1parsec", "expected"]),
        ("--grace 400days", &["--grace", "365 days"]),
        ("--backlog 0", &["--backlog", "0"]),
        ("--wrokers 2", &["--wrokers", "--workers"]),
        ("-x", &["-x"]),
        ("--port 9999", &["'--port'", "where to listen is an argument, as 0.0.0.0:9999"]),
        ("-p9999", &["'-p'", "where to listen is an argument"]),
        ("-vl", &["'-l'", "where to listen is an argument"]),
        ("--udp", &["'--udp'", "udp://0.0.0.0:9999"]),
        ("--max-connections 5", &["--max-sessions"]),
        ("--timeout 5s", &["--idle-timeout"]),
        ("-t 4", &["--workers"]),
        ("--daemon", &["foreground"]),
        ("--workers", &["--workers"]),
        ("-v -q", &["-v", "-q"]),
    ] {
        let finished = Server::run(line.split(' '));
        finished.expect_error_line(2, words);
        assert!(finished.stderr.ends_with("; see --help\n"), "{finished:?}");
        assert!(!finished.stderr.contains("use '-- "), "{finished:?}");
        assert_eq!(finished.stdout_text(), "", "{line}");
    }
}

#[test]
fn bytes_that_would_break_the_line_are_escaped() {
    Server::run(["ht\ntp://\x1b[31m"]).expect_error_line(2, &["scheme"]);
    let finished = Server::run(["tcp://\x1b[31m:1"]);
    finished.expect_error_line(2, &["not a host"]);
    assert!(!finished.stderr.contains('\x1b'), "{:?}", finished.stderr);
}

#[test]
fn a_tcp_port_already_in_use_is_reported() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    for endpoint in [format!("tcp://{address}"), address.clone()] {
        let words = [&*format!("tcp://{address}"), "address already in use"];
        let finished = Server::run([&*endpoint]);
        finished.expect_error_line(1, &words);
        assert_eq!(finished.stdout_text(), "");
    }
}

#[test]
fn a_udp_port_already_in_use_is_reported() {
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("udp://{}", taken.local_addr().expect("an address"));
    Server::run([&*endpoint]).expect_error_line(1, &[&endpoint, "address already in use"]);
}

#[test]
fn a_port_that_another_server_holds_is_reported() {
    let first = Server::start("127.0.0.1:0");
    for endpoint in first.endpoints() {
        Server::run([&**endpoint]).expect_error_line(1, &[endpoint, "address already in use"]);
    }
}

#[test]
fn an_address_of_another_machine_is_reported() {
    // 192.0.2.0/24 is for documentation (RFC 5737): no machine has it.
    for scheme in ["tcp", "udp"] {
        let endpoint = format!("{scheme}://192.0.2.1:0");
        Server::run([&*endpoint])
            .expect_error_line(1, &[&endpoint, "not an address of this machine"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_port_below_1024_without_the_capability_is_reported() {
    let endpoint = "tcp://127.0.0.1:1";
    let run = || Server::run_unprivileged(endpoint);
    // Some containers allow every user every port, but not in a namespace of its own.
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let finished = if first.is_ok_and(|first| first.trim() == "1024") {
        run()
    } else {
        let Some(network) = crate::harness::Namespace::create("") else { return };
        network.run(run)
    };
    match finished {
        Some(finished) => finished.expect_error_line(1, &[endpoint, "1024"]),
        None => crate::harness::skipped("setpriv is not installed, or not permitted"),
    }
}

#[test]
fn help_and_version_exit_with_0() {
    for (option, words) in [("--help", "--idle-timeout"), ("-h", "ENDPOINT"), ("--version", "0.")] {
        let finished = Server::run([option]);
        assert_eq!((finished.code, &*finished.stderr), (Some(0), ""), "{option}");
        assert!(finished.stdout_text().contains(words), "{option}: {}", finished.stdout_text());
    }
}

#[test]
fn the_version_tells_the_commit_the_target_and_the_compiler() {
    for (name, short, long) in [
        ("hello-server", Server::run(["-V"]), Server::run(["--version"])),
        ("hello-client", Client::run(["-V"]), Client::run(["--version"])),
    ] {
        let lines: Vec<_> = long.stdout_text().lines().collect();
        let [version, target, rustc] = lines[..] else { panic!("{lines:?}") };
        assert_eq!(short.stdout_text(), format!("{version}\n"));
        // The commit follows, where there is a checkout.
        assert!(version.starts_with(&format!("{name} 0.")), "{version}");
        assert!(target.starts_with("target "), "{target}");
        assert!(rustc.starts_with("rustc "), "{rustc}");
    }
}
