//! A session is ended between its timeout and a tenth of a second later.

use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{RawClient, Server};

/// How late a session may be ended.
const LATE: Duration = Duration::from_millis(100);

/// How often a round is tried again whose sessions were ended late: on a busy machine a process can
/// stand still for longer than that. None may be ended too early, however busy the machine is.
const ROUNDS: usize = 10;

/// A session, and between which points in time it was last active.
type Active = (RawClient, Instant, Instant);

#[test]
fn a_session_is_ended_between_its_timeout_and_a_tenth_of_a_second_later() {
    expect_in_time(&[100, 300, 1500, 2000], |endpoint| {
        let before = Instant::now();
        let mut session = RawClient::connect(endpoint);
        session.expect(b"Welcome!\n");
        (session, before, Instant::now())
    });
}

#[test]
fn a_session_that_was_active_is_ended_at_its_timeout_after_the_last_message() {
    expect_in_time(&[1500, 2000], |endpoint| {
        let mut session = RawClient::connect(endpoint);
        session.expect(b"Welcome!\n");
        for _ in 0..4 {
            // Active after a length of time that is shorter than the timeout.
            thread::sleep(Duration::from_millis(230));
            session.send(b"x\n");
            session.expect(b"Hello, x!\n");
        }
        let before = Instant::now();
        session.send(b"y\n");
        session.expect(b"Hello, y!\n");
        (session, before, Instant::now())
    });
}

/// Starts a server with each of these timeouts, in milliseconds, and sees when it ends sessions.
#[track_caller]
fn expect_in_time(timeouts: &[u64], session: fn(&str) -> Active) {
    thread::scope(|scope| {
        for timeout in timeouts {
            scope.spawn(move || {
                let command_line = format!("tcp://127.0.0.1:0 --idle-timeout {timeout}ms");
                let server = Server::start(&command_line);
                let timeout = Duration::from_millis(*timeout);
                let round = |_| how_late(timeout, server.endpoint("tcp"), session);
                let late: Vec<_> = (0..ROUNDS).map(round).take_while(|late| *late > LATE).collect();
                assert!(late.len() < ROUNDS, "{timeout:?}, and up to {late:?} more");
            });
        }
    });
}

/// How late three quarters of some sessions are ended, at most: the others may be late because their
/// threads are. Asserts that none is too early. They begin at
/// different times within two tenths of a second, so that a server that looks at its sessions now
/// and then is found out.
#[track_caller]
fn how_late(timeout: Duration, endpoint: &str, session: fn(&str) -> Active) -> Duration {
    thread::scope(|scope| {
        let sessions: Vec<_> = (0..20)
            .map(|index| {
                scope.spawn(move || {
                    thread::sleep(Duration::from_millis(index * 11));
                    let (client, before, after) = session(endpoint);
                    client.read_to_end();
                    let end = Instant::now();
                    let took = end - before;
                    assert!(took >= timeout, "a timeout of {timeout:?} took only {took:?}");
                    (end - after).saturating_sub(timeout)
                })
            })
            .collect();
        let late = sessions.into_iter().map(|session| session.join().expect("it ends in time"));
        let mut late: Vec<_> = late.collect();
        late.sort();
        late[late.len() * 3 / 4]
    })
}

/// Its idle time begins when it connects, and not when the turn began that reads from it.
#[test]
fn a_session_that_comes_to_a_busy_worker_is_not_ended_before_its_timeout_either() {
    let timeout = Duration::from_secs(2);
    let server = Server::start("tcp://127.0.0.1:0 --workers 1 --idle-timeout 2s");
    let mut active = server.session();
    let mut busy: Vec<RawClient> = (0..64).map(|_| server.session()).collect();
    server.process.suspend();
    // The replies to these take the worker one long turn.
    busy.iter_mut().for_each(|client| client.send(&[b'\n'; 7000]));
    server.process.resume();
    // Most of the turn is over when these arrive.
    busy[40].expect(b"Hello, !\n");
    let start = Instant::now();
    let session = server.connect();
    // So that the worker has many short turns, and looks at its deadlines in each.
    let active = thread::spawn(move || {
        while start.elapsed() < 2 * timeout {
            active.send(b"x\n");
            active.expect(b"Hello, x!\n");
        }
    });
    session.read_to_end();
    let took = start.elapsed();
    active.join().expect("it is answered");
    assert!(took >= timeout, "a timeout of {timeout:?} took only {took:?}");
}

#[test]
fn a_server_that_was_suspended_serves_what_arrived_meanwhile_before_it_ends_sessions() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&format!(
        "tcp://127.0.0.1:0 unix://{}/hello.sock --idle-timeout 2s --max-message 65499 --workers 1",
        folder.path().display()
    ));
    // More sessions than one poll returns.
    let mut sessions: Vec<RawClient> = (0..300).map(|_| server.session()).collect();
    // And messages that take more than one read.
    let mut long = [("tcp", 40_000), ("unix", 65_499)].map(|(scheme, length)| {
        let mut session = RawClient::connect(server.endpoint(scheme));
        session.expect(b"Welcome!\n");
        (session, vec![b'x'; length])
    });
    server.process.suspend();
    for session in &mut sessions {
        session.send(b"Michael\n");
    }
    for (session, message) in &mut long {
        session.send(&[message, &b"\n"[..]].concat());
    }
    // A length of time that is longer than the timeout.
    thread::sleep(Duration::from_millis(2500));
    server.process.resume();
    for session in &mut sessions {
        session.expect(b"Hello, Michael!\n");
    }
    for (session, message) in &mut long {
        session.expect(&[b"Hello, ", &**message, b"!\n"].concat());
    }
    // They go on as if nothing had happened.
    for session in &mut sessions {
        session.send(b"Tracy\n");
        session.expect(b"Hello, Tracy!\n");
    }
}
