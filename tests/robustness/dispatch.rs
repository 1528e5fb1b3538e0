//! Which worker serves a session, and how many workers there are.

use std::num::NonZero;
use std::thread;
use std::time::{Duration, Instant};

use super::threads::{tally, worker_of};
use crate::harness::{RawClient, Server, skipped};

/// Without a timeout, so that nothing but a message wakes a worker.
const NO_TIMEOUT: &str = "tcp://127.0.0.1:0 --idle-timeout 0";

#[test]
fn a_new_session_goes_to_the_worker_with_the_fewest() {
    let mut server = Server::start(&format!("{NO_TIMEOUT} --workers 4 -v"));
    let mut sessions: Vec<RawClient> = (0..8).map(|_| server.session()).collect();
    let workers: Vec<String> =
        sessions.iter_mut().map(|session| worker_of(&server, session)).collect();
    let two_each = ["worker-1", "worker-2", "worker-3", "worker-4"].map(|name| (name.into(), 2));
    assert_eq!(tally(workers.clone()), two_each.into());

    // The places of those that leave one worker are the next ones to be taken.
    let (leaving, staying): (Vec<_>, Vec<_>) =
        sessions.into_iter().zip(&workers).partition(|(_, worker)| **worker == workers[3]);
    assert_eq!(leaving.len(), 2);
    for (mut session, _) in leaving {
        session.send(b"exit\n");
        session.expect_last(b"");
        // A session has its place until the server has seen that its client has closed, too.
        server.process.stderr.wait_for("ended: exit");
    }
    let mut new = [server.session(), server.session()];
    for session in &mut new {
        assert_eq!(worker_of(&server, session), workers[3]);
    }
    drop(staying);
}

#[test]
fn a_session_stays_with_its_worker_however_busy_that_is() {
    let server = Server::start(&format!("{NO_TIMEOUT} --workers 2"));
    let mut sessions: Vec<RawClient> = (0..4).map(|_| server.session()).collect();
    let workers = sessions.iter_mut().map(|session| worker_of(&server, session));
    let before: Vec<String> = workers.collect();

    // What is meant is a worker that is busy for a length of time, as the others are not.
    let end = Instant::now() + Duration::from_secs(2);
    thread::scope(|scope| {
        let busy = sessions.iter_mut().zip(&before).filter(|(_, worker)| **worker == before[0]);
        for (session, _) in busy {
            scope.spawn(move || {
                while Instant::now() < end {
                    // Empty messages cost the client the least and the worker the most.
                    session.send(&b"\n".repeat(10_000));
                    session.expect(&b"Hello, !\n".repeat(10_000));
                }
            });
        }
    });
    let workers = sessions.iter_mut().map(|session| worker_of(&server, session));
    assert_eq!(workers.collect::<Vec<_>>(), before);
}

#[test]
fn by_default_there_is_one_worker_less_than_the_cores_and_at_least_one() {
    let all = thread::available_parallelism().map_or(1, NonZero::get);
    let cores = cores();
    for count in 1..=cores.len().min(4) {
        let list = cores[..count].join(",");
        let Some(mut server) = Server::start_by(&["taskset", "-c", &list], "tcp://127.0.0.1:0")
        else {
            return skipped("taskset is not installed");
        };
        // A container may allow less processor time than all its cores have.
        let workers = (count.min(all) - 1).max(1);
        server.process.stderr.wait_for(&format!("serving with {workers} workers"));
    }
}

/// The numbers of the cores that this process may use.
fn cores() -> Vec<String> {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let number = |text: &str| text.parse::<usize>().expect("a core");
    let ranges = list.expect("Linux has it").trim().split(',').map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        number(first)..=number(last)
    });
    ranges.flatten().map(|core| core.to_string()).collect()
}
