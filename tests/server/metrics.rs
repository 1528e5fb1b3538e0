//! `--metrics`: what Prometheus and health checks get over HTTP.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::some_of_everything;
use crate::harness::{RawClient, Scrape, Server, Summary, get, has_tool, wait_until};

const METRICS: &str = "--metrics=127.0.0.1:0";

#[test]
fn a_scrape_has_every_counter_of_the_summary_while_sessions_are_open() {
    let mut server = Server::start(&format!("127.0.0.1:0 {METRICS} --workers 2 --max-sessions 2"));
    let metrics = server.metrics();
    let (stays, mut datagrams) = some_of_everything(&server);
    datagrams.send(&[b'x'; 1025]);

    // Its place is free once the end of the first session is counted.
    let has = |name: &str, value: f64| Scrape::of(&metrics).value(name) == value;
    wait_until("the first has ended", || has("hello_sessions_total{end=\"exit\"}", 1.0));
    let second = server.session();
    server.connect().expect_last(b"Error: server is full\n");
    // What has arrived may not have been counted yet.
    wait_until("everything is counted", || {
        has("hello_bytes_total{direction=\"out\"}", 57.0)
            && has("hello_rejected_total{reason=\"full\"}", 1.0)
            && has("hello_datagrams_total{outcome=\"too-long\"}", 1.0)
    });
    let scrape = Scrape::of(&metrics);
    for (name, value) in [
        ("hello_sessions_open", 2.0),
        ("hello_sessions_opened_total", 3.0),
        ("hello_sessions_total{end=\"exit\"}", 1.0),
        ("hello_sessions_total{end=\"lost\"}", 0.0),
        ("hello_rejected_total{reason=\"full\"}", 1.0),
        ("hello_accept_errors_total{reason=\"starved\"}", 0.0),
        ("hello_messages_total", 2.0),
        ("hello_bytes_total{direction=\"in\"}", 19.0),
        ("hello_bytes_total{direction=\"out\"}", 9.0 + 9.0 + 30.0 + 9.0),
        ("hello_datagrams_total{outcome=\"greeted\"}", 1.0),
        ("hello_datagrams_total{outcome=\"overflowed\"}", 0.0),
        ("hello_datagram_receive_errors_total", 0.0),
        ("hello_log_lines_dropped_total", 0.0),
        (concat!("hello_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0),
    ] {
        assert_eq!(scrape.value(name), value, "{name} in:\n{}", scrape.text);
    }
    for name in ["open_fds", "max_fds", "resident_memory_bytes", "cpu_seconds_total"] {
        assert!(scrape.value(&format!("process_{name}")) > 0.0, "{}", scrape.text);
    }
    assert!(scrape.value("process_open_fds") < scrape.value("process_max_fds"));
    // Of this century.
    assert!(scrape.value("process_start_time_seconds") > 1e9);

    drop((stays, second));
    wait_until("all sessions have ended", || {
        Scrape::of(&metrics).value("hello_sessions_open") == 0.0
    });
    server.summary().expect_all_ended();
}

#[test]
fn no_counter_goes_back_while_clients_come_and_go_and_in_the_end_all_sessions_have_ended() {
    let mut server = Server::start(&format!("127.0.0.1:0 {METRICS} --workers 2"));
    let metrics = server.metrics();
    let endpoint = server.endpoint("tcp").to_owned();
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let endpoint = endpoint.clone();
            std::thread::spawn(move || {
                for _ in 0..100 {
                    let mut client = RawClient::connect(&endpoint);
                    client.send(b"Michael\nTracy\nexit\n");
                    client.expect_last(b"Welcome!\nHello, Michael!\nHello, Tracy!\n");
                }
            })
        })
        .collect();
    let mut last = Scrape::of(&metrics);
    let mut scrapes = 0;
    while scrapes < 10 || clients.iter().any(|client| !client.is_finished()) {
        let next = Scrape::of(&metrics);
        for (name, before) in last.counters() {
            assert!(next.value(name) >= before, "{name} was {before}, then:\n{}", next.text);
        }
        last = next;
        scrapes += 1;
    }
    clients.into_iter().for_each(|client| client.join().expect("each client is served"));
    wait_until("all sessions have ended", || {
        Scrape::of(&metrics).value("hello_sessions_open") == 0.0
    });
    let last = Scrape::of(&metrics);
    assert_eq!(last.value("hello_sessions_opened_total"), 400.0);
    assert_eq!(last.value("hello_sessions_total{end=\"exit\"}"), 400.0);
    assert_eq!(last.value("hello_messages_total"), 800.0);
    server.summary().expect_all_ended();
}

#[test]
fn promtool_finds_nothing_wrong_with_the_metrics() {
    if !has_tool("promtool") {
        return;
    }
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = command.spawn().expect("it is installed");
    let mut server = Server::start(&format!("127.0.0.1:0 {METRICS}"));
    let text = Scrape::of(&server.metrics()).text;
    let mut stdin = promtool.stdin.take().expect("it is piped");
    stdin.write_all(text.as_bytes()).expect("it reads all");
    drop(stdin);
    let checked = promtool.wait_with_output().expect("it is our child");
    let words = [checked.stdout, checked.stderr].concat();
    assert_eq!((checked.status.code(), words.escape_ascii().to_string()), (Some(0), String::new()));
}

#[test]
fn the_response_to_a_scrape_is_complete_and_closes_the_connection() {
    let mut server = Server::start(&format!("tcp://127.0.0.1:0 {METRICS}"));
    let metrics = server.metrics();
    let mut client = RawClient::connect(&metrics);
    // In two parts, with the header fields of a real scraper.
    client.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Prometheus/2.42.0\r\n");
    client.send(b"Accept: text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n\r\n");
    let response = String::from_utf8(client.read_to_end()).expect("text");
    let (head, body) = response.split_once("\r\n\r\n").expect("a head");
    let expected = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close",
        body.len()
    );
    assert_eq!(head, expected);
    assert!(body.starts_with("# HELP hello_sessions_open "), "{body}");
    assert!(body.ends_with('\n'), "{body}");
}

#[test]
fn healthz_is_ok_until_the_server_stops_and_then_says_so() {
    let mut server = Server::start(&format!("tcp://127.0.0.1:0 {METRICS} --grace 1m"));
    let metrics = server.metrics();
    assert_eq!(get(&metrics, "/healthz"), ("200 OK".to_owned(), "ok\n".to_owned()));
    // One that neither reads nor closes keeps the server from having stopped before.
    let mut stuck = server.session();
    stuck.send_until_stuck(&vec![b'\n'; 32 * 1024 * 1024], Duration::from_millis(300));
    server.process.terminate();
    let unavailable = "503 Service Unavailable";
    wait_until("it is not healthy any more", || get(&metrics, "/healthz").0 == unavailable);
    assert_eq!(Scrape::of(&metrics).value("hello_sessions_open"), 1.0);
    drop(stuck);
    server.stopped();
}

#[test]
fn what_is_not_there_has_its_status() {
    let mut server = Server::start(&format!("tcp://127.0.0.1:0 {METRICS}"));
    let metrics = server.metrics();
    assert_eq!(get(&metrics, "/").0, "404 Not Found");
    let mut client = RawClient::connect(&metrics);
    client.send(b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody");
    client.expect_last(
        b"HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain; charset=utf-8\r\n\
          Content-Length: 23\r\nAllow: GET, HEAD\r\nConnection: close\r\n\r\n\
          405 Method Not Allowed\n",
    );
    let mut client = RawClient::connect(&metrics);
    client.send(b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.expect_last(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\
          Content-Length: 3\r\nConnection: close\r\n\r\n",
    );
}

#[test]
fn without_the_option_there_are_no_metrics() {
    let log = Server::start("tcp://127.0.0.1:0").stop().stderr;
    assert!(!log.contains("metrics"), "{log}");
}

#[test]
fn a_port_of_the_metrics_that_is_taken_is_an_error_like_that_of_any_endpoint() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let finished = Server::run(["tcp://127.0.0.1:0", "--metrics", &address]);
    finished.expect_error_line(1, &[&format!("tcp://{address}"), "address already in use"]);
    assert_eq!(finished.stdout_text(), "");
}

#[test]
fn the_metrics_count_what_the_summary_counts() {
    let mut server = Server::start(&format!("127.0.0.1:0 {METRICS}"));
    let metrics = server.metrics();
    for _ in 0..3 {
        let mut client = server.session();
        client.send(b"Michael");
        client.half_close();
        client.expect_last(b"Hello, Michael!\n");
    }
    let name = "hello_sessions_total{end=\"end-of-stream\"}";
    wait_until("the sessions have ended", || Scrape::of(&metrics).value(name) == 3.0);
    let scrape = Scrape::of(&metrics);
    let summary = Summary::of(&server.stop().stderr);
    for (name, key) in [
        ("hello_sessions_opened_total", "opened"),
        ("hello_messages_total", "messages"),
        ("hello_bytes_total{direction=\"in\"}", "bytes-in"),
        ("hello_bytes_total{direction=\"out\"}", "bytes-out"),
    ] {
        assert_eq!(scrape.value(name), summary.count(key) as f64, "{name}");
    }
}
