//! How streams come from the acceptor to a worker: the queue, the flag that says that the worker
//! sleeps, its waker, and the end of the queue, which ends the worker. Here threads change places only
//! where they share something, so that there are few enough orders to run them all.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use shuttle::scheduler::{DfsScheduler, Schedule, Scheduler, Task, TaskId};
use shuttle::{Config, FailurePersistence, Runner, thread};

use crate::admission::Admission;
use crate::kernel::clock::SECOND;
use crate::kernel::{Kernel, reset, switch, wait_for_closes, with};
use crate::net::stream::{Peer, Stream};
use crate::run::config;
use crate::shared::Shared;
use crate::stats::{Counter, ThreadStats};
use crate::sys::{Events, OwnedFd, Poll};
use crate::worker::Worker;
use crate::worker::pool::{Client, Inbox, Job, Pool};

#[test]
fn a_worker_is_woken_only_while_it_sleeps() {
    check(DfsScheduler::new(None, false), || {
        let (pool, mut polls, inboxes) = new_pool(1);
        let (poll, inbox, mut next) = (&mut polls[0], &inboxes[0], lost_jobs(3));
        let mut events = Events::with_capacity(1);
        let mut is_woken = || {
            pool.dispatch(next());
            assert!(inbox.jobs.try_recv().is_ok());
            poll.poll(&mut events, Some(Duration::ZERO)).expect("it is simulated");
            events.iter().next().is_some()
        };
        assert!(!is_woken(), "it has not slept yet");
        inbox.sleep();
        assert!(is_woken());
        inbox.sleep();
        inbox.awake();
        assert!(!is_woken(), "it sleeps no longer");
    });
}

#[test]
fn a_stream_is_sent_to_the_worker_with_the_fewest_sessions_that_have_not_ended() {
    check(DfsScheduler::new(None, false), || {
        let (pool, _polls, inboxes) = new_pool(2);
        let mut next = lost_jobs(4);
        let mut receiver = || {
            pool.dispatch(next());
            inboxes.iter().position(|inbox| inbox.jobs.try_recv().is_ok())
        };
        assert_eq!([receiver(), receiver()], [Some(0), Some(1)]);
        inboxes[1].ended();
        assert_eq!([receiver(), receiver()], [Some(1), Some(0)]);
    });
}

#[test]
fn in_every_order_a_worker_is_woken_for_what_it_is_sent() {
    check(DfsScheduler::new(None, false), || {
        let (pool, jobs, shared, worker) = start(1, true);
        jobs.into_iter().for_each(|job| pool.dispatch(job));
        // A stop would wake the worker in any case.
        wait_for_closes();
        stop(pool, &shared);
        assert_eq!(worker.join().expect("it ends"), 1);
    });
}

#[test]
fn in_every_order_a_worker_that_is_stopped_serves_what_it_was_sent_before() {
    check(DfsScheduler::new(None, false), || {
        let (pool, jobs, shared, worker) = start(1, true);
        jobs.into_iter().for_each(|job| pool.dispatch(job));
        stop(pool, &shared);
        assert_eq!(worker.join().expect("it ends"), 1);
    });
}

#[test]
fn in_every_order_a_worker_tells_its_client_when_a_drain_is_over() {
    check(DfsScheduler::new(None, false), || {
        let (pool, jobs, shared, worker) = start(1, false);
        jobs.into_iter().for_each(|job| pool.dispatch(job));
        shared.begin_stop(Duration::from_secs(1));
        drop(pool);
        switch();
        // And no further: who waits for the end of the grace now waits forever.
        with(|kernel| kernel.advance(SECOND));
        assert_eq!(worker.join().expect("it ends"), 1);
    });
}

#[test]
fn in_every_order_with_two_preemptions_two_threads_send_while_a_third_stops_the_server() {
    check(Preemptions::at_most(2), || {
        let (pool, jobs, shared, worker) = start(2, true);
        let pool = Arc::new(pool);
        let senders: Vec<_> = jobs
            .into_iter()
            .map(|job| {
                let pool = Arc::clone(&pool);
                thread::spawn(move || pool.dispatch(job))
            })
            .collect();
        // Whoever comes last ends the queue.
        stop(pool, &shared);
        senders.into_iter().for_each(|sender| sender.join().expect("it sends"));
        assert_eq!(worker.join().expect("it ends"), 2);
    });
}

#[test]
#[ignore = "two million orders: 20 s with --release, some minutes without"]
fn in_every_order_two_threads_send_while_one_of_them_stops_the_server() {
    check(DfsScheduler::new(None, false), || {
        let (pool, mut jobs, shared, worker) = start(2, true);
        let pool = Arc::new(pool);
        let (sender, job) = (Arc::clone(&pool), jobs.remove(0));
        thread::spawn(move || sender.dispatch(job));
        jobs.into_iter().for_each(|job| pool.dispatch(job));
        stop(pool, &shared);
        assert_eq!(worker.join().expect("it ends"), 2);
    });
}

/// Runs every order in which a thread that could go on is held up for another at most so many times.
/// Of four threads there are too many orders to run them all in each test, and few mistakes need more
/// than two (Musuvathi and Qadeer, "Iterative Context Bounding", PLDI 2007).
#[derive(Debug)]
struct Preemptions {
    max: usize,
    left: usize,
    /// The choices of the order that runs: which, of how many.
    choices: Vec<(usize, usize)>,
    /// How many of them it has made.
    depth: usize,
}

impl Preemptions {
    fn at_most(max: usize) -> Self {
        Self { max, left: max, choices: Vec::new(), depth: 0 }
    }
}

impl Scheduler for Preemptions {
    fn new_execution(&mut self) -> Option<Schedule> {
        // Unless this is the first order.
        if self.depth > 0 {
            while self.choices.pop_if(|(choice, count)| *choice + 1 == *count).is_some() {}
            self.choices.last_mut()?.0 += 1;
        }
        (self.left, self.depth) = (self.max, 0);
        Some(Schedule::new(0))
    }

    fn next_task(
        &mut self,
        runnable: &[&Task],
        current: Option<TaskId>,
        _: bool,
    ) -> Option<TaskId> {
        let mut tasks: Vec<_> = runnable.iter().map(|task| task.id()).collect();
        let goes_on = current.and_then(|current| tasks.iter().position(|task| *task == current));
        if let Some(position) = goes_on {
            tasks.swap(0, position);
            if self.left == 0 {
                tasks.truncate(1);
            }
        }
        if self.depth == self.choices.len() {
            self.choices.push((0, tasks.len()));
        }
        let (choice, _) = self.choices[self.depth];
        self.depth += 1;
        self.left -= usize::from(goes_on.is_some() && choice > 0);
        Some(tasks[choice])
    }

    fn next_u64(&mut self) -> u64 {
        0
    }
}

fn check(scheduler: impl Scheduler + 'static, model: impl Fn() + Send + Sync + 'static) {
    let mut config = Config::new();
    config.stack_size = 256 * 1024;
    config.failure_persistence = FailurePersistence::Print;
    config.silence_warnings = true;
    let orders = Runner::new(scheduler, config).run(model);
    println!("{orders} orders");
}

/// A pool, and the poll and the inbox of each of its workers. Their queues have room for one.
fn new_pool(workers: usize) -> (Pool, Vec<Poll>, Vec<Inbox>) {
    let mut kernel = Kernel::new(0);
    (kernel.preemptive, kernel.max_queue) = (false, 1);
    kernel.traced = std::env::var_os("HELLO_SEED").is_some();
    reset(kernel);
    let polls = (0..workers).map(|_| Poll::new()).collect::<Result<Vec<_>, _>>();
    let polls = polls.expect("it is simulated");
    let (pool, inboxes) = Pool::new(&polls).expect("it is simulated");
    (pool, polls, inboxes)
}

/// What to send to workers: clients that send nothing.
fn new_jobs(count: u64, half_closed: bool) -> Vec<Job> {
    let admission = Admission::new(count as usize, 0);
    let job = |id| {
        let peer = Peer::Ip(SocketAddr::from(([127, 0, 0, 1], 1)));
        let stream = Stream::new(OwnedFd::silent(half_closed), &peer);
        let permit = admission.admit().expect("there is a place");
        (stream, Client { id, peer, _permit: permit })
    };
    (0..count).map(job).collect()
}

/// What to send to workers that do not serve it: the clients are gone.
fn lost_jobs(count: u64) -> impl FnMut() -> Job {
    let mut jobs = new_jobs(count, true).into_iter();
    with(|kernel| (0..count).for_each(|connection| kernel.reset(connection as usize)));
    move || jobs.next().expect("there are enough")
}

/// A worker that runs and says in the end how many sessions it had, its pool, and what to send it.
fn start(jobs: u64, half_closed: bool) -> (Pool, Vec<Job>, Arc<Shared>, thread::JoinHandle<u64>) {
    let (pool, mut polls, mut inboxes) = new_pool(1);
    let (poll, inbox) = (polls.remove(0), inboxes.remove(0));
    let (jobs, shared) = (new_jobs(jobs, half_closed), Arc::new(Shared::new(&config())));
    let stats = ThreadStats::default();
    let counters = stats.counters();
    let worker = Worker::new(Arc::clone(&shared), inbox, poll, stats).expect("it is simulated");
    let worker = thread::spawn(move || {
        worker.run().expect("polling works");
        let stats = counters.read();
        assert_eq!(stats.get(Counter::Opened), stats.get(Counter::Ended));
        assert!(with(|kernel| kernel.connections.iter().all(|it| it.closed)));
        stats.get(Counter::Ended)
    });
    (pool, jobs, shared, worker)
}

fn stop<P>(pool: P, shared: &Shared) {
    shared.begin_stop(Duration::ZERO);
    drop(pool);
}
