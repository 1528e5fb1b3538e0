//! A stop is counted to the last session, takes no longer than the grace, and needs no timeout.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::clients::small_segments;
use super::observe::{eventually, expect_all_ended};
use crate::harness::{DEADLINE, Peer, Server, Summary, skipped};

const SHUTTING_DOWN: &[u8] = b"Error: server is shutting down\n";

#[test]
fn sessions_that_no_worker_has_seen_when_the_grace_ends_are_counted() {
    // In a debug build each of these takes a worker milliseconds to answer, so that those who come
    // next are still on their way to it when the grace is over.
    const BUSY: usize = 100;
    const WAITING: usize = 1500;
    let server = Server::start("tcp://127.0.0.1:0 --workers 1 --grace 0 --backlog 4096");
    let mut busy: Vec<Peer> = (0..BUSY).map(|_| server.session()).collect();
    server.process.suspend();
    busy.iter_mut().for_each(|peer| peer.send(&[b'\n'; 60_000]));
    let waiting: Vec<Peer> = (0..WAITING).map(|_| server.connect()).collect();
    server.process.resume();
    // Accepted by the acceptor, all of them or some.
    eventually("the acceptor accepts", || waiting_at(&server) < WAITING);
    let start = Instant::now();
    let finished = server.stop();
    assert!(start.elapsed() < DEADLINE / 2, "no grace took {:?}", start.elapsed());

    let (mut opened, mut rejected) = (BUSY as u64, 0);
    for peer in waiting {
        // Only one that was not accepted sees a reset, since nobody has sent anything.
        match peer.try_read_to_end() {
            Ok(bytes) if bytes == SHUTTING_DOWN => rejected += 1,
            Ok(_) => opened += 1,
            Err(_) => {}
        }
    }
    let summary = Summary::of(&finished.stderr);
    summary.expect(&[("opened", opened), ("refused-shutdown", rejected)]);
    expect_all_ended(&summary);
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
fn clients_that_keep_coming_do_not_make_a_stop_longer_than_the_grace() {
    // The server gets less processor time than those who come, so that they never cease to wait.
    let command_line = "tcp://127.0.0.1:0 --workers 1 --grace 2s --backlog 4096";
    let Some(server) = Server::start_by(&["nice", "-n", "19"], command_line) else {
        return skipped("there is no nice");
    };
    let endpoint = server.endpoint("tcp").to_owned();
    let begin = Instant::now();
    let (gone, came) = (AtomicBool::new(false), AtomicU64::new(0));
    let keep_coming = || {
        let address = endpoint.trim_start_matches("tcp://").parse().expect("an address");
        while !gone.load(Ordering::Relaxed) && begin.elapsed() < 2 * DEADLINE {
            // Refused once the server is gone.
            let client = std::net::TcpStream::connect_timeout(&address, DEADLINE);
            came.fetch_add(u64::from(client.is_ok()), Ordering::Relaxed);
        }
    };
    let (took, finished) = thread::scope(|scope| {
        (0..8).for_each(|_| drop(scope.spawn(keep_coming)));
        eventually("clients come", || came.load(Ordering::Relaxed) > 200);
        let start = Instant::now();
        server.process.terminate();
        let finished = server.process.wait();
        let took = start.elapsed();
        gone.store(true, Ordering::Relaxed);
        (took, finished)
    });
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(took < DEADLINE / 2, "a grace of 2 s took {took:?}");
    expect_all_ended(&Summary::of(&finished.stderr));
}

#[test]
fn a_session_that_said_exit_and_does_not_read_is_ended_even_without_an_idle_timeout() {
    /// Empty messages that are answered together, less one: 64 KiB of replies.
    const TOGETHER: usize = 7281;
    let mut server = Server::start("tcp://127.0.0.1:0 --idle-timeout 0 --grace 0 -v");
    // What the system holds for a client that does not read is not known. So they say `exit` after
    // more and more messages, and at one of them the replies before it are not taken in full.
    let mut peers: Vec<Peer> =
        (0..4).map(|_| Peer::over(small_segments(server.endpoint("tcp")))).collect();
    peers.iter_mut().for_each(|peer| peer.expect(b"Welcome!\n"));
    server.process.suspend();
    for (peer, times) in peers.iter_mut().zip(1..) {
        peer.send(&[&b"\n".repeat(TOGETHER * times)[..], b"exit\n"].concat());
    }
    server.process.resume();
    server.process.stderr.wait_for("ended: exit");
    // What is measured is a length of time: three times the 2 s that such a client has.
    thread::sleep(Duration::from_secs(6));

    // A session that the stop has to end says what it has been waiting for.
    let log = server.stop().stderr;
    let (_, stop) = log.split_once("SIGTERM: ").expect("the stop is logged");
    assert!(!stop.contains("ended: exit"), "{stop}");
}
