//! A kernel: its state, which all simulated threads share because they are coroutines of one thread.

pub(crate) mod channel;
pub(crate) mod clock;
pub(crate) mod connection;
pub(crate) mod poll;
pub(crate) mod scheduler;
pub(crate) mod socket;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Poll, Waker};
use std::time::Duration;

use hello_proto::Framing;

use self::clock::MILLISECOND;
use self::connection::Connection;
use self::poll::{Epoll, Registration};
use crate::random::Random;

thread_local! {
    static KERNEL: RefCell<Kernel> = RefCell::new(Kernel::new(0));
}

/// What may go wrong, in percent of the calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// A signal interrupts a call.
    pub(crate) interrupt: u64,
    pub(crate) accept: u64,
    pub(crate) wake: u64,
}

/// When the server was asked to stop, and what follows from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    /// When open sessions are ended: at once, or after the drain.
    pub(crate) drained: u64,
    /// When the part of the grace that the threads have is over.
    pub(crate) deadline: u64,
    /// When the threads have ended.
    pub(crate) end: u64,
}

/// What the server was started with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) framing: Framing,
    pub(crate) max_message: usize,
    /// 0: none.
    pub(crate) idle_timeout: u64,
    /// 0: no limit.
    pub(crate) max_per_host: usize,
    /// How many clients that were rejected may linger.
    pub(crate) max_rejections: usize,
    /// Streams begin with a header of the PROXY protocol.
    pub(crate) proxy_protocol: bool,
}

/// Who waits at a listener, in the order of arrival.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    pub(crate) waiting: VecDeque<usize>,
    pub(crate) closed: bool,
    /// It is open elsewhere, and those who wait are for the next server.
    pub(crate) inherited: bool,
    /// It was asked for a client after the stop began.
    asked_late: bool,
    /// Nobody else is to come, and nobody can, on TCP.
    stopped: bool,
    /// The last accept found nobody, and nobody has come since.
    found_empty: bool,
    /// An accept found nobody after the listener was stopped.
    drained: bool,
    pub(crate) registration: Option<Registration>,
}

/// One turn of a thread, from one poll to the next.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Turn {
    /// Jobs taken from a queue.
    taken: usize,
    /// Something was read, written, accepted, opened or closed.
    pub(crate) progress: bool,
    /// Turns in a row in which nothing was.
    vain: usize,
    began: u64,
    /// When it last took a job.
    opened: u64,
}

/// The state of the kernel.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) random: Random,
    /// In nanoseconds.
    pub(crate) now: u64,
    /// When the machine last stood still, until when.
    pub(crate) resumed: u64,
    pub(crate) faults: Faults,
    /// Other threads may run at each system call. Without it, only the hand-over is explored.
    pub(crate) preemptive: bool,
    pub(crate) epolls: Vec<Epoll>,
    pub(crate) listeners: Vec<Backlog>,
    pub(crate) connections: Vec<Connection>,
    /// How many jobs are in each queue.
    pub(crate) queues: Vec<usize>,
    pub(crate) max_queue: usize,
    /// Threads that sleep, and until when.
    pub(crate) sleeping: Vec<(u64, Waker)>,
    /// Threads that wait until a connection is closed.
    closing: Vec<Waker>,
    /// Only the world outside can go on.
    pub(crate) quiescent: bool,
    /// That run.
    pub(crate) threads: usize,
    pub(crate) stop: Option<Stop>,
    pub(crate) limits: Limits,
    pub(crate) turns: [Turn; 8],
    pub(crate) traced: bool,
}

/// The most jobs that a worker takes in a turn.
const MAX_TAKEN: usize = 64;

/// Turns in a row without progress: an early deadline, a stale event and a last look at what is ready.
const MAX_VAIN: usize = 8;

/// How long a turn may last without a session being ended too early.
const TURN: u64 = 50 * MILLISECOND;

impl Kernel {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            now: 0,
            resumed: 0,
            faults: Faults::default(),
            preemptive: true,
            epolls: Vec::new(),
            listeners: Vec::new(),
            connections: Vec::new(),
            queues: Vec::new(),
            max_queue: usize::MAX,
            sleeping: Vec::new(),
            closing: Vec::new(),
            quiescent: false,
            threads: 0,
            stop: None,
            limits: Limits {
                framing: Framing::Line,
                max_message: 1024,
                idle_timeout: 0,
                max_per_host: 0,
                max_rejections: 0,
                proxy_protocol: false,
            },
            turns: [Turn::default(); 8],
            traced: false,
        }
    }

    /// Says what happens, if somebody wants to know.
    pub(crate) fn log(&self, line: impl FnOnce() -> String) {
        if self.traced {
            let name = ["world", "acceptor", "worker 1", "worker 2", "worker 3"];
            let name = name.get(thread()).unwrap_or(&"?");
            println!("{:>14.6} ms  {name:<9} {}", self.now as f64 / 1e6, line());
        }
    }

    /// Whether the server may cut off what is still open.
    pub(crate) fn grace_is_over(&self) -> bool {
        self.stop.is_some_and(|stop| self.now >= stop.deadline)
    }

    fn turn(&mut self) -> &mut Turn {
        &mut self.turns[thread()]
    }

    fn note_taken(&mut self) {
        let now = self.now;
        let turn = self.turn();
        (turn.progress, turn.opened) = (true, now);
        turn.taken += 1;
        assert!(turn.taken <= MAX_TAKEN, "a worker took {} new sessions in a turn", turn.taken);
    }

    /// A poll returns. `for_nothing`: without an event, and without having waited.
    fn note_turn(&mut self, for_nothing: bool) {
        let now = self.now;
        let turn = self.turn();
        turn.began = now;
        turn.vain = if turn.progress || !for_nothing { 0 } else { turn.vain + 1 };
        assert!(turn.vain < MAX_VAIN, "{} turns in a row in vain: it spins", turn.vain);
        (turn.progress, turn.taken) = (false, 0);
    }

    /// The time as a worker knows it: read once a turn, and then right for [`TURN`].
    fn turn_time(&mut self) -> u64 {
        let (now, began) = (self.now, self.turn().began);
        if now - began > TURN { began } else { now }
    }

    fn is_interrupted(&mut self) -> bool {
        self.faults.interrupt > 0 && self.random.percent(self.faults.interrupt)
    }
}

/// Blocks until all connections are closed.
pub(crate) fn wait_for_closes() {
    block(|kernel, waker| {
        let over = kernel.connections.iter().all(|it| it.closed);
        if !over {
            kernel.closing.push(waker.clone());
        }
        over.then_some(())
    });
}

fn thread() -> usize {
    shuttle::current::me().into()
}

/// Begins anew.
pub(crate) fn reset(kernel: Kernel) {
    // What it held is dropped outside.
    let old = KERNEL.replace(kernel);
    drop(old);
}

/// Uses the kernel. Nobody else can run meanwhile.
pub(crate) fn with<T>(use_it: impl FnOnce(&mut Kernel) -> T) -> T {
    KERNEL.with_borrow_mut(use_it)
}

/// Lets other threads run.
pub(crate) fn switch() {
    shuttle::thread::sleep(Duration::ZERO);
}

/// Enters a system call, which is a moment at which others may run.
fn enter() {
    if with(|kernel| kernel.preemptive) {
        switch();
    }
}

/// Blocks the calling thread until `condition` has an answer. It leaves the waker where whoever
/// changes that finds it.
fn block<T>(mut condition: impl FnMut(&mut Kernel, &Waker) -> Option<T>) -> T {
    shuttle::future::block_on(poll_fn(|context| {
        match with(|kernel| condition(kernel, context.waker())) {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        }
    }))
}
