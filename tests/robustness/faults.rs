//! A bug of ours: a thread panics, and the server ends rather than run degraded.

use std::time::{Duration, Instant};

use crate::harness::{DatagramClient, Finished, Server};

/// The grace of these servers is the default, 5 s; what is beyond it is for a busy machine.
fn expect_bug(server: Server, thread: &str) {
    let start = Instant::now();
    let finished: Finished = server.process.wait();
    assert!(start.elapsed() < Duration::from_secs(8), "it took {:?}", start.elapsed());
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    let bug = format!("the thread '{thread}' failed: panicked: a fault was injected here\n");
    let last = finished.stderr.split_inclusive('\n').next_back();
    assert_eq!(last, Some(format!("hello-server: {bug}").as_str()), "{}", finished.stderr);
    assert!(finished.stderr.contains("stopped: "), "{}", finished.stderr);
}

#[test]
fn a_worker_that_panics_ends_the_server() {
    let server = Server::start_faulty("worker", "tcp://127.0.0.1:0 --workers 2");
    let _peer = server.connect();
    expect_bug(server, "worker-1");
}

#[test]
fn an_acceptor_that_panics_ends_the_server() {
    let server = Server::start_faulty("acceptor", "tcp://127.0.0.1:0");
    let _peer = server.connect();
    expect_bug(server, "acceptor");
}

#[test]
fn a_datagram_loop_that_panics_ends_the_server_and_every_session_gets_the_reason() {
    let server = Server::start_faulty("datagram", "127.0.0.1:0");
    let mut sessions = [server.session(), server.session()];
    for session in &mut sessions {
        session.send(b"Michael\n");
    }
    let udp = server.endpoint("udp").to_owned();
    DatagramClient::to(&udp).send(b"Tracy");
    for session in sessions {
        session.expect_last(b"Hello, Michael!\nError: server is shutting down\n");
    }
    expect_bug(server, &udp);
}

#[test]
fn an_ordinary_build_ignores_the_fault_asked_for() {
    for place in ["worker", "acceptor", "datagram"] {
        let server = Server::start_with_ignored_fault(place, "127.0.0.1:0");
        let mut client = server.session();
        client.send(b"Michael\nexit\n");
        client.expect_last(b"Hello, Michael!\n");
        let mut datagrams = DatagramClient::to(server.endpoint("udp"));
        datagrams.send(b"Tracy");
        datagrams.expect(b"Hello, Tracy!");
        server.summary().expect(&[("opened", 1), ("exit", 1), ("greeted", 1)]);
    }
}
