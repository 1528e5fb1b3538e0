//! `bench --reconnect`: every message on a session of its own.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Client, FakeServer, Process, RawClient, Server};

fn start(endpoint: &str, words: &str) -> Process {
    let words = words.split(' ').chain(["--json", "--warmup", "0", "-s", endpoint]);
    Client::start(["bench", "--reconnect"].into_iter().chain(words))
}

/// The object that the client prints, and its exit code.
fn finish(client: Process) -> (Value, Option<i32>) {
    let finished = client.wait();
    (serde_json::from_slice(&finished.stdout).expect("an object"), finished.code)
}

#[test]
fn every_message_has_a_session_of_its_own() {
    for framing in ["line", "length", "raw"] {
        let server = Server::start(&format!("127.0.0.1:0 --framing {framing}"));
        let words = format!("-n 300 -c 4 -t 2 --framing {framing}");
        let (object, code) = finish(start(server.endpoint("tcp"), &words));
        assert_eq!((code, &object["errors"]["total"]), (Some(0), &json!(0)), "{object}");
        for name in ["rtt_us", "connect_us", "session_us"] {
            assert_eq!(object[name]["samples"], 300, "{name}: {object}");
        }
        let p50 = |name: &str| object[name]["p50"].as_f64().expect("a number");
        assert!(p50("session_us") > p50("rtt_us").max(p50("connect_us")), "{object}");
        assert!(object["sessions_per_s"].as_f64().expect("a number") > 0.0);
        assert_eq!(
            (&object["config"]["reconnect"], &object["jitter_us"]),
            (&json!(true), &Value::Null)
        );
        // The first one found the server.
        server.summary().expect(&[
            ("opened", 301),
            ("exit", 300),
            ("end-of-stream", 1),
            ("messages", 300),
        ]);
    }
}

/// How many connections to the server at `endpoint` the client's side holds in TIME_WAIT.
fn time_waits(endpoint: &str) -> usize {
    let (_, port) = endpoint.rsplit_once(':').expect("a port");
    let peer = format!(":{:04X}", port.parse::<u16>().expect("a port"));
    let table = fs::read_to_string("/proc/net/tcp").expect("Linux has it");
    let is_one = |line: &&str| {
        let mut fields = line.split_whitespace().skip(2);
        fields.next().is_some_and(|remote| remote.ends_with(&peer)) && fields.next() == Some("06")
    };
    table.lines().filter(is_one).count()
}

#[test]
fn it_does_not_use_up_the_ports_of_the_client() {
    let server = Server::start("127.0.0.1:0");
    let (object, code) = finish(start(server.endpoint("tcp"), "-n 200 -c 4"));
    assert_eq!((code, &object["session_us"]["samples"]), (Some(0), &json!(200)), "{object}");
    // The first one, which found the server, ends without `exit`; and who closes first is a race where
    // both do at the same moment.
    let time_waits = time_waits(server.endpoint("tcp"));
    assert!(time_waits < 20, "{time_waits} of 200");
}

#[test]
fn it_works_over_unix_sockets_and_with_a_rate() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&format!("unix://{}/s", folder.path().display()));
    let (object, code) = finish(start(server.endpoint("unix"), "--rate 1k -n 200 -c 2"));
    assert_eq!((code, &object["session_us"]["samples"]), (Some(0), &json!(200)), "{object}");
    let rate = object["sessions_per_s"].as_f64().expect("a number");
    assert!(rate < 1100.0, "{object}");
}

#[test]
fn a_session_is_these_bytes_and_the_server_closes_first() {
    let fake = FakeServer::open();
    let client = start(&fake.endpoint(), "-n 2 -z 3");
    let mut found = fake.accept();
    found.send(b"Welcome!\n");
    found.expect_last(b"");
    for _ in 0..2 {
        let mut session = fake.accept();
        session.send(b"Welcome!\n");
        session.expect(b"aaa\n");
        session.send(b"Hello, aaa!\n");
        session.expect(b"exit\n");
        assert_eq!(session.read_within(Duration::from_millis(50), 1), None, "it does not close");
        session.half_close();
        session.expect_last(b"");
    }
    let (object, code) = finish(client);
    assert_eq!((code, &object["session_us"]["samples"]), (Some(0), &json!(2)), "{object}");
}

/// The next session of a bench with `-z 3`, welcomed, whose message has come.
#[track_caller]
fn accept_message(fake: &FakeServer) -> RawClient {
    let mut session = fake.accept();
    session.send(b"Welcome!\n");
    session.expect(b"aaa\n");
    session
}

/// Answers that message, and waits for `exit`.
#[track_caller]
fn answer(session: &mut RawClient) {
    session.send(b"Hello, aaa!\n");
    session.expect(b"exit\n");
}

#[test]
fn sessions_that_fail_are_counted_by_cause_and_their_messages_if_they_left() {
    let fake = FakeServer::open();
    let client = start(&fake.endpoint(), "-n 4 -z 3 --timeout 200ms");
    fake.accept().send(b"Welcome!\n");
    // Rejected: its message did not leave, and is said in the next session.
    fake.accept().send(b"Error: server is full\n");
    // Cut off behind its message, which is lost.
    drop(accept_message(&fake));
    // Answered wrongly, and then as it should be.
    let mut wrong = accept_message(&fake);
    wrong.send(b"Hello, you!\n");
    wrong.expect(b"exit\n");
    drop(wrong);
    // Does not end.
    let mut endless = accept_message(&fake);
    answer(&mut endless);
    answer(&mut accept_message(&fake));
    let (object, code) = finish(client);
    let expected = json!({
        "total": 4, "wrong_replies": 1, "failed_connections": {},
        "cut_sessions": {"closed": 1, "timeout": 1}, "server_errors": {"server is full": 1},
    });
    assert_eq!((&object["errors"], code), (&expected, Some(1)), "{object}");
    let counts = ["sent", "received", "lost"].map(|name| &object[name]);
    assert_eq!(counts, [&json!(4), &json!(2), &json!(1)], "{object}");
    // The wrong one ended well all the same.
    assert_eq!(object["session_us"]["samples"], 2, "{object}");
}

#[test]
fn a_server_that_goes_away_is_waited_for_and_its_sessions_are_counted() {
    let fake = FakeServer::open();
    let client = start(&fake.endpoint(), "-n 1 -z 3");
    fake.accept().send(b"Welcome!\n");
    for _ in 0..2 {
        // Closed before it says anything.
        drop(fake.accept());
    }
    answer(&mut accept_message(&fake));
    let (object, code) = finish(client);
    assert_eq!((code, &object["errors"]["cut_sessions"]), (Some(0), &json!({"closed": 2})));
    assert_eq!((&object["sent"], &object["lost"]), (&json!(1), &json!(0)), "{object}");
}

#[test]
fn a_session_with_a_rate_is_timed_from_when_it_was_due() {
    let fake = FakeServer::open();
    let client = start(&fake.endpoint(), "--rate 5 -n 3 -z 3 --timeout 60s");
    fake.accept().send(b"Welcome!\n");
    let mut first = accept_message(&fake);
    // The two others become due meanwhile.
    assert_eq!(first.read_within(Duration::from_millis(600), 1), None);
    answer(&mut first);
    drop(first);
    for _ in 0..2 {
        answer(&mut accept_message(&fake));
    }
    let (object, _) = finish(client);
    let min = |name: &str| object[name]["min"].as_f64().expect("a number");
    // The last one was due 400 ms after the first, and could not begin before it had ended.
    assert!(min("session_us") > 150_000.0, "{object}");
    assert!(min("connect_us") < min("session_us") / 2.0, "{object}");
}

#[test]
fn the_report_for_a_person_has_three_times() {
    let server = Server::start("127.0.0.1:0");
    let words = "bench --reconnect -n 50 -c 2 --warmup 0 -s";
    let finished = Client::run(words.split(' ').chain([server.endpoint("tcp")]));
    let text = finished.stdout_text();
    for part in [
        ": 2 connections, a session for each message, 16 bytes a message\n",
        "\nConnecting  50 samples\n",
        "\nRound trip  50 samples\n",
        "\nSession     50 samples, ",
        "/s, from connecting to the end\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn whole_sessions_are_compared_with_whole_sessions() {
    let server = Server::start("127.0.0.1:0");
    let (object, _) = finish(start(server.endpoint("tcp"), "-n 50"));
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), object.to_string()).expect("it can be written");
    let path = file.path().to_str().expect("UTF-8");
    let (compared, _) = finish(start(server.endpoint("tcp"), &format!("-n 50 --compare {path}")));
    let old = |object: &Value| object["p50_us"]["old"].clone();
    assert_eq!(old(&compared["compare"]), object["session_us"]["p50"], "{compared}");
    assert_eq!(compared["compare"]["p50_us"]["new"], compared["session_us"]["p50"]);
}

#[test]
fn it_is_for_streams_and_one_message_a_session() {
    for (words, expected) in [
        ("bench --reconnect -s udp://127.0.0.1:9", "--reconnect cannot be used with udp://"),
        ("bench --reconnect -s unixgram:///x", "--reconnect cannot be used with unixgram:///x"),
        ("bench --reconnect --pipeline 2", "--reconnect cannot be used with --pipeline 2"),
    ] {
        Client::run(words.split(' ')).expect_error_line(2, &["hello-client: ", expected]);
    }
}
