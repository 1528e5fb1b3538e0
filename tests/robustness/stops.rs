//! A stop is counted to the last session, takes no longer than the grace, and needs no timeout.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::hostile_clients::small_segments;
use crate::harness::{DEADLINE, RawClient, Server, Summary, skipped, wait_until};

const SHUTTING_DOWN: &[u8] = b"Error: server is shutting down\n";

#[test]
fn sessions_that_no_worker_has_seen_when_the_grace_ends_are_counted() {
    // On a busy machine the threads do not end in the half of a second that they have, and then what is
    // left is not counted.
    wait_until("the threads end in time", || {
        let (stderr, opened, rejected) = stop_with_sessions_in_the_queue();
        let in_time = !stderr.contains("did not end in time");
        if in_time {
            let summary = Summary::of(&stderr);
            summary.expect(&[("opened", opened), ("refused-shutdown", rejected)]);
            summary.expect_all_ended();
        }
        in_time
    });
}

/// What such a server says, and how many clients it has opened a session for or rejected.
fn stop_with_sessions_in_the_queue() -> (String, u64, u64) {
    // In a debug build each of these takes a worker milliseconds to answer, so that the sessions
    // after them are still in its queue when the grace is over.
    const BUSY: usize = 100;
    const WAITING: usize = 1500;
    let server = Server::start("tcp://127.0.0.1:0 --workers 1 --grace 0 --backlog 4096");
    let mut busy: Vec<RawClient> = (0..BUSY).map(|_| server.session()).collect();
    server.process.suspend();
    busy.iter_mut().for_each(|client| client.send(&[b'\n'; 60_000]));
    let waiting: Vec<RawClient> = (0..WAITING).map(|_| server.connect()).collect();
    server.process.resume();
    // Accepted by the acceptor, all of them or some.
    wait_until("the acceptor accepts", || waiting_at(&server) < WAITING);
    let start = Instant::now();
    let finished = server.stop();
    assert!(start.elapsed() < DEADLINE / 2, "no grace took {:?}", start.elapsed());

    let (mut opened, mut rejected) = (BUSY as u64, 0);
    for client in waiting {
        // Only one that was not accepted sees a reset, since no client has sent anything.
        match client.try_read_to_end() {
            Ok(bytes) if bytes == SHUTTING_DOWN => rejected += 1,
            Ok(_) => opened += 1,
            Err(_) => {}
        }
    }
    (finished.stderr, opened, rejected)
}

/// How many clients wait to be accepted at the server's first endpoint: `rx_queue` of its listener
/// in proc(5).
fn waiting_at(server: &Server) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux has it");
    let local = format!("0100007F:{:04X}", server.port());
    let listener = table.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let mut listener = listener.filter(|columns| columns[1] == local && columns[3] == "0A");
    let columns = listener.next().expect("it listens");
    let (_, waiting) = columns[4].split_once(':').expect("two queues");
    usize::from_str_radix(waiting, 16).expect("a number")
}

#[test]
fn clients_that_keep_connecting_do_not_make_a_stop_longer_than_the_grace() {
    // The server gets less processor time than the clients, so that its backlog is never empty.
    let command_line = "tcp://127.0.0.1:0 --workers 1 --grace 2s --backlog 4096";
    let Some(server) = Server::start_by(&["nice", "-n", "19"], command_line) else {
        return skipped("nice is not installed");
    };
    let endpoint = server.endpoint("tcp").to_owned();
    let begin = Instant::now();
    let (stopped, accepted) = (AtomicBool::new(false), AtomicU64::new(0));
    let keep_connecting = || {
        let address = endpoint.trim_start_matches("tcp://").parse().expect("an address");
        while !stopped.load(Ordering::Relaxed) && begin.elapsed() < 2 * DEADLINE {
            // Refused once the server has stopped.
            let client = std::net::TcpStream::connect_timeout(&address, DEADLINE);
            accepted.fetch_add(u64::from(client.is_ok()), Ordering::Relaxed);
        }
    };
    let (took, finished) = thread::scope(|scope| {
        (0..8).for_each(|_| drop(scope.spawn(keep_connecting)));
        wait_until("clients connect", || accepted.load(Ordering::Relaxed) > 200);
        let start = Instant::now();
        server.process.terminate();
        let finished = server.process.wait();
        let took = start.elapsed();
        stopped.store(true, Ordering::Relaxed);
        (took, finished)
    });
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    // The clients would go on for twice as long; and whatever else runs here, runs before the server.
    assert!(took < DEADLINE, "a grace of 2 s took {took:?}");
    Summary::of(&finished.stderr).expect_all_ended();
}

#[test]
fn a_session_that_sent_exit_and_does_not_read_is_ended_even_without_an_idle_timeout() {
    /// Empty messages that are answered together, less one: 64 KiB of replies.
    const TOGETHER: usize = 7281;
    let mut server = Server::start("tcp://127.0.0.1:0 --idle-timeout 0 --grace 0 -v");
    // How much the system buffers for a client that does not read is not known. So they send `exit`
    // after more and more messages, and for one of them the replies before it do not fit.
    let mut clients: Vec<RawClient> =
        (0..4).map(|_| RawClient::over(small_segments(server.endpoint("tcp")))).collect();
    clients.iter_mut().for_each(|client| client.expect(b"Welcome!\n"));
    server.process.suspend();
    for (client, times) in clients.iter_mut().zip(1..) {
        client.send(&[&b"\n".repeat(TOGETHER * times)[..], b"exit\n"].concat());
    }
    server.process.resume();
    server.process.stderr.wait_for("ended: exit");
    // What is measured is a length of time: three times the 2 s that such a client has.
    thread::sleep(Duration::from_secs(6));

    // A session that only the stop ended would be logged after it.
    let log = server.stop().stderr;
    let (_, stop) = log.split_once("SIGTERM: ").expect("the stop is logged");
    assert!(!stop.contains("ended: exit"), "{stop}");
}
