//! Errors of accept and of wakers, and too few descriptors from the start.

use super::threads::asleep;
use crate::harness::{Finished, Server, Summary};

#[test]
fn an_accept_error_that_is_not_known_pauses_accepting_and_does_not_end_the_server() {
    // ETIMEDOUT, which accept(2) may pass on, and EINVAL, which it has for no client at all.
    for errno in [110, 22] {
        let mut server =
            Server::start_faulty(&format!("accept:{errno}"), "tcp://127.0.0.1:0 --workers 1");
        let mut session = server.session();
        session.send(b"Michael\nexit\n");
        session.expect_last(b"Hello, Michael!\n");
        server.process.stderr.wait_for("cannot accept");
        server.process.stderr.wait_for("accepting again");
        server.summary().expect(&[("opened", 1), ("exit", 1), ("starved", 3)]);
    }
}

#[test]
fn a_worker_that_cannot_be_woken_at_first_serves_its_session_all_the_same() {
    // EIO, three times.
    let mut server = Server::start_faulty("wake:5", "tcp://127.0.0.1:0 --workers 1");
    // A worker that is awake need not be woken.
    asleep(&server);
    let mut session = server.session();
    session.send(b"Michael\nexit\n");
    session.expect_last(b"Hello, Michael!\n");
    server.process.stderr.wait_for("cannot wake a thread");
    server.summary().expect(&[("opened", 1), ("exit", 1)]);
}

#[test]
fn a_server_whose_threads_cannot_be_woken_at_first_stops_in_time() {
    // The faults are still to come when the threads are woken for the stop.
    let server = Server::start_faulty("wake:5", "tcp://127.0.0.1:0 --workers 1 --grace 5m");
    server.summary().expect(&[("opened", 0), ("ended", 0)]);
}

#[test]
fn too_few_descriptors_for_one_session_are_an_error_that_says_how_many_suffice() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().display();
    let configurations = [
        "tcp://127.0.0.1:0 --workers 1".to_owned(),
        "tcp://127.0.0.1:0 --workers 7".to_owned(),
        format!(
            "127.0.0.1:0 udp://0.0.0.0:0 unix://{folder}/stream.sock \
             unixgram://{folder}/datagram.sock --udp-loops 3 --workers 2"
        ),
    ];
    for configuration in configurations {
        let needed = descriptors_needed(&configuration, 12);
        assert_eq!(descriptors_needed(&configuration, needed - 1), needed);

        let server = Server::start_with_open_files(needed, &configuration);
        let mut session = server.session();
        session.send(b"Michael\n");
        session.expect(b"Hello, Michael!\n");
        server.connect().expect_last(b"Error: server is full\n");
        let finished = server.stop();
        Summary::of(&finished.stderr).expect(&[("opened", 1), ("starved", 0)]);
        session.expect_last(b"Error: server is shutting down\n");
    }
}

/// The number of descriptors that a server asks for whose limit is `limit`.
#[track_caller]
fn descriptors_needed(configuration: &str, limit: usize) -> usize {
    let started = Server::try_start_with_open_files(limit, configuration);
    let Err(finished) = started else {
        panic!("{configuration} listens with {limit} descriptors");
    };
    let Finished { stdout, stderr, .. } = &finished;
    finished.expect_error_line(1, &[&format!("the limit of open files is {limit}"), "ulimit -n"]);
    assert_eq!(stdout.escape_ascii().to_string(), "", "it does not claim to listen");
    let numbers = stderr.split(|char: char| !char.is_ascii_digit());
    let mut numbers = numbers.filter_map(|number| number.parse().ok());
    numbers.next_back().expect("the number that it needs")
}
