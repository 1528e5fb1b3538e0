//! Scrapes of the metrics that are too long, too many, or no scrapes at all.

use std::thread;
use std::time::{Duration, Instant};

use super::hostile_clients::{Noise, small_segments};
use super::procfs::{NOISE, Usage, processor_time};
use super::threads::threads;
use crate::harness::{DEADLINE, RawClient, Scrape, Server, get, wait_until};

const COMMAND_LINE: &str = "tcp://127.0.0.1:0 --metrics=127.0.0.1:0";

/// Connections that are served at once, and as many wait.
const CONNECTIONS: usize = 16;

/// When a connection is closed whatever it does; what is beyond is for a busy machine.
const TIMEOUT: Duration = Duration::from_secs(2);
const BUSY: Duration = Duration::from_secs(20);

const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Serves a session, however the metrics are abused.
#[track_caller]
fn expect_service(server: &Server) {
    let mut client = server.session();
    client.send(b"Michael\nexit\n");
    client.expect_last(b"Hello, Michael!\n");
}

#[test]
fn a_scrape_that_never_ends_is_closed_after_two_seconds_and_the_others_are_served_meanwhile() {
    let mut server = Server::start(COMMAND_LINE);
    let metrics = server.metrics();
    let start = Instant::now();
    let mut endless = RawClient::connect(&metrics);
    endless.send(b"GET /metrics HTTP/1.1\r\n");
    // Header fields that come drop by drop do not make it longer.
    let dripping = RawClient::connect(&metrics);
    let dripping = thread::spawn(move || {
        let mut client = dripping;
        // What it has sent since the last read makes the end a reset.
        while client.try_send(b"A").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    Scrape::of(&metrics);
    expect_service(&server);
    endless.expect_last(b"");
    dripping.join().expect("it sees the end");
    let took = start.elapsed();
    assert!((TIMEOUT..TIMEOUT + BUSY).contains(&took), "closed after {took:?}");
    server.stop();
}

#[test]
fn a_request_over_8_kib_is_rejected_with_the_reason() {
    let mut server = Server::start(COMMAND_LINE);
    let metrics = server.metrics();
    let mut client = RawClient::connect(&metrics);
    client.send(b"GET /metrics HTTP/1.1\r\nCookie: ");
    // It goes on sending, and reads the reason all the same.
    client.send(&vec![b'x'; 64 * 1024]);
    client.expect_last(
        b"HTTP/1.1 431 Request Header Fields Too Large\r\n\
          Content-Type: text/plain; charset=utf-8\r\nContent-Length: 36\r\n\
          Connection: close\r\n\r\n431 Request Header Fields Too Large\n",
    );
    Scrape::of(&metrics);
    server.stop();
}

#[test]
fn a_scrape_that_is_never_read_is_closed_and_takes_no_more_than_its_page() {
    let mut server = Server::start(COMMAND_LINE);
    let metrics = server.metrics();
    Scrape::of(&metrics);
    let before = Usage::of(&server);
    let start = Instant::now();
    let silent: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let mut client = RawClient::over(small_segments(&metrics));
            client.send(REQUEST);
            client
        })
        .collect();
    expect_service(&server);
    // It waits until one of those is closed.
    Scrape::of(&metrics);
    let took = start.elapsed();
    assert!(took < TIMEOUT + BUSY, "a scrape behind {CONNECTIONS} took {took:?}");
    before.expect_back(&server);
    drop(silent);
    server.stop();
}

#[test]
fn a_hundred_scrapers_at_once_are_all_answered() {
    let mut server = Server::start(COMMAND_LINE);
    let metrics = server.metrics();
    Scrape::of(&metrics);
    let before = Usage::of(&server);
    let scrapers: Vec<_> = (0..100)
        .map(|_| {
            let metrics = metrics.clone();
            thread::spawn(move || Scrape::of(&metrics).value("hello_sessions_open"))
        })
        .collect();
    expect_service(&server);
    for scraper in scrapers {
        scraper.join().expect("each has its page");
    }
    let peak = Usage::of(&server).peak;
    assert!(peak < before.peak + NOISE, "{before:?}, and then a peak of {peak}");
    before.expect_back(&server);
    server.stop();
}

#[test]
fn connections_that_say_nothing_take_16_descriptors_and_are_closed() {
    let mut server = Server::start(COMMAND_LINE);
    let metrics = server.metrics();
    let before = Usage::of(&server);
    let silent: Vec<RawClient> =
        (0..2 * CONNECTIONS).map(|_| RawClient::connect(&metrics)).collect();
    wait_until("as many as are served are accepted", || {
        Usage::of(&server).descriptors == before.descriptors + CONNECTIONS
    });
    let used = processor_time(server.process.pid());
    expect_service(&server);
    for client in silent {
        client.expect_last(b"");
    }
    let used = processor_time(server.process.pid()) - used;
    assert!(used < Duration::from_millis(300), "{used:?} of processor time");
    before.expect_back(&server);
    assert_eq!(get(&metrics, "/healthz").0, "200 OK");
    server.stop();
}

#[test]
fn garbage_is_answered_as_such_or_closed_and_does_no_harm() {
    let mut server = Server::start(COMMAND_LINE);
    let metrics = server.metrics();
    let mut noise = Noise::seeded(12);
    for size in [1, 10, 100, 1000, 10_000, 100_000] {
        let mut client = RawClient::connect(&metrics);
        // It may be closed before all of it is sent, or reset while more comes.
        client.send_until_stuck(&noise.bytes(size), DEADLINE);
        if let Ok(response) = client.try_read_to_end() {
            let is_error = response.starts_with(b"HTTP/1.1 4") || response.is_empty();
            assert!(is_error, "{}", response.escape_ascii());
        }
    }
    // A client of sessions that has the wrong port.
    let mut client = RawClient::connect(&metrics);
    client.send(b"Michael\n");
    let response = client.read_to_end();
    assert!(response.starts_with(b"HTTP/1.1 400 Bad Request\r\n"), "{}", response.escape_ascii());
    Scrape::of(&metrics);
    expect_service(&server);
    server.stop();
}

#[test]
fn metrics_that_panic_end_neither_the_server_nor_a_session() {
    let mut server = Server::start_faulty("metrics", COMMAND_LINE);
    let metrics = server.metrics();
    let mut client = server.session();
    let mut scraper = RawClient::connect(&metrics);
    scraper.send(REQUEST);
    scraper.expect_last(b"");
    wait_until("the thread is gone", || {
        threads(&server).values().all(|thread| thread.name != "metrics")
    });
    client.send(b"Michael\nexit\n");
    client.expect_last(b"Hello, Michael!\n");
    expect_service(&server);
    server.stop();
}
