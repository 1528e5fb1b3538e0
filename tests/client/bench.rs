//! `bench` against a real server, and at its own limits. What it counts is tested in its own crate.

use std::fs;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::harness::{
    Client, FakeServer, FakeUdpServer, Finished, Process, RawClient, Server, skipped, wait_until,
};

#[test]
fn a_bench_over_tcp_counts_what_the_server_counts() {
    let server = Server::start("tcp://127.0.0.1:0");
    let words = "bench --connections 4 --pipeline 8 --messages 4000 --warmup 0";
    let (object, finished) = Client::json(words.split(' ').chain(["-s", server.endpoint("tcp")]));
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!((&object["outcome"], &object["error"]), (&json!("ok"), &Value::Null));
    assert_eq!(object["rtt_us"]["samples"], 4000);
    assert_eq!(object["errors"]["total"], 0);
    assert!(object["messages_per_s"].as_f64().expect("a number") > 0.0);
    let percentile = |name: &str| object["rtt_us"][name].as_f64().expect("a number");
    let rising = ["min", "p50", "p90", "p99", "p999", "p9999", "max"].map(percentile);
    assert!(rising.is_sorted(), "{rising:?}");
    server.summary().expect(&[("opened", 4), ("messages", 4000), ("ended", 4)]);
}

#[test]
fn the_json_of_a_bench_says_what_was_measured_and_when() {
    let server = Server::start("127.0.0.1:0");
    let before = SystemTime::now();
    let words = "bench --connections 2 --pipeline 4 --messages 1000 --size 100 --threads 2";
    let words = words.split(' ').chain(["--warmup", "100ms", "-s"]);
    let (object, _) = Client::json(words.chain([server.endpoint("tcp")]));
    assert_eq!(object["version"], env!("CARGO_PKG_VERSION"));
    let started = object["started_at"].as_str().expect("a string");
    let started = humantime::parse_rfc3339(started).expect("RFC 3339");
    let warmed_up = before + Duration::from_millis(99);
    assert!(started >= warmed_up && started <= SystemTime::now(), "{object}");
    let config = json!({
        "connections": 2, "pipeline": 4, "size": 100, "rate": null, "duration_s": null,
        "messages": 1000, "warmup_s": 0.1, "threads": 2, "framing": "line", "reconnect": false,
    });
    assert_eq!(object["config"], config);
    assert!(object["elapsed_s"].as_f64().expect("a number") > 0.0);
    let figure = |figure: &Value| figure.as_f64().expect("a number");
    // A message is 101 bytes in its line, and its greeting 109.
    for (bytes, rate, length) in
        [("sent", "sent_per_s", 101.0), ("received", "messages_per_s", 109.0)]
    {
        let difference = figure(&object["bytes_per_s"][bytes]) - figure(&object[rate]) * length;
        assert!(difference.abs() < length, "{object}");
    }
    let jitter = figure(&object["jitter_us"]);
    assert!(jitter > 0.0 && jitter < figure(&object["rtt_us"]["max"]), "{object}");

    let words = "bench --rate 100 --duration 50ms --warmup 0 -s";
    let (object, _) = Client::json(words.split(' ').chain([server.endpoint("udp")]));
    let expected = (&json!(100), &json!(0.05), &Value::Null, &Value::Null);
    let config = &object["config"];
    let found = (&config["rate"], &config["duration_s"], &config["messages"], &config["framing"]);
    assert_eq!(found, expected);

    for words in ["ping --count 3 --interval 1ms -s", "say -s"] {
        let (object, _) = Client::json(words.split(' ').chain([server.endpoint("tcp")]));
        assert_eq!(object["version"], env!("CARGO_PKG_VERSION"));
        let started = object["started_at"].as_str().expect("a string");
        assert!(humantime::parse_rfc3339(started).expect("RFC 3339") >= before, "{object}");
    }
}

#[test]
fn a_bench_over_udp_counts_every_datagram() {
    let server = Server::start("udp://127.0.0.1:0");
    let words = "bench --connections 2 --messages 1000 --rate 5000 --warmup 0 --size 100";
    let (object, finished) = Client::json(words.split(' ').chain(["-s", server.endpoint("udp")]));
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let count = |name: &str| object[name].as_u64().expect("a number");
    assert_eq!(count("sent"), 1000);
    assert_eq!(count("received") + count("lost"), 1000);
    assert_eq!((count("duplicated"), count("reordered")), (0, 0));
    let summary = server.summary();
    assert!(summary.count("greeted") >= count("received"), "{summary:?}");
}

#[test]
fn tcp_tells_its_retransmits_and_its_round_trip_and_others_have_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let unix = format!("unix://{}/s", folder.path().display());
    let server = Server::start(&format!("127.0.0.1:0 {unix}"));
    for words in ["--messages 50 --connections 2", "--messages 50 --reconnect"] {
        let (object, _) = bench(server.endpoint("tcp"), words);
        assert_eq!(object["tcp"]["retransmits"], 0, "{object}");
        assert!(object["tcp"]["rtt_us"].as_f64().expect("a number") > 0.0, "{object}");
    }
    for endpoint in [server.endpoint("udp"), &unix] {
        let (object, _) = bench(endpoint, "--messages 50");
        assert_eq!(object["tcp"], Value::Null, "{object}");
    }
    let words = "bench --messages 50 --warmup 0 -s";
    let finished = Client::run(words.split(' ').chain([server.endpoint("tcp")]));
    let text = finished.stdout_text();
    assert!(text.contains("\nTCP         0 retransmits, its own round trip "), "{text}");
}

#[test]
fn a_segment_that_is_sent_again_is_a_retransmit() {
    let fake = FakeServer::open();
    // With these waiting to be accepted, more than it listens for, the next SYN is dropped.
    let waiting: Vec<_> = (0..17).map(|_| RawClient::connect(&fake.endpoint())).collect();
    let words = "bench --messages 1 --warmup 0 --json -s";
    let client = Client::start(words.split(' ').chain([&*fake.endpoint()]));
    let endpoint = fake.endpoint();
    let (_, port) = endpoint.rsplit_once(':').expect("a port");
    let connecting = format!(":{:04X} 02 ", port.parse::<u16>().expect("a port"));
    wait_until("it connects", || {
        fs::read_to_string("/proc/net/tcp").is_ok_and(|table| table.contains(&connecting))
    });
    for _ in &waiting {
        drop(fake.accept());
    }
    let mut session = fake.accept();
    session.send(b"Welcome!\n");
    session.expect(b"aaaaaaaaaaaaaaaa\n");
    session.send(b"Hello, aaaaaaaaaaaaaaaa!\n");
    let finished = client.wait();
    let object: Value = serde_json::from_slice(&finished.stdout).expect("an object");
    assert_eq!(finished.code, Some(0), "{object}");
    assert!(object["tcp"]["retransmits"].as_u64().expect("a number") > 0, "{object}");
}

#[test]
fn a_bench_writes_its_distribution_for_the_plotter() {
    let server = Server::start("tcp://127.0.0.1:0");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("rtt.hgrm");
    let path = file.to_str().expect("UTF-8");
    let words = "bench --messages 100 --warmup 0 --hdr";
    let finished = Client::run(words.split(' ').chain([path, "-s", server.endpoint("tcp")]));
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stdout_text().contains("Round trip"), "{}", finished.stdout_text());
    let written = fs::read_to_string(&file).expect("it was written");
    assert!(written.contains("Percentile") && written.contains("Total count"), "{written}");
}

#[test]
fn a_bench_without_replies_is_valid_json_with_nulls_and_fails() {
    let silent = FakeUdpServer::open();
    let words = "bench --messages 3 --warmup 0 --timeout 50ms";
    let endpoint = silent.endpoint();
    let (object, finished) = Client::json(words.split(' ').chain(["-s", &*endpoint]));
    finished.expect_error_line(3, &["no message was answered within 50ms"]);
    assert_eq!((&object["rtt_us"]["p50"], &object["received"]), (&Value::Null, &json!(0)));
    assert_eq!((&object["outcome"], &object["interrupted"]), (&json!("failed"), &json!(false)));
}

#[test]
fn a_bench_ends_early_on_ctrl_c_with_its_report() {
    let mut server = Server::start("udp://127.0.0.1:0 -vv");
    let words = "bench --duration 1h --warmup 0 --rate 50 -s";
    let process = Client::start(words.split(' ').chain([server.endpoint("udp")]));
    // The number of the fourth datagram: those before it are answered.
    server.process.stderr.wait_for("got \"000000000003");
    process.interrupt();
    let finished = process.wait();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stdout_text().contains("Datagrams"), "{finished:?}");
    assert!(finished.stdout_text().contains(" s, interrupted\n"), "{finished:?}");
}

/// Runs with `--json` and a short timeout, so that what is not answered is soon lost.
fn bench(endpoint: &str, words: &str) -> (Value, Finished) {
    let words = words.split(' ').chain(["--warmup", "0", "--timeout", "2s", "-s", endpoint]);
    Client::json(["bench"].into_iter().chain(words))
}

#[test]
fn a_rate_that_no_client_can_keep_ends_in_time_and_says_whose_limit_it_is() {
    let server = Server::start("127.0.0.1:0");
    for (scheme, words) in [
        ("udp", "--rate 1000000000 --duration 300ms"),
        ("udp", "--rate 1000000000 --messages 300000000 --connections 50 --threads 4"),
        ("tcp", "--rate 1000000000 --duration 300ms --pipeline 1000000000000"),
    ] {
        let (object, finished) = bench(server.endpoint(scheme), words);
        let count = |name: &str| object[name].as_u64().expect("a number");
        assert_eq!(count("sent") + count("unsent"), 300_000_000, "{words}: {object}");
        assert!(count("sent") > 0 && count("unsent") > 0, "{words}: {object}");
        assert_eq!(object["behind_schedule"], true, "{words}: {object}");
        assert!(object["sent_per_s"].as_f64().expect("a number") < 5e8, "{words}: {object}");
        let code = if words.contains("--messages") { 1 } else { 0 };
        assert_eq!(finished.code, Some(code), "{words}: {finished:?}");
    }
    let words = "bench --rate 1000000000 --duration 1s --warmup 0 --timeout 1s -s";
    let finished = Client::run(words.split(' ').chain([server.endpoint("udp")]));
    let text = finished.stdout_text();
    assert!(text.contains("asked 1,000,000,000/s, sent "), "{text}");
    assert!(text.contains("/s: the client is the limit\n"), "{text}");
    assert!(text.contains(" unsent: due, but they did not leave\n"), "{text}");
}

#[test]
fn a_rate_without_end_is_interrupted_at_once() {
    let (stream, datagrams) = (FakeServer::open(), FakeUdpServer::open());
    let start = |endpoint: &str| {
        let words = "bench --rate 1000000000 --messages 1000000000000 --warmup 0 --json -s";
        Client::start(words.split(' ').chain([endpoint]))
    };
    let (over_tcp, over_udp) = (start(&stream.endpoint()), start(&datagrams.endpoint()));
    let mut connection = stream.accept();
    connection.send(b"Welcome!\n");
    connection.expect(b"aaaaaaaaaaaaaaaa\n");
    datagrams.receive();
    for process in [over_tcp, over_udp] {
        process.interrupt();
        let finished = process.wait();
        let object: Value = serde_json::from_slice(&finished.stdout).expect("an object");
        assert_eq!(object["interrupted"], true, "{object}");
        assert!(object["unsent"].as_u64().expect("a number") > 0, "{object}");
    }
}

#[test]
fn a_server_that_answers_too_slowly_for_the_rate_is_the_limit() {
    let fake = FakeServer::open();
    let words = "bench --rate 1000 --duration 300ms --warmup 0 --timeout 2s --size 1 -s";
    let process = Client::start(words.split(' ').chain([&*fake.endpoint()]));
    let mut connection = fake.accept();
    connection.send(b"Welcome!\n");
    connection.expect(b"a\n");
    let finished = process.wait();
    assert_eq!(finished.code, Some(1), "the welcome came back: {finished:?}");
    let text = finished.stdout_text();
    assert!(
        text.contains("asked 1,000/s, sent 3.3/s: the server or the path is the limit\n"),
        "{text}"
    );
    assert!(text.contains("299 unsent: due, but they did not leave\n"), "{text}");
    assert!(text.contains("Unanswered  1 of 1 messages"), "{text}");
}

#[test]
fn what_a_stream_did_not_take_was_not_sent() {
    let fake = FakeServer::open();
    let words = "bench --rate 10000 --duration 2s --pipeline 1000000 --size 999 --json";
    let words = words.split(' ').chain(["--warmup", "0", "--timeout", "2s", "-s"]);
    let process = Client::start(words.chain([&*fake.endpoint()]));
    let mut connection = fake.accept();
    connection.send(b"Welcome!\n");
    // Nothing is read until the client has given up.
    let finished = process.wait();
    let object: Value = serde_json::from_slice(&finished.stdout).expect("an object");
    let arrived = connection.read_to_end();
    assert_eq!(object["sent"], arrived.len() / 1000, "{object}");
    assert_eq!(object["unsent"], 20_000 - arrived.len() / 1000, "{object}");
    assert_eq!((&object["lost"], &object["behind_schedule"]), (&object["sent"], &json!(false)));
}

#[test]
fn replies_that_the_own_system_dropped_are_not_lost() {
    let fake = FakeUdpServer::open();
    let words = "bench --pipeline 20 --messages 20 --warmup 0 --timeout 2s --size 1000 --json";
    let words = words.split(' ').chain(["--udp-buffer", "4096", "-s"]);
    let process = Client::start(words.chain([&*fake.endpoint()]));
    let messages: Vec<_> = (0..20).map(|_| fake.receive()).collect();
    process.suspend();
    for (message, client) in &messages {
        fake.send(&[b"Hello, ", &**message, b"!"].concat(), *client);
    }
    process.resume();
    let finished = process.wait();
    let object: Value = serde_json::from_slice(&finished.stdout).expect("an object");
    let count = |name: &str| object[name].as_u64().expect("a number");
    assert_eq!((count("sent"), count("lost"), count("late")), (20, 0, 0), "{object}");
    assert!(count("receive_buffer_drops") > 0, "{object}");
    assert_eq!(count("received") + count("receive_buffer_drops"), 20, "{object}");
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[test]
fn a_lost_datagram_in_a_closed_loop_is_said_to_hold_up_its_socket() {
    let fake = FakeUdpServer::open();
    let words = "bench --messages 2 --warmup 0 --timeout 100ms -s";
    let process = Client::start(words.split(' ').chain([&*fake.endpoint()]));
    fake.receive();
    fake.greet();
    let finished = process.wait();
    let text = finished.stdout_text();
    assert!(text.contains("each lost datagram stopped its socket for 100ms"), "{text}");
    assert!(text.contains("--rate"), "{text}");
}

#[test]
fn a_threshold_that_is_exceeded_fails_the_run_and_is_named() {
    let server = Server::start("127.0.0.1:0");
    let words = "--messages 100 --max-p99 1ns --max-loss 0 --max-errors 0";
    let (object, finished) = bench(server.endpoint("tcp"), words);
    finished.expect_error_line(1, &["p99 ", " is over --max-p99 1ns"]);
    assert_eq!((&object["error"]["kind"], &object["received"]), (&json!("threshold"), &json!(100)));
    let words = "--messages 100 --max-p99 1h --max-loss 0% --max-errors 0";
    let (object, finished) = bench(server.endpoint("tcp"), words);
    assert_eq!((finished.code, &object["outcome"]), (Some(0), &json!("ok")), "{object}");
}

#[test]
fn threads_that_cannot_be_made_are_an_error() {
    // A user without processes of its own: root has no limit.
    let as_nobody = |words: &[&str]| {
        let client = Client::command(words);
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "54321", "--clear-groups", "--inh-caps=-all"]);
        command.args(["--bounding-set=-all", "prlimit", "--nproc=4"]);
        command.arg(client.get_program()).args(client.get_args());
        command
    };
    if !as_nobody(&["--version"]).output().is_ok_and(|output| output.status.success()) {
        return skipped("no other user with a limit of processes (setpriv, prlimit)");
    }
    let fake = FakeUdpServer::open();
    let endpoint = fake.endpoint();
    let words = ["bench", "--connections", "9", "--threads", "9", "-s", &endpoint];
    let finished = Process::spawn(&mut as_nobody(&words)).wait();
    finished.expect_error_line(2, &["--threads 9: not all can be started: Resource temporarily"]);
    fake.expect_nothing();
}

#[test]
fn invalid_options_of_bench_and_ping_are_usage_errors() {
    for (words, expected) in [
        ("bench --rate 0", "--rate"),
        ("bench --size 1025", "--size"),
        ("bench --size 18446744073709551615", "at most 1024 are allowed"),
        ("bench --udp-buffer 0", "--udp-buffer"),
        ("bench --max-loss 101", "--max-loss"),
        ("bench --size 11 -s udp://127.0.0.1:9", "at least 12"),
        ("bench --duration 1s --messages 1", "--messages"),
        ("bench --hdr /nosuch/folder/x", "--hdr"),
        ("ping --interval 0", "--interval"),
        ("ping --count 0", "--count"),
    ] {
        let finished = Client::run(words.split(' '));
        finished.expect_error_line(2, &["hello-client: ", expected]);
        assert_eq!(finished.stdout_text(), "");
    }
}
