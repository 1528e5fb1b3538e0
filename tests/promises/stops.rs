//! A stop is counted to the last session, takes no longer than the grace, and needs no timeout.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::clients::small_segments;
use super::observe::{eventually, expect_all_ended};
use crate::harness::{DEADLINE, Peer, Server, Summary};

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
    let summary = Summary::of(&finished.stderr);
    assert!(summary.count("opened") >= BUSY as u64, "{summary:?}");
    expect_all_ended(&summary);
    drop(waiting);
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
    let server = Server::start("tcp://127.0.0.1:0 --workers 1 --grace 2s --backlog 4096");
    let endpoint = server.endpoint("tcp").to_owned();
    let (gone, came) = (AtomicBool::new(false), AtomicU64::new(0));
    let keep_coming = || {
        let address = endpoint.trim_start_matches("tcp://").parse().expect("an address");
        while !gone.load(Ordering::Relaxed) {
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
    let mut server = Server::start("tcp://127.0.0.1:0 --idle-timeout 0 -v");
    // What the system holds for such a client is less than the replies to one read.
    let mut peer = Peer::over(small_segments(server.endpoint("tcp")));
    peer.expect(b"Welcome!\n");
    peer.send(&[&b"\n".repeat(7000)[..], b"exit\n"].concat());
    let start = Instant::now();
    server.process.stderr.wait_for("ended: exit");
    // It lingers for 2 s.
    assert!(start.elapsed() < Duration::from_secs(12), "it took {:?}", start.elapsed());
    server.summary().expect(&[("opened", 1), ("exit", 1)]);
}
