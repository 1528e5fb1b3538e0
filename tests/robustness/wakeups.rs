//! Idle means idle: threads sleep until there is something to do, and a stop wakes them.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::threads::{Thread, asleep, threads};
use crate::harness::{DatagramClient, RawClient, Server, ServiceManager, has_ipv6, wait_until};

/// Every kind of endpoint; a wildcard address is received from in another way than one address.
fn every_endpoint(folder: &Path) -> Vec<String> {
    let folder = folder.display();
    let mut endpoints = vec![
        "tcp://127.0.0.1:0".to_owned(),
        "udp://127.0.0.1:0".to_owned(),
        "udp://0.0.0.0:0".to_owned(),
        format!("unix://{folder}/stream.sock"),
        format!("unixgram://{folder}/datagram.sock"),
    ];
    if has_ipv6() {
        endpoints.extend(["tcp://[::1]:0".to_owned(), "udp://[::]:0".to_owned()]);
    }
    endpoints
}

/// Asserts that no thread of the server is woken for two seconds.
#[track_caller]
fn expect_no_wake_up(server: &Server) {
    // What is measured is a length of time.
    expect_no_wake_up_by(server, || thread::sleep(Duration::from_secs(2)));
}

#[track_caller]
fn expect_no_wake_up_by(server: &Server, scene: impl FnOnce()) {
    let before = asleep(server);
    scene();
    let after = threads(server);
    let woken: BTreeMap<&str, u64> = after
        .iter()
        .map(|(id, thread)| {
            (&*thread.name, thread.switches - before.get(id).map_or(0, |thread| thread.switches))
        })
        .filter(|(_, count)| *count > 0)
        .collect();
    assert!(woken.is_empty(), "these threads were woken: {woken:?}");
    let names = |threads: &BTreeMap<String, Thread>| threads.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&before), names(&after), "no thread has come or gone");
}

#[test]
fn a_server_without_sessions_is_not_woken_whatever_its_endpoints() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoints = every_endpoint(folder.path()).join(" ");
    let server =
        Server::start(&format!("{endpoints} --udp-loops 3 --workers 3 --metrics=127.0.0.1:0"));
    expect_no_wake_up(&server);
}

#[test]
fn a_server_whose_clients_have_left_is_not_woken_either() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoints = every_endpoint(folder.path()).join(" ");
    let mut server = Server::start(&format!("{endpoints} --udp-loops 3 --max-sessions 5"));
    for endpoint in server.endpoints() {
        match endpoint.split_once("://") {
            Some(("tcp" | "unix", _)) => {
                let mut client = RawClient::connect(endpoint);
                client.send(b"Michael\nexit\n");
                client.expect_last(b"Welcome!\nHello, Michael!\n");
            }
            Some(("unixgram", _)) => {
                let mut client =
                    DatagramClient::from_file(&folder.path().join("own.sock"), endpoint);
                client.send(b"Michael");
                client.expect(b"Hello, Michael!");
            }
            _ => {
                let endpoint = endpoint.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]");
                let mut client = DatagramClient::to(&endpoint);
                client.send(b"Michael");
                client.expect(b"Hello, Michael!");
            }
        }
    }
    // A client sees the end of its session before its place is free.
    wait_until("all sessions have ended", || {
        server.process.signal(Signal::USR1);
        server.process.stderr.wait_for("running: ").contains("running: open=0;")
    });
    // One that was rejected is gone as well.
    let sessions: Vec<RawClient> = (0..5).map(|_| server.session()).collect();
    server.connect().expect_last(b"Error: server is full\n");
    for mut session in sessions {
        session.send(b"exit\n");
        session.expect_last(b"");
    }
    expect_no_wake_up(&server);
}

#[test]
fn idle_sessions_wake_a_server_for_their_deadlines_alone() {
    let server = Server::start("tcp://127.0.0.1:0 --idle-timeout 1h");
    let mut sessions: Vec<RawClient> = (0..50).map(|_| server.session()).collect();
    for session in &mut sessions {
        session.send(b"Michael\nTra");
        session.expect(b"Hello, Michael!\n");
    }
    expect_no_wake_up(&server);
}

#[test]
fn a_server_that_drains_is_not_woken_for_the_clients_of_the_next_one() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let manager = ServiceManager::with([listener.into()]);
    let mut old = manager.start("--grace 1h --idle-timeout 0 --proxy-protocol");
    let stays = RawClient::connect(old.endpoint("tcp"));
    wait_until("it waits for its header", || {
        old.process.signal(Signal::USR1);
        old.process.stderr.wait_for("running: ").contains("; proxy headers waiting=1")
    });
    old.process.signal(Signal::QUIT);
    old.process.stderr.wait_for("SIGQUIT: draining");
    let new = manager.start("");
    expect_no_wake_up_by(&old, || {
        for _ in 0..20 {
            let mut client = new.session();
            client.send(b"exit\n");
            client.expect_last(b"");
        }
    });
    drop(stays);
    old.stopped();
}

/// The grace is longer than a test waits, so that one thread that is not woken fails it.
#[test]
fn a_stop_wakes_the_threads_of_each_kind_of_endpoint_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    for endpoint in every_endpoint(folder.path()) {
        let server = Server::start(&format!("{endpoint} --udp-loops 3 --workers 3 --grace 5m"));
        asleep(&server);
        server.stop();
    }
}
