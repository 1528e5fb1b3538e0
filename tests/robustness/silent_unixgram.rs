//! A client of a Unix datagram socket that never takes its greetings. One that is connected to the
//! server can hold the server's whole send buffer (unix(7)): the system does not limit how many
//! datagrams wait at it, since both ends could otherwise wait for each other.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::{DatagramClient, Server, Summary};

/// Many more than a send buffer holds.
const SENT: u64 = 400;

const WARNING: &str = "drops greetings that a client does not take";

#[track_caller]
fn start(folder: &Path, options: &str) -> Server {
    Server::start(&format!("unixgram://{}/hello.sock {options}", folder.display()))
}

#[test]
fn the_others_are_served_again_as_soon_as_a_connected_client_that_never_reads_closes() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = start(folder.path(), "-v");
    let endpoint = server.endpoint("unixgram").to_owned();
    for round in 0..3 {
        let other_path = folder.path().join(format!("other{round}"));
        let mut other = DatagramClient::from_file(&other_path, &endpoint);
        other.send(b"Michael");
        other.expect(b"Hello, Michael!");

        let silent_path = folder.path().join(format!("silent{round}"));
        let mut silent = DatagramClient::from_file(&silent_path, &endpoint);
        for _ in 0..SENT {
            silent.send(&[b'x'; 1000]);
        }
        // The server answers in the order of arrival.
        other.send(b"Tracy");
        if round == 0 {
            server.process.stderr.wait_for(WARNING);
        }
        server.process.stderr.wait_for(&format!("cannot answer {}", other_path.display()));

        drop(silent);
        // A program that another test starts holds a copy of each descriptor for a moment.
        other.repeat_until_answered(b"Sarah", b"Hello, Sarah!");
    }
    let summary = server.summary();
    summary.expect(&[("received", summary.count("greeted") + summary.count("unsent"))]);
    assert!(summary.count("unsent") > SENT, "{summary:?}");
}

#[test]
fn unsent_greetings_are_warned_of_once_a_second() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(folder.path(), "-q");
    let own = folder.path().join("silent");
    let mut silent = DatagramClient::from_file(&own, server.endpoint("unixgram"));
    let start = Instant::now();
    // What is measured is how often it is logged in a length of time.
    while start.elapsed() < Duration::from_millis(2500) {
        silent.send(b"Nobody");
    }
    let mut server = server;
    server.process.stderr.wait_for("since last report");
    let log = server.stop().stderr;
    let (warnings, seconds) = (log.matches(WARNING).count() as u64, start.elapsed().as_secs());
    assert!((2..=seconds + 1).contains(&warnings), "{warnings} in {seconds} s:\n{log}");
    assert_eq!(log.lines().count() as u64, warnings, "nothing else is logged:\n{log}");
}

#[test]
fn a_client_that_is_not_connected_and_never_reads_delays_no_other_client() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(folder.path(), "");
    let endpoint = server.endpoint("unixgram").to_owned();
    let target = endpoint.strip_prefix("unixgram://").expect("a path");
    let silent = std::os::unix::net::UnixDatagram::bind(folder.path().join("silent"));
    let silent = silent.expect("a path of its own");
    for _ in 0..2000 {
        silent.send_to(b"Nobody", target).expect("the server takes it");
    }
    let mut other = DatagramClient::from_file(&folder.path().join("other"), &endpoint);
    other.send(b"Michael");
    other.expect(b"Hello, Michael!");
    let log = server.stop().stderr;
    let summary = Summary::of(&log);
    summary.expect(&[("received", 2001), ("greeted", 2001 - summary.count("unsent"))]);
    assert!(summary.count("unsent") > 1000 && log.contains(WARNING), "{log}");
}
