//! The threads of a server, as proc(5) shows them: their names, and how often each was woken.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{DEADLINE, RawClient, Server};

/// One thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Thread {
    pub(super) name: String,
    pub(super) asleep: bool,
    /// Context switches, voluntary and not: a thread that sleeps has no more of them until it is
    /// woken.
    pub(super) switches: u64,
}

/// The threads of a server, by their ids.
pub(super) fn threads(server: &Server) -> BTreeMap<String, Thread> {
    let folder = format!("/proc/{}/task", server.process.pid());
    let tasks = fs::read_dir(folder).expect("a process").flatten();
    let id = |task: &fs::DirEntry| task.file_name().to_string_lossy().into_owned();
    let status = |task: &fs::DirEntry| fs::read_to_string(task.path().join("status"));
    // A thread may end between the one look and the other.
    let all = tasks.filter_map(|task| Some((id(&task), Thread::of(&status(&task).ok()?))));
    all.collect()
}

impl Thread {
    fn of(status: &str) -> Self {
        let field = |key: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(key));
            value.expect("Linux has it").trim()
        };
        let count = |key: &str| field(key).parse::<u64>().expect("a number");
        Self {
            name: field("Name:").to_owned(),
            asleep: field("State:").starts_with('S'),
            switches: count("voluntary_ctxt_switches:") + count("nonvoluntary_ctxt_switches:"),
        }
    }
}

/// Waits until every thread has been asleep for a moment, and returns how often each was woken.
#[track_caller]
pub(super) fn asleep(server: &Server) -> BTreeMap<String, Thread> {
    let deadline = Instant::now() + DEADLINE;
    let mut before = threads(server);
    loop {
        thread::sleep(Duration::from_millis(10));
        let now = threads(server);
        if now == before && now.values().all(|thread| thread.asleep) {
            return now;
        }
        assert!(Instant::now() < deadline, "within {DEADLINE:?}, all threads sleep: {now:?}");
        before = now;
    }
}

/// The name of the worker that serves a session: the only one that a message to it wakes.
#[track_caller]
pub(super) fn worker_of(server: &Server, client: &mut RawClient) -> String {
    let before = asleep(server);
    client.send(b"Michael\n");
    client.expect(b"Hello, Michael!\n");
    let woken: Vec<String> = asleep(server)
        .into_iter()
        .filter(|(id, thread)| before.get(id) != Some(thread))
        .map(|(_, thread)| thread.name)
        .filter(|name| name.starts_with("worker-"))
        .collect();
    match &*woken {
        [worker] => worker.clone(),
        _ => panic!("a message to one session woke the workers {woken:?}"),
    }
}

/// Each of `names` with how often it is there.
pub(super) fn tally(names: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
}
