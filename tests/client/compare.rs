//! `bench --compare`: a bench beside an earlier one.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Client, FakeServer, Finished, Server};

/// A file with this content, in a folder that goes with it.
fn file(content: &[u8]) -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("old.json");
    fs::write(&path, content).expect("it can be written");
    let path = path.to_str().expect("UTF-8").to_owned();
    (folder, path)
}

fn bench<'a>(endpoint: &'a str, words: &'a str) -> impl Iterator<Item = &'a str> {
    ["bench", "-n", "200", "--warmup", "0", "-s", endpoint].into_iter().chain(words.split(' '))
}

/// What a bench with `--json` printed, with this rate.
fn report_with_rate(endpoint: &str, rate: f64) -> (TempDir, String) {
    let (mut object, finished) = Client::json(bench(endpoint, "-c 2"));
    assert_eq!(finished.code, Some(0), "{finished:?}");
    object["messages_per_s"] = json!(rate);
    file(object.to_string().as_bytes())
}

#[test]
fn a_bench_is_compared_with_the_json_of_an_earlier_one() {
    let server = Server::start("127.0.0.1:0");
    let endpoint = server.endpoint("tcp");
    let (_folder, old) = report_with_rate(endpoint, 0.5);
    let words = format!("-c 2 --compare {old} --max-slowdown 1000000");
    let (object, finished) = Client::json(bench(endpoint, &words));
    assert_eq!((finished.code, &*finished.stderr), (Some(0), ""), "{object}");
    let compare = &object["compare"];
    assert_eq!((&compare["old"], &compare["warnings"]), (&json!(old), &json!([])));
    assert_eq!(compare["messages_per_s"]["old"], 0.5);
    assert_eq!(compare["p50_us"]["new"], object["rtt_us"]["p50"]);
    assert_eq!(compare["errors"], json!({"old": 0.0, "new": 0.0, "ratio": null}));
    for name in ["messages_per_s", "p50_us", "p99_us", "p999_us"] {
        let [old, new, ratio] =
            ["old", "new", "ratio"].map(|key| compare[name][key].as_f64().expect("a number"));
        // It has three decimals.
        assert!((new / old - ratio).abs() <= 0.0005 + ratio / 1e6, "{name}: {object}");
    }
    let (object, _) = Client::json(bench(endpoint, "-c 2"));
    assert_eq!(object.get("compare"), None);

    let words = format!("-c 2 --compare {old}");
    let finished = Client::run(bench(endpoint, &words));
    let text = finished.stdout_text();
    let (_, table) = text.split_once(&format!("\nCompared with {old}\n")).expect("a table");
    let heads: Vec<_> = table.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(heads, ["old", "rate", "p50", "p99", "p99.9", "loss", "errors"], "{table}");
}

#[test]
fn a_bench_that_is_slower_than_allowed_fails() {
    let server = Server::start("127.0.0.1:0");
    let endpoint = server.endpoint("tcp");
    let (_folder, old) = report_with_rate(endpoint, 1e12);
    let words = format!("-c 2 --compare {old} --max-slowdown 1.1");
    let (object, finished) = Client::json(bench(endpoint, &words));
    let expected =
        ["slower than --max-slowdown 1.1 allows: rate ", "/s, before 1,000,000,000,000/s"];
    finished.expect_error_line(1, &expected);
    assert_eq!(object["error"]["kind"], "threshold");
    assert!(object["compare"]["messages_per_s"]["ratio"].as_f64().expect("a number") < 0.01);
}

#[test]
fn a_bench_with_another_load_is_compared_with_a_warning() {
    let server = Server::start("127.0.0.1:0");
    let endpoint = server.endpoint("tcp");
    let (_folder, old) = report_with_rate(endpoint, 1.0);
    let words = format!("-c 3 --size 20 --compare {old}");
    let (object, finished) = Client::json(bench(endpoint, &words));
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let warning = format!("{old} is of another load: connections 2, now 3, size 16, now 20");
    assert!(finished.stderr.contains(&warning), "{finished:?}");
    let warnings = json!(["connections 2, now 3", "size 16, now 20"]);
    assert_eq!(object["compare"]["warnings"], warnings);
}

#[test]
fn the_json_of_the_version_before_is_compared_too() {
    let server = Server::start("127.0.0.1:0");
    let endpoint = server.endpoint("tcp");
    let former = json!({
        "endpoint": endpoint, "connections": 1, "pipeline": 1, "size_bytes": 16, "rate_per_s": null,
        "elapsed_s": 0.1, "messages_per_s": 2000.0, "sent_per_s": 2000.0,
        "rtt_us": {"samples": 200, "min": 1.0, "mean": 2.0, "stddev": 1.0, "p50": 2.0, "p90": 3.0,
            "p99": 4.0, "p999": 5.0, "p9999": 5.0, "max": 5.0},
        "sent": 200, "received": 200, "lost": 0, "unsent": 0, "interrupted": false,
        "errors": {"total": 0, "wrong_replies": 0, "failed_connections": {}, "cut_sessions": {},
            "server_errors": {}},
        "outcome": "ok", "error": null,
    });
    let (_folder, old) = file(former.to_string().as_bytes());
    let words = format!("--compare {old}");
    let (object, finished) = Client::json(bench(endpoint, &words));
    assert_eq!((finished.code, &*finished.stderr), (Some(0), ""));
    assert_eq!(object["compare"]["p99_us"]["old"], 4.0);
    assert_eq!(object["compare"]["warnings"], json!([]));
}

/// Fails with exit code 2, names the file and says why, and nobody is connected to.
#[track_caller]
fn expect_refused(path: &str, why: &str) {
    let closed = FakeServer::closed();
    let words = format!("--compare {path}");
    let (object, finished): (Value, Finished) = Client::json(bench(&closed.endpoint(), &words));
    finished.expect_error_line(2, &["--compare '", path, why]);
    assert_eq!(object["error"]["kind"], "usage", "{object}");
}

#[test]
fn a_file_without_the_figures_of_a_bench_is_a_usage_error() {
    let server = Server::start("127.0.0.1:0");
    let ping = ["ping", "--count", "2", "-i", "1ms", "-s", server.endpoint("tcp")];
    let (ping, _) = Client::json(ping);
    let closed = FakeServer::closed();
    let (failed, _) = Client::json(bench(&closed.endpoint(), "-c 1"));
    let (usage, _) = Client::json(["bench", "--rate", "0"]);
    for (content, why) in [
        (ping.to_string(), "expected the object that bench --json prints"),
        (usage.to_string(), "expected the object that bench --json prints"),
        ("{\"results\": [1, 2]}".to_owned(), "expected the object that bench --json prints"),
        ("[]".to_owned(), "expected the object that bench --json prints"),
        (failed.to_string(), "that run has no figures: no message was answered"),
        (String::new(), "not one JSON object: EOF"),
        ("Messages    12/s\n".to_owned(), "not one JSON object: expected value"),
        ("{} {}".to_owned(), "not one JSON object: trailing characters"),
        ("\u{0}\u{1}".to_owned(), "not one JSON object"),
        ("[".repeat(100_000), "not one JSON object: recursion limit exceeded"),
    ] {
        let (_folder, path) = file(content.as_bytes());
        expect_refused(&path, why);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_a_usage_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("missing");
    expect_refused(missing.to_str().expect("UTF-8"), "No such file or directory");
    expect_refused(folder.path().to_str().expect("UTF-8"), "Is a directory");
    if Path::new("/dev/zero").exists() {
        expect_refused("/dev/zero", "too large");
    }
}

#[test]
fn a_factor_without_an_earlier_bench_or_below_1_is_a_usage_error() {
    for (words, expected) in [
        ("bench --max-slowdown 2", "--compare"),
        ("bench --compare x --max-slowdown 0.9", "expected a factor of at least 1"),
        ("bench --compare x --max-slowdown NaN", "expected a factor of at least 1"),
        ("bench --compare x --max-slowdown 10%", "expected a factor of at least 1"),
    ] {
        let finished = Client::run(words.split(' '));
        finished.expect_error_line(2, &["hello-client: ", "--max-slowdown", expected]);
    }
}
