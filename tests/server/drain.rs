//! SIGQUIT: nothing new is taken, and open sessions go on until they end or the grace is over.

use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{DatagramClient, RawClient, Server, Summary, get, wait_until};

const TCP: &str = "tcp://127.0.0.1:0";
const SHUTTING_DOWN: &[u8] = b"Error: server is shutting down\n";

#[test]
fn open_sessions_go_on_until_they_end_and_then_the_server_exits() {
    let mut server = Server::start(&format!("{TCP} --grace 1h"));
    let mut clients: Vec<RawClient> = (0..20).map(|_| server.session()).collect();
    server.process.signal(Signal::QUIT);
    server.process.stderr.wait_for("SIGQUIT: draining");
    for round in 0..3 {
        for client in &mut clients {
            client.send(format!("{round}\n").as_bytes());
            client.expect(format!("Hello, {round}!\n").as_bytes());
        }
    }
    assert!(server.process.is_running());
    for mut client in clients {
        client.send(b"exit\n");
        client.expect_last(b"");
    }
    // The grace is an hour, so this is not the end of it.
    let summary = Summary::of(&server.stopped().stderr);
    summary.expect(&[("opened", 20), ("exit", 20), ("shutdown", 0), ("messages", 60)]);
}

#[test]
fn a_session_that_is_open_when_the_grace_is_over_gets_the_reason() {
    const GRACE: Duration = Duration::from_secs(2);
    let server = Server::start(&format!("{TCP} --grace 2s"));
    let mut client = server.session();
    let start = Instant::now();
    server.process.signal(Signal::QUIT);
    client.expect(SHUTTING_DOWN);
    let took = start.elapsed();
    assert!(took >= GRACE, "a grace of {GRACE:?} took {took:?}");
    client.expect_last(b"");
    Summary::of(&server.stopped().stderr).expect(&[("opened", 1), ("shutdown", 1)]);
}

#[test]
fn a_session_that_never_reads_ends_with_the_grace_of_the_stop_after_the_drain() {
    let server = Server::start(&format!("{TCP} --grace 2s"));
    let mut stuck = server.session();
    stuck.send_until_stuck(&vec![b'\n'; 32 * 1024 * 1024], Duration::from_millis(300));
    server.process.signal(Signal::QUIT);
    let summary = Summary::of(&server.stopped().stderr);
    summary.expect(&[("opened", 1), ("shutdown", 1)]);
}

#[test]
fn those_in_the_backlog_are_served() {
    const WAITING: usize = 400;
    let server = Server::start(&format!("{TCP} --grace 1h"));
    let mut session = server.session();
    server.process.suspend();
    let mut waiting: Vec<RawClient> = (0..WAITING).map(|_| server.connect()).collect();
    server.process.signal(Signal::QUIT);
    server.process.resume();
    session.send(b"exit\n");
    session.expect_last(b"");
    for client in &mut waiting {
        client.expect(b"Welcome!\n");
        client.send(b"Michael\nexit\n");
    }
    for client in waiting {
        client.expect_last(b"Hello, Michael!\n");
    }
    let summary = Summary::of(&server.stopped().stderr);
    summary.expect(&[("exit", WAITING as u64 + 1), ("refused-shutdown", 0)]);
}

#[test]
fn its_addresses_are_free_while_it_drains() {
    let server = Server::start("127.0.0.1:0 --grace 1h");
    let mut client = server.session();
    let (tcp, udp) = (server.endpoint("tcp").to_owned(), server.endpoint("udp").to_owned());
    let mut datagrams = DatagramClient::to(&udp);
    server.process.suspend();
    (0..50).for_each(|number| datagrams.send(format!("{number}").as_bytes()));
    server.process.signal(Signal::QUIT);
    server.process.resume();
    // What had arrived is answered all the same.
    (0..50).for_each(|number| datagrams.expect(format!("Hello, {number}!").as_bytes()));
    let of = |endpoint: &str| endpoint.split_once("://").expect("an endpoint").1.to_owned();
    wait_until("connections are refused", || TcpStream::connect(of(&tcp)).is_err());
    wait_until("the port is free", || UdpSocket::bind(of(&udp)).is_ok());
    let next = Server::start(&format!("{tcp} {udp}"));
    let mut other = next.session();

    client.send(b"Michael\nexit\n");
    client.expect_last(b"Hello, Michael!\n");
    server.stopped();
    other.send(b"exit\n");
    other.expect_last(b"");
    next.stop();
}

#[test]
fn a_second_signal_ends_a_drain_at_once() {
    for second in [Signal::TERM, Signal::QUIT] {
        let mut server = Server::start(&format!("{TCP} --grace 1h"));
        let _open = server.session();
        server.process.signal(Signal::QUIT);
        server.process.stderr.wait_for("send again to exit now");
        server.process.signal(second);
        let finished = server.process.wait();
        assert_eq!(finished.code, Some(128 + second.as_raw()), "{}", finished.stderr);
    }
}

#[test]
fn a_server_that_drains_is_not_healthy() {
    let mut server = Server::start(&format!("{TCP} --grace 1h --metrics=127.0.0.1:0"));
    let metrics = server.metrics();
    let mut client = server.session();
    server.process.signal(Signal::QUIT);
    server.process.stderr.wait_for("draining");
    wait_until("health checks fail", || get(&metrics, "/healthz").0.starts_with("503 "));
    client.send(b"exit\n");
    client.expect_last(b"");
    server.stopped();
}
