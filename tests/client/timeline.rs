//! A run over time: intervals, outages, and the line that shows how far it has come.

use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Client, FakeUdpServer, Server, wait_until};

/// How long the server is suspended.
const OUTAGE: Duration = Duration::from_secs(1);

/// Suspends `server` once `is_running`, and returns after the outage.
fn suspend(server: &Server, is_running: impl FnMut() -> bool) {
    wait_until("the run has begun", is_running);
    server.process.suspend();
    thread::sleep(OUTAGE);
    server.process.resume();
}

/// A run of 3 s with a suspended server, as JSON and as CSV.
#[track_caller]
fn expect_outage_in_json(scheme: &str, options: &str) {
    let server = Server::start("127.0.0.1:0");
    let folder = tempfile::tempdir().expect("a folder");
    let csv = folder.path().join("rows.csv");
    let words = format!("bench --duration 3s --warmup 0 -i 200ms --json {options} --csv");
    let words = words.split(' ').chain([csv.to_str().expect("UTF-8"), "-s"]);
    let process = Client::start(words.chain([server.endpoint(scheme)]));
    let read_rows = || fs::read_to_string(&csv).unwrap_or_default();
    suspend(&server, || read_rows().lines().count() > 2);
    let finished = process.wait();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let object: Value = serde_json::from_slice(&finished.stdout).expect("an object");

    let outages = object["outages"].as_array().expect("an array");
    // A busy machine may have others, which are shorter.
    let longest = outages.iter().map(|outage| seconds(&outage["duration_s"])).fold(0.0, f64::max);
    assert!((0.9..=3.0).contains(&longest), "{object}");
    let outage =
        outages.iter().find(|outage| outage["duration_s"] == longest).expect("it is there");
    let from = seconds(&outage["start_s"]);
    assert!(from > 0.1 && from + longest <= 3.0, "{object}");

    let rows = object["intervals"].as_array().expect("an array");
    assert!(rows.len() >= 10, "{object}");
    for row in rows {
        let (start, duration) = (seconds(&row["start_s"]), seconds(&row["duration_s"]));
        if start > from && start + duration < from + longest {
            assert_eq!((&row["messages"], &row["p99_us"]), (&0.into(), &Value::Null), "{object}");
        }
    }
    assert!(rows.iter().filter(|row| row["messages"] == 0).count() >= 2, "{object}");
    for (figure, total) in [
        ("messages", &object["received"]),
        ("lost", &object["lost"]),
        ("errors", &object["errors"]["total"]),
    ] {
        let sum: u64 = rows.iter().map(|row| row[figure].as_u64().expect("a number")).sum();
        assert_eq!(sum, *total, "{figure}: {object}");
    }

    let lines = read_rows();
    let mut lines = lines.lines();
    let head = "start_s,duration_s,messages,errors,lost,p50_us,p99_us,max_us";
    assert_eq!(lines.next(), Some(head));
    let columns: Vec<_> = head.split(',').collect();
    for (line, row) in lines.by_ref().zip(rows) {
        let figures: Vec<_> = line.split(',').collect();
        assert_eq!(figures.len(), columns.len(), "{line}");
        for (name, figure) in columns.iter().zip(figures) {
            let figure = figure.parse::<f64>().ok();
            assert_eq!(figure, row[name].as_f64(), "{name}: {line}, {row}");
        }
    }
    assert_eq!(lines.next(), None);
}

fn seconds(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

#[test]
fn a_server_that_stood_still_is_an_outage_over_tcp() {
    expect_outage_in_json("tcp", "--connections 4 --threads 2");
    expect_outage_in_json("tcp", "--connections 2 --reconnect");
}

#[test]
fn a_server_that_stood_still_is_an_outage_over_udp() {
    expect_outage_in_json("udp", "--rate 500");
}

#[test]
fn the_report_has_a_line_for_an_outage_and_a_strip_that_shows_it() {
    for scheme in ["tcp", "udp"] {
        let server = Server::start("127.0.0.1:0");
        let words = "bench --duration 3s --warmup 0 --interval 500ms -s";
        let mut process = Client::start(words.split(' ').chain([server.endpoint(scheme)]));
        // Each row is printed when it is over.
        let head = process.stdout.next().expect("a line");
        let row = process.stdout.next().expect("a line");
        assert!(head.starts_with("Interval ") && head.ends_with(" max"), "{head}");
        assert!(row.starts_with("0.00-0.50 s ") && row.len() == head.len(), "{head}\n{row}");
        suspend(&server, || true);
        let finished = process.wait();
        let text = finished.stdout_text();
        let outages = text.lines().filter(|line| line.starts_with("Outage "));
        let figures = |line: &str| -> Vec<f64> {
            line.split(' ').filter_map(|word| word.parse().ok()).collect()
        };
        // On a busy machine there may be shorter ones.
        let outage = outages.max_by(|one, two| figures(one)[0].total_cmp(&figures(two)[0]));
        let outage = outage.expect("a line");
        let [length, from, to] = figures(outage)[..] else { panic!("{outage}") };
        assert_eq!(outage, format!("Outage {length:.2} s, from {from:.2} s to {to:.2} s"));
        assert!((0.9..=3.0).contains(&length), "{text}");
        assert!(text.contains(" s                   0       0       0 "), "{text}");
        let strip = text.lines().find(|line| line.contains("xxxxxxxxxxxxxxxxxxxxxxx"));
        assert!(strip.is_some_and(|strip| strip.contains('█')), "{text}");
        assert!(strip.is_some_and(|strip| strip.chars().count() <= 80), "{text}");
        assert!(!text.contains('\x1b'), "{text}");
    }
}

#[test]
fn a_server_that_is_gone_for_good_is_an_outage_until_the_end() {
    let server = Server::start("127.0.0.1:0");
    let words = "bench --duration 1s --warmup 0 -i 100ms -s";
    let mut process = Client::start(words.split(' ').chain([server.endpoint("tcp")]));
    process.stdout.wait_for("0.10-0.20 s ");
    drop(server);
    let finished = process.wait();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let text = finished.stdout_text();
    // On a busy machine there may have been others.
    let outage = text.lines().rfind(|line| line.starts_with("Outage ")).expect("a line");
    assert!(outage.ends_with(" to 1.00 s"), "{text}");
}

#[test]
fn single_datagrams_that_are_lost_are_no_outage() {
    let fake = FakeUdpServer::open();
    let endpoint = fake.endpoint();
    let words = "bench -n 6 --rate 5 --warmup 0 --timeout 2s --json";
    let client = Client::start(words.split(' ').chain([&*endpoint]));
    // The third is lost, and the last, for which it waits in vain.
    for number in 0..6 {
        let (message, client_address) = fake.receive();
        if number != 2 && number != 5 {
            fake.send(&[b"Hello, ", &*message, b"!"].concat(), client_address);
        }
    }
    let object: Value = serde_json::from_slice(&client.wait().stdout).expect("an object");
    assert_eq!(object["lost"], 2, "{object}");
    // On a busy machine a reply may be late; the wait for the last one would be 2 s long.
    let outages = object["outages"].as_array().expect("an array");
    let longest = outages.iter().map(|outage| seconds(&outage["duration_s"])).fold(0.0, f64::max);
    assert!(longest < 1.5, "{object}");
}

#[test]
fn a_pause_between_messages_is_no_outage() {
    let server = Server::start("127.0.0.1:0");
    for (scheme, more) in [("udp", &[][..]), ("tcp", &["--reconnect"])] {
        let words = "bench --duration 2200ms --warmup 0 --rate 5 -s";
        let words = words.split(' ').chain([server.endpoint(scheme)]);
        let (object, finished) = Client::json(words.chain(more.iter().copied()));
        assert_eq!(finished.code, Some(0), "{finished:?}");
        // On a busy machine a reply may be late; the pauses would be nearly all of the time.
        let outages = object["outages"].as_array().expect("an array");
        let out: f64 = outages.iter().map(|outage| seconds(&outage["duration_s"])).sum();
        assert!(out < 1.0, "{object}");
        assert_eq!(object["intervals"].as_array().map(Vec::len), Some(3), "{object}");
    }
}

#[test]
fn intervals_that_cannot_be_are_usage_errors() {
    for (words, expected) in [
        ("bench -i 1ms", "at least 10ms"),
        ("bench -i 0", "at least 10ms"),
        ("bench --csv /nosuch/folder/x", "--csv '/nosuch/folder/x': No such file"),
        ("bench --csv /dev/full", "--csv '/dev/full': No space left"),
    ] {
        let finished = Client::run(words.split(' '));
        finished.expect_error_line(2, &["hello-client: ", expected]);
        assert_eq!(finished.stdout_text(), "");
    }
}

#[cfg(target_os = "linux")] // setsid --ctty
#[test]
fn the_progress_line_fits_a_narrow_terminal_and_leaves_nothing_behind_after_ctrl_c() {
    use crate::harness::{Pty, show, skipped};

    const COLUMNS: usize = 50;
    let server = Server::start("127.0.0.1:0");
    let words = ["bench", server.endpoint("tcp"), "--duration", "1h", "--warmup", "0"];
    let client = Client::command(words);
    let Some(mut pty) = Pty::start(COLUMNS as u16, &client) else {
        return skipped("no pseudo-terminal (setsid)");
    };
    pty.wait_for("/s, p99 ");
    pty.type_keys(b"\x03");
    let output = pty.rest();
    let (progress, _) = output.split_once("^C").expect("the terminal shows it");
    let (_, longest) = show(progress, COLUMNS);
    assert!(longest <= COLUMNS - 2, "with room for ^C: {progress:?}");
    let (lines, _) = show(&output, COLUMNS);
    assert!(lines[0].starts_with("tcp://127.0.0.1:"), "{lines:#?}");
    assert!(
        lines.iter().all(|line| !line.contains("^C") && !line.contains(" left,")),
        "{lines:#?}"
    );
}
