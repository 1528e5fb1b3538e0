//! `bench` and `ping` against a real server. What they count is tested in their own crate.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Client, FakeServer, FakeUdpServer, Server};

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
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert_eq!((&object["rtt_us"]["p50"], &object["received"]), (&Value::Null, &json!(0)));
    assert_eq!(object["outcome"], "failed");
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
}

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
    assert_eq!(finished.code, Some(3), "{finished:?}");
}

#[test]
fn invalid_options_of_bench_and_ping_are_usage_errors() {
    for (words, expected) in [
        ("bench --rate 0", "--rate"),
        ("bench --size 1025", "--size"),
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
