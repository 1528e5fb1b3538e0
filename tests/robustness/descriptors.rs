//! Descriptors run out: while it runs, and from the start.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, prlimit};

use super::procfs::{descriptors, processor_time};
use crate::harness::{DEADLINE, RawClient, Server, Summary, wait_until};

/// How soon waiting clients are accepted once there are descriptors again. A second is promised.
const SOON: Duration = Duration::from_secs(5);

#[test]
fn a_server_without_descriptors_backs_off_and_recovers() {
    let mut server = Server::start("tcp://127.0.0.1:0");
    let mut first = server.session();
    leave_one_descriptor(&server);
    let second = server.session();
    let mut third = server.connect();
    server.process.stderr.wait_for("cannot accept");
    let waiting: Vec<RawClient> = (0..5).map(|_| server.connect()).collect();

    let (start, used) = (Instant::now(), processor_time(server.process.pid()));
    // What is measured is a length of time.
    thread::sleep(Duration::from_secs(2));
    let used = processor_time(server.process.pid()) - used;
    assert!(used < Duration::from_millis(300), "{used:?} of processor time in 2 s");
    first.send(b"Michael\n");
    first.expect(b"Hello, Michael!\n");

    let starved = start.elapsed();
    let freed = Instant::now();
    drop(second);
    third.expect(b"Welcome!\n");
    assert!(freed.elapsed() < SOON, "{:?}", freed.elapsed());

    let freed = Instant::now();
    allow_descriptors(&server, getrlimit(Resource::Nofile).current);
    for mut client in waiting {
        client.expect(b"Welcome!\n");
        client.send(b"exit\n");
        client.expect_last(b"");
    }
    assert!(freed.elapsed() < SOON, "{:?}", freed.elapsed());
    drop((first, third));

    let starved_in_all = (starved + 2 * SOON).as_secs();
    let log = server.stop().stderr;
    let reports = log.matches("cannot accept").count() as u64;
    assert!((1..=starved_in_all).contains(&reports), "{log}");
    assert!(log.contains("accepting again"), "{log}");
    let summary = Summary::of(&log);
    summary.expect(&[("opened", 8), ("lost", 0)]);
    assert!(summary.count("starved") >= reports, "{log}");
    summary.expect_all_ended();
}

/// Lowers the limit of a server so that one more descriptor is all that it can have.
fn leave_one_descriptor(server: &Server) {
    let open = descriptors(server.process.pid());
    let free_below =
        |limit: u64| limit - open.iter().filter(|&&number| number < limit).count() as u64;
    let limit = (1..).find(|&limit| free_below(limit) == 1);
    allow_descriptors(server, limit);
}

fn allow_descriptors(server: &Server, limit: Option<u64>) {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let limits = Rlimit { current: limit, maximum };
    prlimit(Some(server.process.pid()), Resource::Nofile, limits).expect("it is our child");
}

#[test]
fn a_low_limit_lowers_the_sessions_and_those_are_really_served() {
    let mut server = Server::start_with_open_files(64, "127.0.0.1:0");
    let warning = server.process.stderr.wait_for("--max-sessions 10000 is more than");
    let (_, sessions) = warning.trim_end().rsplit_once(' ').expect("a number of sessions");
    let sessions: usize = sessions.parse().expect("a number of sessions");
    assert!((16..64).contains(&sessions), "{warning}");

    let mut clients: Vec<RawClient> = (0..sessions).map(|_| server.session()).collect();
    for _ in 0..10 {
        let mut next = server.connect();
        next.send(b"Michael\n");
        next.expect_last(b"Error: server is full\n");
    }
    for client in &mut clients {
        client.send(b"Michael\nexit\n");
    }
    clients.into_iter().for_each(|client| client.expect_last(b"Hello, Michael!\n"));
    let summary = server.summary();
    summary.expect(&[("opened", sessions as u64), ("refused-full", 10), ("starved", 0)]);
    summary.expect_all_ended();
}

#[test]
fn rejected_clients_that_do_not_close_leave_descriptors_for_the_next() {
    let server = Server::start_with_open_files(64, "tcp://127.0.0.1:0 --max-sessions 1");
    let _first = server.session();
    let mut rejected = Vec::new();
    let start = Instant::now();
    for _ in 0..100 {
        let mut next = server.connect();
        next.expect(b"Error: server is full\n");
        rejected.push(next);
    }
    let took = start.elapsed();
    assert!(took < DEADLINE / 10, "100 clients were rejected in {took:?}");
    wait_until("the server closes them", || descriptors(server.process.pid()).len() < 32);
    server.summary().expect(&[("opened", 1), ("refused-full", 100), ("starved", 0)]);
}
