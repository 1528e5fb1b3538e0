//! Restarts under load, with the sockets in the hands of whoever starts the servers.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use rustix::process::Signal;

use crate::harness::{DatagramClient, RawClient, ServiceManager, Summary, wait_until};

const RESTARTS: u64 = 20;

/// Clients with one session after another; half of them over TCP, half over a Unix socket.
const SESSIONS: usize = 64;

/// Clients with one long session after another, many messages at a time.
const PIPELINED: usize = 8;

/// Clients that send one datagram after another; half of them over UDP, half over a Unix socket.
const DATAGRAMS: usize = 8;

/// A new server is up, then the old one gets SIGQUIT: whatever a client does meanwhile, it is never
/// refused, reset, told anything but what it asked for, or left without a reply.
#[test]
fn eighty_clients_notice_nothing_of_twenty_restarts() {
    let manager = ServiceManager::with_each_kind();
    let mut server = manager.start("--grace 5m");
    let endpoint = |scheme| server.endpoint(scheme).to_owned();
    let (streams, datagrams) = (["tcp", "unix"].map(endpoint), ["udp", "unixgram"].map(endpoint));
    let own_path = |number: usize| manager.path(&format!("client-{number}.sock"));

    let stopped = AtomicBool::new(false);
    let goes_on = || !stopped.load(Ordering::Relaxed);
    let done: [AtomicU64; SESSIONS + PIPELINED + DATAGRAMS] =
        std::array::from_fn(|_| AtomicU64::new(0));
    let (mut summaries, mut sessions, mut greeted) = (Vec::new(), 0, 0);
    let last = thread::scope(|scope| {
        let mut clients = Vec::new();
        for (number, done) in done.iter().enumerate() {
            let (streams, datagrams, own_path) = (&streams, &datagrams, &own_path);
            clients.push(scope.spawn(move || {
                let stream = &streams[number % 2];
                while goes_on() {
                    match number {
                        0..SESSIONS => short_session(stream),
                        _ if number < SESSIONS + PIPELINED => long_session(stream),
                        _ => exchange_datagrams(&datagrams[number % 2], &own_path(number)),
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        for _ in 0..RESTARTS {
            let before: Vec<u64> = done.iter().map(|done| done.load(Ordering::Relaxed)).collect();
            let next = manager.start("--grace 5m");
            server.process.signal(Signal::QUIT);
            summaries.push(Summary::of(&server.stopped().stderr));
            server = next;
            wait_until("every client has got on", || {
                let got_on =
                    |(done, before): (&AtomicU64, &u64)| done.load(Ordering::Relaxed) > *before;
                done.iter().zip(&before).all(got_on)
                    || clients.iter().any(|client| client.is_finished())
            });
        }
        stopped.store(true, Ordering::Relaxed);
        server
    });
    summaries.push(last.summary());
    for summary in &summaries {
        summary.expect(&[("shutdown", 0), ("lost", 0), ("refused-shutdown", 0), ("overflowed", 0)]);
        summary.expect_all_ended();
        sessions += summary.count("exit");
        greeted += summary.count("greeted");
    }
    let count =
        |done: &[AtomicU64]| done.iter().map(|done| done.load(Ordering::Relaxed)).sum::<u64>();
    assert_eq!(sessions, count(&done[..SESSIONS + PIPELINED]));
    assert_eq!(greeted, count(&done[SESSIONS + PIPELINED..]) * 10);
    println!("{sessions} sessions and {greeted} datagrams over {RESTARTS} restarts");
}

/// One message at a time.
fn short_session(endpoint: &str) {
    let mut client = RawClient::connect(endpoint);
    client.expect(b"Welcome!\n");
    client.send(b"Michael\n");
    client.expect(b"Hello, Michael!\n");
    client.send(b"Tracy\nexit\n");
    client.expect_last(b"Hello, Tracy!\n");
}

/// Many messages at a time, and so often that most restarts happen within it.
fn long_session(endpoint: &str) {
    let mut client = RawClient::connect(endpoint);
    client.expect(b"Welcome!\n");
    for round in 0..100 {
        let numbers = || (0..50).map(|number| round * 50 + number);
        let messages: String = numbers().map(|number| format!("{number}\n")).collect();
        let greetings: String = numbers().map(|number| format!("Hello, {number}!\n")).collect();
        client.send(messages.as_bytes());
        client.expect(greetings.as_bytes());
    }
    client.send(b"exit\n");
    client.expect_last(b"");
}

/// Ten of them. None is sent again, so each one has to be answered.
fn exchange_datagrams(endpoint: &str, own_path: &Path) {
    let mut client = match endpoint.starts_with("udp") {
        true => DatagramClient::to(endpoint),
        false => {
            let _ = std::fs::remove_file(own_path);
            DatagramClient::from_file(own_path, endpoint)
        }
    };
    for number in 0..10 {
        client.send(format!("{number}").as_bytes());
        client.expect(format!("Hello, {number}!").as_bytes());
    }
}
