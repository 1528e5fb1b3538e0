//! Two servers behind a balancer, restarted in turn while clients come and go.

use std::fs;
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{DEADLINE, Namespace, RawClient, Scrape, Server, Summary, wait_until};

/// Where the balancers in `deploy` take sessions and datagrams, and where they expect the servers.
const BALANCER: &str = "127.0.0.1:9999";
const SERVERS: [&str; 2] = ["127.0.0.1:9991", "127.0.0.1:9992"];

/// What a restart sends: the server accepts no more, and its sessions end by themselves.
const DRAIN: Signal = Signal::QUIT;

const CLIENTS: usize = 16;

/// How long a client of datagrams pauses after a loss.
const PAUSE: Duration = Duration::from_millis(20);

/// Two servers behind the balancer `B`, in a network of their own, where the ports are free.
pub(super) struct Balanced<B> {
    pub(super) network: Namespace,
    pub(super) servers: Servers,
    pub(super) balancer: B,
}

impl<B> Balanced<B> {
    /// `None`, and the test is skipped, if `start` returns it, or networks are not permitted.
    #[track_caller]
    pub(super) fn start(start: impl FnOnce(&Namespace) -> Option<B>) -> Option<Self> {
        let network = Namespace::create("")?;
        let servers = network.run(|| Servers::start(""));
        Self::before(network, servers, start)
    }

    /// The same with these servers.
    #[track_caller]
    pub(super) fn before(
        network: Namespace,
        servers: Servers,
        start: impl FnOnce(&Namespace) -> Option<B>,
    ) -> Option<Self> {
        let balancer = start(&network)?;
        network.run(|| wait_until("the balancer listens", is_balancer_listening));
        Some(Self { network, servers, balancer })
    }
}

/// Without connecting, which would be a session for a server.
fn is_balancer_listening() -> bool {
    const LISTENING: &str = ":270F 00000000:0000 0A "; // port 9999, state TCP_LISTEN
    let table = fs::read_to_string("/proc/thread-self/net/tcp").expect("Linux has it");
    table.contains(LISTENING)
}

pub(super) struct Servers([Option<Counted>; 2]);

/// A server, and where its counters are.
struct Counted {
    server: Server,
    metrics: String,
}

impl Counted {
    fn start(address: &str, options: &str) -> Self {
        let mut server = Server::start(&format!("{address} --metrics=127.0.0.1:0 {options}"));
        let metrics = server.metrics();
        Self { server, metrics }
    }

    /// Waits until one of `counters` has counted up to `count`.
    fn wait_for(&self, count: f64, counters: &[&str]) {
        wait_until("the balancer gives the server its part", || {
            let scrape = Scrape::of(&self.metrics);
            counters.iter().any(|counter| scrape.value(counter) >= count)
        });
    }

    /// Has it drain, and asserts that it has ended no session before the client did.
    fn drain(self) -> Summary {
        self.server.process.signal(DRAIN);
        let summary = Summary::of(&self.server.stopped().stderr);
        // On a busy machine a balancer may give a check up.
        summary.expect(&[("shutdown", 0), ("idle", 0), ("unread", 0)]);
        summary.expect_all_ended();
        summary
    }
}

/// From the signal to the old server until the new one listened.
#[derive(Debug)]
struct Restart {
    begin: Instant,
    end: Instant,
}

impl Servers {
    pub(super) fn start(options: &str) -> Self {
        Self(SERVERS.map(|address| Some(Counted::start(address, options))))
    }

    /// Opens a session at each.
    pub(super) fn fill(self) -> (Self, [RawClient; 2]) {
        let sessions = SERVERS.map(|address| {
            let mut client = RawClient::connect(&format!("tcp://{address}"));
            client.expect(b"Welcome!\n");
            client
        });
        (self, sessions)
    }

    /// Waits until each has told this many clients that it is full.
    pub(super) fn wait_for_rejections(&self, count: u32) {
        for server in self.0.iter().flatten() {
            server.wait_for(count.into(), &["hello_rejected_total{reason=\"full\"}"]);
        }
    }

    /// Restarts each of them twice, in turn, in the course of the work of the clients.
    fn restart_in_turn(&mut self, work: &Work) -> Vec<Restart> {
        let _end = work.end_of_restarts();
        let restart = |time| {
            work.wait_for(time, 5);
            self.restart(time % 2)
        };
        (1..5).map(restart).collect()
    }

    fn restart(&mut self, server: usize) -> Restart {
        let old = self.0[server].take().expect("it runs");
        old.wait_for(1.0, &["hello_messages_total", "hello_datagrams_total{outcome=\"greeted\"}"]);
        let begin = Instant::now();
        old.drain();
        self.0[server] = Some(Counted::start(SERVERS[server], ""));
        Restart { begin, end: Instant::now() }
    }

    /// Waits until each has had a session that ended with `exit`, and returns the counters of both.
    pub(super) fn drain_after_a_session(self) -> [Summary; 2] {
        self.0.map(|server| {
            let server = server.expect("it runs");
            server.wait_for(1.0, &["hello_sessions_total{end=\"exit\"}"]);
            server.drain()
        })
    }
}

/// What the clients do: `all` sessions or datagrams at least, and more until the last restart is over.
struct Work {
    all: usize,
    done: AtomicUsize,
    restarts_are_over: AtomicBool,
}

impl Work {
    fn new(all: usize) -> Self {
        Self { all, done: AtomicUsize::new(0), restarts_are_over: AtomicBool::new(false) }
    }

    fn goes_on(&self) -> bool {
        let is_all_done = self.done.load(Ordering::Relaxed) >= self.all;
        !is_all_done || !self.restarts_are_over.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    fn wait_for(&self, parts: usize, of: usize) {
        let due = self.all * parts / of;
        wait_until("the clients go on", || self.done.load(Ordering::Relaxed) >= due);
    }

    /// The restarts are over when this is dropped, be it in a panic.
    fn end_of_restarts(&self) -> impl Drop {
        struct End<'a>(&'a AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        End(&self.restarts_are_over)
    }
}

/// Has `all` sessions through the balancer while the servers are restarted in turn. Each has to get
/// every byte that it would get from one server.
pub(super) fn expect_sessions_through_restarts(servers: &mut Servers, all: usize) {
    let work = Work::new(all);
    let clients = || {
        while work.goes_on() {
            session();
            work.count();
        }
    };
    thread::scope(|scope| {
        (0..CLIENTS).for_each(|_| {
            scope.spawn(clients);
        });
        servers.restart_in_turn(&work);
    });
}

/// A client that says it has no more data still gets what is owed.
pub(super) fn expect_replies_after_a_half_close() {
    let mut client = connect();
    client.send(b"Michael\nTracy\n");
    client.half_close();
    client.expect_last(b"Welcome!\nHello, Michael!\nHello, Tracy!\n");
}

pub(super) fn connect() -> RawClient {
    RawClient::connect(&format!("tcp://{BALANCER}"))
}

/// One that lasts some round trips, so that it is open when a server is asked to drain.
fn session() {
    let mut client = connect();
    client.expect(b"Welcome!\n");
    for message in 0..5 {
        client.send(format!("{message}\n").as_bytes());
        client.expect(format!("Hello, {message}!\n").as_bytes());
    }
    client.send(b"exit\n");
    client.expect_last(b"");
}

/// A datagram that was lost: when it was sent, and when its client no longer waited.
#[derive(Debug)]
struct Lost {
    sent: Instant,
    given_up: Instant,
}

/// Sends `all` datagrams through the balancer while the servers are restarted in turn. They may be
/// lost only within a restart.
pub(super) fn expect_datagrams_through_restarts(servers: &mut Servers, all: usize) {
    let work = Work::new(all);
    let (lost, restarts) = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| exchange(&work))).collect();
        let restarts = servers.restart_in_turn(&work);
        let lost = clients.into_iter().flat_map(|client| client.join().expect("no wrong reply"));
        (lost.collect::<Vec<Lost>>(), restarts)
    });
    for lost in &lost {
        // It was on its way at some moment of a restart, and was not sent after it.
        let within = |restart: &Restart| lost.given_up >= restart.begin && lost.sent <= restart.end;
        assert!(restarts.iter().any(within), "{lost:?} in none of {restarts:?}");
    }
    let done = work.done.into_inner();
    println!("{} of {done} datagrams were lost in {} restarts", lost.len(), restarts.len());
}

/// Sends datagrams, one at a time, and returns those that were lost.
fn exchange(work: &Work) -> Vec<Lost> {
    let socket = datagram_socket();
    let mut lost = Vec::new();
    for number in (0_u64..).take_while(|_| work.goes_on()) {
        let message = number.to_string();
        let sent = Instant::now();
        socket.send(message.as_bytes()).expect("it can be sent");
        if !is_replied(&socket, &format!("Hello, {message}!"), sent) {
            lost.push(Lost { sent, given_up: Instant::now() });
            // An error comes at once: this keeps it from being the lot of too many.
            thread::sleep(PAUSE);
        }
        work.count();
    }
    lost
}

pub(super) fn datagram_socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.connect(BALANCER).expect("an address");
    socket
}

/// Whether `expected` comes, for longer than the balancer itself waits for it.
pub(super) fn is_replied(socket: &UdpSocket, expected: &str, sent: Instant) -> bool {
    const TIMEOUT: Duration = Duration::from_secs(3);
    let mut reply = [0; 64];
    loop {
        let left = TIMEOUT.saturating_sub(sent.elapsed()).max(Duration::from_millis(1));
        socket.set_read_timeout(Some(left)).expect("a timeout");
        match socket.recv(&mut reply) {
            // nginx has got an error from the server.
            Ok(0) => return false,
            Ok(length) if &reply[..length] == expected.as_bytes() => return true,
            // One that was given up.
            Ok(length) => assert!(reply[..length].starts_with(b"Hello, ")),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => panic!("{error}"),
        }
        assert!(sent.elapsed() < DEADLINE, "other replies than {expected}");
    }
}
