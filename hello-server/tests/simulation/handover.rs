//! How streams come from the acceptor to a worker: the queue, the flag that says that the worker
//! sleeps, its waker, and the end of the queue, which ends the worker. Here threads change places only
//! where they share something, so that there are few enough orders to run them all.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use shuttle::scheduler::{DfsScheduler, PctScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, Runner, thread};

use crate::admission::Admission;
use crate::kernel::{Kernel, reset, wait_for_closes, with};
use crate::net::stream::{Peer, Stream};
use crate::run::config;
use crate::shared::Shared;
use crate::stats::{Counter, ThreadStats};
use crate::sys::{OwnedFd, Poll};
use crate::worker::Worker;
use crate::worker::pool::{Client, Job, Pool};

#[test]
fn in_every_order_a_worker_is_woken_for_what_it_is_sent() {
    let orders = check(DfsScheduler::new(None, false), || {
        let (pool, jobs, shared, worker) = start(1);
        jobs.into_iter().for_each(|job| pool.dispatch(job));
        // A stop would wake the worker in any case.
        wait_for_closes();
        stop(pool, &shared);
        assert_eq!(worker.join().expect("it ends"), 1);
    });
    println!("{orders} orders");
}

#[test]
fn in_every_order_a_worker_that_is_stopped_serves_what_it_was_sent_before() {
    check(DfsScheduler::new(None, false), || {
        let (pool, jobs, shared, worker) = start(1);
        jobs.into_iter().for_each(|job| pool.dispatch(job));
        stop(pool, &shared);
        assert_eq!(worker.join().expect("it ends"), 1);
    });
}

#[test]
fn in_many_orders_two_threads_send_while_a_third_one_stops_the_server() {
    check(PctScheduler::new(3, 5_000), || {
        let (pool, jobs, shared, worker) = start(2);
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

fn check(scheduler: impl Scheduler + 'static, model: impl Fn() + Send + Sync + 'static) -> usize {
    let mut config = Config::new();
    config.stack_size = 256 * 1024;
    config.failure_persistence = FailurePersistence::Print;
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(model)
}

/// A worker that runs and says in the end how many sessions it had, its pool, and what to send it. The
/// queue has room for one.
fn start(jobs: u64) -> (Pool, Vec<Job>, Arc<Shared>, thread::JoinHandle<u64>) {
    let mut kernel = Kernel::new(0);
    (kernel.preemptive, kernel.max_queue) = (false, 1);
    kernel.traced = std::env::var_os("HELLO_SEED").is_some();
    reset(kernel);
    let shared = Arc::new(Shared::new(&config()));
    let admission = Admission::new(2, 0);
    let job = |id| {
        let peer = Peer::Ip(SocketAddr::from(([127, 0, 0, 1], 1)));
        let stream = Stream::new(OwnedFd::half_closed(), &peer);
        let permit = admission.admit().expect("there is a place");
        (stream, Client { id, peer, _permit: permit })
    };
    let jobs = (0..jobs).map(job).collect();
    let polls = [Poll::new().expect("it is simulated")];
    let (pool, mut inboxes) = Pool::new(&polls).expect("it is simulated");
    let (inbox, [poll]) = (inboxes.remove(0), polls);
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
