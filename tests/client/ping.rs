//! `ping` against a real server, and against servers that a test plays.

use std::fs::File;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Client, FakeServer, FakeUdpServer, Process, Server};

#[test]
fn a_ping_is_a_line_each_and_a_summary() {
    let server = Server::start("127.0.0.1:0");
    for scheme in ["tcp", "udp"] {
        let words = "ping --count 3 --interval 20ms";
        let finished = Client::run(words.split(' ').chain(["-s", server.endpoint(scheme)]));
        assert_eq!(finished.code, Some(0), "{finished:?}");
        for line in ["seq=1 bytes=16 rtt=", "seq=3 ", "3 sent, 3 answered, 0 lost"] {
            assert!(
                finished.stdout_text().contains(line),
                "'{line}' in {}",
                finished.stdout_text()
            );
        }
    }
}

#[test]
fn a_ping_to_a_closed_port_exits_with_3() {
    let closed = FakeServer::closed();
    let endpoint = closed.endpoint();
    let words = "ping --count 2 --interval 20ms --timeout 100ms";
    let finished = Client::run(words.split(' ').chain(["-s", &*endpoint]));
    let address = endpoint.trim_start_matches("tcp://");
    finished.expect_error_line(3, &[&endpoint, &format!("connection refused by {address}")]);
    for line in ["seq=1 lost: connection refused\n", "seq=2 lost: connection refused\n"] {
        assert!(finished.stdout_text().contains(line), "{}", finished.stdout_text());
    }
}

#[test]
fn a_message_is_lost_as_soon_as_its_connection_is_refused() {
    let closed = FakeServer::closed();
    let endpoint = closed.endpoint();
    let words = ["ping", "--count", "1", "--timeout", "1h", "-s", &endpoint];
    let finished = Client::run(words);
    assert_eq!(finished.code, Some(3), "{finished:?}");
    let text = finished.stdout_text();
    assert!(text.contains("seq=1 lost: connection refused\n"), "{text}");
    assert!(text.contains("1 sent, 0 answered, 1 lost (100.0 %)\n"), "{text}");
}

/// Answers the first of four messages.
fn ping_with_loss(words: &str) -> (Value, Option<i32>) {
    let fake = FakeUdpServer::open();
    let endpoint = fake.endpoint();
    let always = ["ping", "--count", "4", "--interval", "5ms", "--timeout", "50ms", "--json", "-s"];
    let words = always.into_iter().chain([&*endpoint]).chain(words.split_whitespace());
    let process = Client::start(words);
    let (message, client) = fake.receive();
    fake.send(&[b"Hello, ", &*message, b"!"].concat(), client);
    let finished = process.wait();
    (serde_json::from_slice(&finished.stdout).expect("an object"), finished.code)
}

#[test]
fn loss_fails_a_ping_only_if_somebody_asked() {
    let (object, code) = ping_with_loss("");
    assert_eq!((code, &object["lost"], &object["error"]), (Some(0), &json!(3), &Value::Null));
    let (object, code) = ping_with_loss("--max-loss 75%");
    assert_eq!((code, &object["outcome"]), (Some(0), &json!("ok")));
    let (object, code) = ping_with_loss("--max-loss 50");
    let message = "loss 75.0 % is over --max-loss 50 %";
    let expected = json!({"kind": "threshold", "message": message});
    assert_eq!((code, &object["error"]), (Some(1), &expected));
}

#[test]
fn under_json_nobody_has_to_read_the_lines() {
    let server = Server::start("127.0.0.1:0");
    let words = ["ping", "--count", "3", "--interval", "5ms", "--json"];
    let words = || words.into_iter().chain(["-s", server.endpoint("tcp")]);
    let full = File::options().write(true).open("/dev/full").expect("it is there");
    let on_full = Process::spawn_logging_to(Stdio::from(full), &mut Client::command(words()));
    let client = Client::command(words());
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$@\" 2>&-", "sh"]).arg(client.get_program()).args(client.get_args());
    for process in [on_full, Process::spawn(&mut shell)] {
        let finished = process.wait();
        let object: Value = serde_json::from_slice(&finished.stdout).expect("an object");
        assert_eq!((finished.code, &object["received"]), (Some(0), &json!(3)), "{object}");
    }
}

#[test]
fn a_ping_that_is_interrupted_says_so() {
    let server = Server::start("127.0.0.1:0");
    for json in [false, true] {
        let words = ["ping", "--interval", "5ms", "-s", server.endpoint("udp")];
        let mut process = Client::start(words.into_iter().chain(json.then_some("--json")));
        if json { &mut process.stderr } else { &mut process.stdout }.wait_for("seq=2 ");
        process.interrupt();
        let finished = process.wait();
        assert_eq!(finished.code, Some(0), "{finished:?}");
        if json {
            let object: Value = serde_json::from_slice(&finished.stdout).expect("an object");
            assert_eq!(object["interrupted"], true, "{object}");
        } else {
            assert!(finished.stdout_text().contains(" %), interrupted\n"), "{finished:?}");
        }
    }
}

#[test]
fn a_closed_standard_output_ends_a_ping() {
    let server = Server::start("127.0.0.1:0");
    let words = ["ping", "--interval", "5ms", "-s", server.endpoint("udp")];
    let client = Client::command(words);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "\"$@\" | head -n 2", "sh"])
        .arg(client.get_program())
        .args(client.get_args());
    let finished = Process::spawn(&mut shell).wait();
    assert_eq!(finished.stdout_text().lines().count(), 2, "{finished:?}");
}
