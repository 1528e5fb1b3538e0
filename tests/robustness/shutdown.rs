//! A stop while everybody is busy.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::clients::{narrow, pipeline_until_stuck, with_room_for};
use super::observe::{eventually, expect_all_ended};
use crate::harness::{DEADLINE, Peer, Server, Summary};

const SHUTTING_DOWN: &str = "Error: server is shutting down\n";

#[test]
fn sixty_four_clients_at_full_speed_each_get_whole_replies_in_order_and_the_reason() {
    const CLIENTS: usize = 64;
    let server = Server::start("tcp://127.0.0.1:0 --grace 20s");
    let endpoint = server.endpoints()[0].clone();
    let heard: [AtomicU64; CLIENTS] = std::array::from_fn(|_| AtomicU64::new(0));
    let (all_heard, finished) = thread::scope(|scope| {
        let clients: Vec<_> = heard
            .iter()
            .map(|heard| scope.spawn(|| pipeline_until_told(&endpoint, heard)))
            .collect();
        eventually("every client is in full flow", || {
            heard.iter().all(|heard| heard.load(Ordering::Relaxed) > 100)
        });
        server.process.terminate();
        let heard: u64 = clients.into_iter().map(|client| client.join().expect("a session")).sum();
        (heard, server.stopped())
    });
    let summary = Summary::of(&finished.stderr);
    summary.expect(&[("opened", CLIENTS as u64), ("shutdown", CLIENTS as u64)]);
    summary.expect(&[("messages", all_heard)]);
}

/// Sends numbers as fast as it can while it reads, until the server says that it stops. How many
/// were greeted.
fn pipeline_until_told(endpoint: &str, heard: &AtomicU64) -> u64 {
    let stream = TcpStream::from(with_room_for(64 * 1024, endpoint));
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    stream.set_write_timeout(Some(DEADLINE)).expect("a timeout");
    let mut writer = stream.try_clone().expect("a descriptor");
    // Ends by itself: the server stops to take anything.
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
        heard.store(number, Ordering::Relaxed);
    }
    unreachable!("the server goes on for ever");
}

#[test]
fn connections_in_the_backlog_are_told_and_not_reset() {
    const WAITING: usize = 400;
    let server = Server::start("tcp://127.0.0.1:0");
    let session = server.session();
    server.process.signal(Signal::STOP);
    let mut waiting: Vec<Peer> = (0..WAITING).map(|_| server.connect()).collect();
    for peer in waiting.iter_mut().step_by(2) {
        peer.send(b"Michael\n");
    }
    server.process.terminate();
    server.process.signal(Signal::CONT);

    session.expect_last(SHUTTING_DOWN.as_bytes());
    let mut welcomed = 0;
    for peer in waiting {
        let heard = String::from_utf8(peer.read_to_end()).expect("words");
        let words = heard.strip_suffix(SHUTTING_DOWN).expect("the reason, last");
        assert!(["", "Welcome!\n", "Welcome!\nHello, Michael!\n"].contains(&words), "{heard}");
        welcomed += u64::from(!words.is_empty());
    }
    let summary = Summary::of(&server.stopped().stderr);
    summary.expect(&[("opened", welcomed + 1), ("refused-shutdown", WAITING as u64 - welcomed)]);
    expect_all_ended(&summary);
}

#[test]
fn clients_that_never_read_do_not_make_a_stop_longer_than_the_grace() {
    const GRACE: Duration = Duration::from_secs(4);
    let server = Server::start("tcp://127.0.0.1:0 --grace 4s");
    let mut stuck: Vec<Peer> = (0..5).map(|_| narrow(&server.endpoints()[0])).collect();
    stuck.iter_mut().for_each(|peer| {
        pipeline_until_stuck(peer);
    });
    let reads = server.session();
    let start = Instant::now();
    server.process.terminate();
    reads.expect_last(SHUTTING_DOWN.as_bytes());
    let finished = server.stopped();
    let took = start.elapsed();
    assert!(took < GRACE, "a grace of {GRACE:?} took {took:?}:\n{}", finished.stderr);
    let summary = Summary::of(&finished.stderr);
    summary.expect(&[("opened", 6), ("shutdown", 6)]);
    expect_all_ended(&summary);
}

#[test]
fn a_stop_with_more_to_answer_than_the_grace_allows_is_in_time_and_counted_all_the_same() {
    const CLIENTS: u64 = 300;
    let server = Server::start("tcp://127.0.0.1:0 --grace 2s");
    let mut peers: Vec<Peer> = (0..CLIENTS).map(|_| server.session()).collect();
    server.process.signal(Signal::STOP);
    // In a debug build each of these takes milliseconds to answer.
    peers.iter_mut().for_each(|peer| peer.send(&[b'\n'; 64 * 1024]));
    let start = Instant::now();
    server.process.terminate();
    server.process.signal(Signal::CONT);
    let finished = server.stopped();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(4), "a grace of 2 s took {took:?}");
    let summary = Summary::of(&finished.stderr);
    summary.expect(&[("opened", CLIENTS), ("shutdown", CLIENTS)]);
    expect_all_ended(&summary);
}
