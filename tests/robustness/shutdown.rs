//! A stop under load.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::hostile_clients::{pipeline_until_stuck, small_rcvbuf, with_room_for};
use crate::harness::{DEADLINE, RawClient, Server, Summary, wait_until};

const SHUTTING_DOWN: &str = "Error: server is shutting down\n";

#[test]
fn sixty_four_clients_at_full_speed_each_get_whole_replies_in_order_and_the_reason() {
    const CLIENTS: usize = 64;
    let server = Server::start("tcp://127.0.0.1:0 --grace 20s");
    let endpoint = server.endpoints()[0].clone();
    let received: [AtomicU64; CLIENTS] = std::array::from_fn(|_| AtomicU64::new(0));
    let (all_heard, finished) = thread::scope(|scope| {
        let clients: Vec<_> = received
            .iter()
            .map(|received| scope.spawn(|| pipeline_until_told(&endpoint, received)))
            .collect();
        wait_until("every client is in full flow", || {
            received.iter().all(|received| received.load(Ordering::Relaxed) > 100)
        });
        server.process.terminate();
        let received: u64 =
            clients.into_iter().map(|client| client.join().expect("a session")).sum();
        (received, server.stopped())
    });
    let summary = Summary::of(&finished.stderr);
    summary.expect(&[("opened", CLIENTS as u64), ("shutdown", CLIENTS as u64)]);
    summary.expect(&[("messages", all_heard)]);
}

/// Sends numbers as fast as it can while it reads, until the server shuts down. Returns how many
/// were greeted.
fn pipeline_until_told(endpoint: &str, received: &AtomicU64) -> u64 {
    let stream = TcpStream::from(with_room_for(64 * 1024, endpoint));
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    stream.set_write_timeout(Some(DEADLINE)).expect("a timeout");
    let mut writer = stream.try_clone().expect("a descriptor");
    // Ends by itself: the server stops reading.
    thread::spawn(move || {
        (0_u64..).step_by(100).try_for_each(|first| {
            let numbers: String =
                (first..first + 100).map(|number| format!("{number}\n")).collect();
            writer.write_all(numbers.as_bytes())
        })
    });
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    let mut next = || {
        line.clear();
        reader.read_line(&mut line).expect("a line, or a clean end");
        line.clone()
    };
    assert_eq!(next(), "Welcome!\n");
    for number in 0.. {
        let line = next();
        if line == SHUTTING_DOWN {
            assert_eq!(next(), "");
            return number;
        }
        assert_eq!(line, format!("Hello, {number}!\n"));
        received.store(number, Ordering::Relaxed);
    }
    unreachable!("it ends at the reason");
}

#[test]
fn connections_in_the_backlog_get_the_reason_and_no_reset() {
    const WAITING: usize = 400;
    let server = Server::start("tcp://127.0.0.1:0");
    let session = server.session();
    server.process.signal(Signal::STOP);
    let mut waiting: Vec<RawClient> = (0..WAITING).map(|_| server.connect()).collect();
    for client in waiting.iter_mut().step_by(2) {
        client.send(b"Michael\n");
    }
    server.process.terminate();
    server.process.signal(Signal::CONT);

    session.expect_last(SHUTTING_DOWN.as_bytes());
    let mut welcomed = 0;
    for client in waiting {
        let received = String::from_utf8(client.read_to_end()).expect("text");
        let words = received.strip_suffix(SHUTTING_DOWN).expect("the reason, last");
        assert!(["", "Welcome!\n", "Welcome!\nHello, Michael!\n"].contains(&words), "{received}");
        welcomed += u64::from(!words.is_empty());
    }
    let summary = Summary::of(&server.stopped().stderr);
    summary.expect(&[("opened", welcomed + 1), ("refused-shutdown", WAITING as u64 - welcomed)]);
    summary.expect_all_ended();
}

/// Asserts that `stop` takes less than `grace`, and that each of so many sessions is counted as ended by
/// it. It returns how long it took, and what was counted.
#[track_caller]
fn expect_in_time(grace: Duration, sessions: u64, stop: impl Fn() -> (Duration, Summary)) {
    // On a busy machine the process may stand still for longer than it reserves for the end.
    for _ in 0..3 {
        let (took, summary) = stop();
        if took < grace {
            summary.expect(&[("opened", sessions), ("shutdown", sessions)]);
            return summary.expect_all_ended();
        }
    }
    panic!("a grace of {grace:?} took longer three times");
}

#[test]
fn clients_that_never_read_do_not_make_a_stop_longer_than_the_grace() {
    expect_in_time(Duration::from_secs(4), 6, stop_with_stuck_clients);
}

/// How long a stop with a grace of four seconds takes, and what it counts.
#[track_caller]
fn stop_with_stuck_clients() -> (Duration, Summary) {
    let server = Server::start("tcp://127.0.0.1:0 --grace 4s");
    let mut stuck: Vec<RawClient> = (0..5).map(|_| small_rcvbuf(&server.endpoints()[0])).collect();
    stuck.iter_mut().for_each(|client| {
        pipeline_until_stuck(client);
    });
    let reads = server.session();
    let start = Instant::now();
    server.process.terminate();
    reads.expect_last(SHUTTING_DOWN.as_bytes());
    let finished = server.stopped();
    (start.elapsed(), Summary::of(&finished.stderr))
}

#[test]
fn a_stop_with_more_to_answer_than_the_grace_allows_is_in_time_and_counted_all_the_same() {
    const CLIENTS: u64 = 300;
    expect_in_time(Duration::from_secs(5), CLIENTS, || stop_with_more_to_answer(CLIENTS));
}

/// How long a stop with a grace of five seconds takes, and what it counts.
#[track_caller]
fn stop_with_more_to_answer(clients: u64) -> (Duration, Summary) {
    let server = Server::start("tcp://127.0.0.1:0 --grace 5s");
    let mut clients: Vec<RawClient> = (0..clients).map(|_| server.session()).collect();
    server.process.signal(Signal::STOP);
    // In a debug build each of these takes milliseconds to answer.
    clients.iter_mut().for_each(|client| client.send(&[b'\n'; 64 * 1024]));
    let start = Instant::now();
    server.process.terminate();
    server.process.signal(Signal::CONT);
    let finished = server.stopped();
    (start.elapsed(), Summary::of(&finished.stderr))
}
