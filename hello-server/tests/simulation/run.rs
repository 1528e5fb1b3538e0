//! One seed: a server, its clients, and what must hold.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use std::{env, panic, thread};

use clap::Parser;
use hello_proto::Framing;
use shuttle::{Config as Shuttle, FailurePersistence, MaxSteps, Runner};

use crate::accept::Acceptor;
use crate::admission::Admission;
use crate::client::{Client, HOSTS};
use crate::config::Config;
use crate::invariants::{check_quiescence, check_timers, check_total};
use crate::kernel::clock::{MILLISECOND, SECOND, nanoseconds};
use crate::kernel::connection::Connection;
use crate::kernel::scheduler::Seeds;
use crate::kernel::{Faults, Kernel, Limits, Stop, switch, with};
use crate::listen::listener::Listener;
use crate::net::stream::Peer;
use crate::random::Random;
use crate::shared::Shared;
use crate::stats::{Counters, Stats, ThreadStats};
use crate::sys::{OwnedFd, Poll, Waker};
use crate::worker::Worker;
use crate::worker::pool::Pool;

thread_local! {
    pub(crate) static CURRENT: Cell<u64> = const { Cell::new(0) };
}

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    config: Config,
}

/// The defaults of the options.
pub(crate) fn config() -> Config {
    static DEFAULT: OnceLock<Config> = OnceLock::new();
    DEFAULT.get_or_init(|| Cli::parse_from(["hello-server"]).config).clone()
}

/// `HELLO_SEED` is one seed, told step by step; `HELLO_SEEDS` is how many, from `HELLO_FIRST_SEED` on.
#[test]
fn no_seed_breaks_a_promise() {
    let number = |name| {
        let value = env::var(name).ok()?;
        Some(value.parse::<u64>().unwrap_or_else(|_| panic!("{name} is no number: {value}")))
    };
    if let Some(seed) = number("HELLO_SEED") {
        return run(seed..seed + 1, true);
    }
    let (first, count) = (number("HELLO_FIRST_SEED").unwrap_or(0), number("HELLO_SEEDS"));
    let (first, count) = (first, count.unwrap_or(200));
    thread::scope(|scope| {
        let half = first + count / 2;
        scope.spawn(move || run(first..half, false));
        run(half..first + count, false);
    });
}

fn run(seeds: std::ops::Range<u64>, traced: bool) {
    let mut config = Shuttle::new();
    config.stack_size = 512 * 1024;
    config.failure_persistence = FailurePersistence::None;
    config.max_steps = MaxSteps::FailAfter(2_000_000);
    config.silence_warnings = true;
    let runner = Runner::new(Seeds::new(seeds, traced), config);
    let result = panic::catch_unwind(panic::AssertUnwindSafe(|| runner.run(simulate)));
    if let Err(panic) = result {
        eprintln!("HELLO_SEED={} repeats it", CURRENT.get());
        panic::resume_unwind(panic);
    }
}

/// The world outside the server.
struct World {
    config: Config,
    shared: Arc<Shared>,
    acceptor: Arc<Waker>,
    clients: Vec<Client>,
    /// Steps until the server is asked to stop; it is asked when nothing is left to do, too.
    stop_after: u64,
    drain: u64,
    suspends: bool,
    /// A client has just sent more than a session reads in a turn: a good moment for the rest.
    flooded: bool,
}

fn simulate() {
    let (config, random) = with(|kernel| (random_config(kernel), kernel.random.clone()));
    let mut random = random;
    // More than a worker opens in a turn, all of them there when the server starts.
    let crowd = random.percent(2);
    let max_sessions = if crowd { 1000 } else { random.pick(&[2, 5, 1000]) };
    let max_per_host = if crowd { 0 } else { random.pick(&[0, 0, 2]) };
    let admission = Admission::new(max_sessions, max_per_host);
    let max_rejections = random.size(1..4);
    with(|kernel| {
        (kernel.limits.max_per_host, kernel.limits.max_rejections) = (max_per_host, max_rejections);
        let percent = |random: &mut Random| random.pick(&[0, 0, 0, 2, 20]);
        kernel.faults = Faults {
            interrupt: percent(&mut random),
            accept: percent(&mut random),
            wake: percent(&mut random),
        };
        kernel.max_queue = if crowd { 1024 } else { random.pick(&[1, 1, 2, 1024]) };
    });
    let shared = Arc::new(Shared::new(&config));
    let mut counters: Vec<Arc<Counters>> = Vec::new();
    let mut stats = || {
        let stats = ThreadStats::default();
        counters.push(stats.counters());
        stats
    };

    let workers = if crowd { random.pick(&[1, 1, 2, 3]) } else { random.size(1..4) };
    let polls: Vec<Poll> = (0..workers).map(|_| Poll::new().expect("it is simulated")).collect();
    let (pool, inboxes) = Pool::new(&polls).expect("it is simulated");
    let workers: Vec<Worker> = polls
        .into_iter()
        .zip(inboxes)
        .map(|(poll, inbox)| Worker::new(Arc::clone(&shared), inbox, poll, stats()))
        .collect::<Result<_, _>>()
        .expect("it is simulated");
    let listeners = random.size(1..3);
    let acceptor = Acceptor::new(
        Arc::clone(&shared),
        (0..listeners).map(|_| listener(&mut random)).collect(),
        pool,
        Arc::clone(&admission),
        max_rejections,
        Arc::default(),
        stats(),
    )
    .expect("it is simulated");
    let waker = acceptor.waker();
    with(|kernel| kernel.threads = workers.len() + 1);
    spawn(move || acceptor.run());
    for worker in workers {
        spawn(move || worker.run());
    }

    let limits = with(|kernel| kernel.limits);
    let mut clients: Vec<_> =
        (0..random.size(1..9)).map(|_| Client::random(&mut random, limits, listeners)).collect();
    if crowd {
        let (count, stay) = (random.size(130..230), random.pick(&[0, SECOND]));
        let crowd = (0..count).map(|_| Client::brief(&mut random, limits, listeners, stay));
        clients.extend(crowd);
        with(|kernel| clients.iter_mut().for_each(|client| client.act(kernel)));
    }
    let stop_after = random.pick(&[10, 100, 1000, 100_000]);
    let mut world = World {
        shared,
        acceptor: waker,
        clients,
        stop_after: random.within(0..stop_after),
        drain: if random.percent(30) { nanoseconds(config.grace) } else { 0 },
        suspends: random.percent(20),
        flooded: false,
        config,
    };
    // Up to here there was nobody else.
    with(|kernel| (kernel.random, kernel.quiescent) = (random, false));
    while with(|kernel| kernel.threads) > 0 {
        world.step();
        switch();
    }
    let mut total = Stats::default();
    counters.iter().for_each(|counters| total += counters.read());
    with(|kernel| check_total(kernel, &total));
    let most = if max_per_host == 0 { max_sessions } else { max_per_host };
    for host in HOSTS {
        let peer = Peer::Ip(SocketAddr::from(([10, 0, 0, host], 1)));
        let mut places: Vec<_> = (0..max_sessions).map(|_| admission.admit()).collect();
        assert!(places.iter().all(Result::is_ok), "a place is not free after the end");
        let mut places = places.iter_mut().flatten().take(most);
        assert!(places.all(|place| place.claim(&peer).is_ok()), "a host's place is not free");
    }
}

/// One in five has been handed over.
fn listener(random: &mut Random) -> Listener {
    let inherited = random.percent(20);
    let socket = OwnedFd::listener(inherited);
    if inherited { Listener::inherited(socket) } else { Listener::new(socket, None) }
}

fn spawn(run: impl FnOnce() -> std::io::Result<()> + Send + 'static) {
    shuttle::thread::spawn(|| {
        run().expect("a thread of the server fails");
        with(|kernel| {
            kernel.log(|| "ends".to_owned());
            kernel.threads -= 1;
        });
    });
}

fn random_config(kernel: &mut Kernel) -> Config {
    let random = &mut kernel.random;
    let framing = random.pick(&[Framing::Line, Framing::Line, Framing::Length, Framing::Raw]);
    let max_message = random.pick(&[8, 20, 1024, 1024, 1024, 65_499, 65_499, 200_000]);
    let idle_timeout = Duration::from_millis(random.pick(&[0, 100, 1000, 3000]));
    let grace = Duration::from_millis(random.pick(&[0, 500, 5000, 5000]));
    let proxy_protocol = random.percent(10);
    let idle = nanoseconds(idle_timeout);
    kernel.limits =
        Limits { framing, max_message, idle_timeout: idle, proxy_protocol, ..kernel.limits };
    Config { framing, max_message, idle_timeout, grace, proxy_protocol, ..config() }
}

impl World {
    /// Lets something happen outside.
    fn step(&mut self) {
        let quiescent = with(|kernel| {
            let quiescent = std::mem::take(&mut kernel.quiescent);
            if quiescent {
                check_quiescence(kernel);
            }
            quiescent
        });
        let stopped = with(|kernel| kernel.stop.is_some());
        self.stop_after = self.stop_after.saturating_sub(1);
        let flooded = std::mem::take(&mut self.flooded);
        let now = self.stop_after == 0 || (flooded && with(|kernel| kernel.random.percent(5)));
        if !stopped && now {
            return self.stop();
        }
        let stuck = with(|kernel| {
            if self.suspends && kernel.random.percent(if flooded { 20 } else { 1 }) {
                let longest = kernel.random.pick(&[100 * MILLISECOND, SECOND, 20 * SECOND]);
                let mut time = kernel.random.within(0..longest);
                // Over the end of a drain, when there is one.
                if let Some(stop) = kernel.stop.filter(|stop| stop.drained > kernel.now) {
                    time = stop.drained - kernel.now + time / 1000;
                }
                kernel.log(|| format!("the machine stands still for {time} ns"));
                kernel.advance(kernel.now + time);
                kernel.resumed = kernel.now;
                // It may have woken somebody.
                return false;
            }
            let (time, timer) = (kernel.random.within(1..20_000), kernel.next_timer());
            kernel.advance(kernel.now + time);
            let able = |client: &&mut Client| client.can_act(kernel);
            let able: Vec<_> = self.clients.iter_mut().filter(able).collect();
            if !able.is_empty() {
                let mut able = able;
                let chosen = kernel.random.size(0..able.len());
                able[chosen].act(kernel);
                self.flooded = able[chosen].floods(kernel);
                return false;
            }
            if !quiescent || timer.is_some_and(|timer| timer <= kernel.now) {
                return false;
            }
            let clients = self.clients.iter().filter_map(|client| client.waits_until(kernel));
            let next = clients.chain(kernel.next_timer()).min();
            if let Some(next) = next {
                kernel.advance(next);
            }
            next.is_none()
        });
        if stuck && quiescent {
            assert!(!stopped, "the server has been asked to stop, and waits for nothing");
            with(|kernel| check_timers(kernel));
            self.stop();
        }
    }

    /// As the supervisor does.
    fn stop(&mut self) {
        with(|kernel| {
            kernel.log(|| "asks the server to stop".to_owned());
            let (at, grace) = (kernel.now, nanoseconds(self.config.grace));
            let reserve = (grace / 5).clamp(100 * MILLISECOND, SECOND);
            let drained = at + self.drain;
            let deadline = drained + grace.saturating_sub(reserve);
            let end = drained + grace.max(500 * MILLISECOND);
            kernel.stop = Some(Stop { drained, deadline, end });
            kernel.connections.iter_mut().for_each(Connection::note_stop);
        });
        self.shared.begin_stop(Duration::from_nanos(self.drain));
        while self.acceptor.wake().is_err() {}
        with(|kernel| kernel.quiescent = false);
    }
}
