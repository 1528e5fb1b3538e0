//! Signals that ask a running server something, or that it ignores. How it stops is in `lifecycle`.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::some_of_everything;
use crate::harness::{Server, wait_until};

#[test]
fn sigusr1_logs_the_counters_of_the_running_server_and_the_sessions_that_are_open() {
    let mut server = Server::start("127.0.0.1:0 --workers 2");
    let (mut stays, _) = some_of_everything(&server);

    // A greeting arrives before it is counted.
    let expected = "running: open=1; sessions opened=2 ended=1 exit=1 end-of-stream=0 too-long=0 \
         idle=0 unread=0 shutdown=0 lost=0 refused-full=0 refused-address=0 refused-shutdown=0 \
         aborted=0 starved=0 refused-proxy-header=0; streams messages=2 bytes-in=19 bytes-out=48; \
         datagrams received=1 greeted=1 too-long=0 bad-source=0 unsent=0 errors=0 overflowed=0\n";
    wait_until("everything is counted", || {
        server.process.signal(Signal::USR1);
        server.process.stderr.wait_for("running: ").ends_with(expected)
    });

    stays.send(b"Bob\nexit\n");
    stays.expect_last(b"Hello, Bob!\n");
    server.summary().expect(&[("messages", 3), ("exit", 2)]);
}

#[test]
fn a_server_that_is_stopping_reports_too() {
    let mut server = Server::start("tcp://127.0.0.1:0 --grace 1m");
    let mut stays = server.session();
    stays.send_until_stuck(&vec![b'\n'; 32 * 1024 * 1024], Duration::from_millis(300));
    server.process.terminate();
    server.process.stderr.wait_for("shutting down");
    server.process.signal(Signal::USR1);
    let line = server.process.stderr.wait_for("running: ");
    assert!(line.contains("running: open=1; sessions opened=1 ended=0"), "{line}");
    drop(stays);
    server.stopped();
}

#[test]
fn sighup_and_sigusr2_are_ignored_with_a_line_each() {
    let mut server = Server::start("tcp://127.0.0.1:0");
    let mut client = server.session();
    for (signal, name) in [(Signal::HUP, "SIGHUP"), (Signal::USR2, "SIGUSR2")] {
        server.process.signal(signal);
        server.process.stderr.wait_for(&format!("{name}: ignored"));
    }
    client.send(b"Michael\nexit\n");
    client.expect_last(b"Hello, Michael!\n");
    server.stop();
}

#[test]
fn a_storm_of_ignored_signals_is_a_line_a_second() {
    let server = Server::start("tcp://127.0.0.1:0");
    let start = Instant::now();
    for _ in 0..1000 {
        server.process.signal(Signal::HUP);
    }
    let log = server.stop().stderr;
    let lines = log.matches("SIGHUP: ignored").count() as u64;
    assert!((1..=start.elapsed().as_secs() + 1).contains(&lines), "{lines} lines:\n{log}");
}
