//! What the client makes of servers that do not behave: it says so, and exits with 1.

use std::fs::File;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Client, Finished, Impostor, Peer, Server};

/// Runs the client, saying Michael, against a server that does `act`, with `--json` and without:
/// the kind of the error, and how the client ended without.
#[track_caller]
fn against(act: impl Fn(&mut Peer)) -> (String, Finished) {
    within("20s", act)
}

/// The same, with this `--timeout`.
#[track_caller]
fn within(timeout: &str, act: impl Fn(&mut Peer)) -> (String, Finished) {
    let impostor = Impostor::open();
    let run = |option| {
        let words = ["-s", &impostor.endpoint(), "--timeout", timeout, option, "Michael"];
        let client = Client::start(words);
        let mut peer = impostor.accept();
        act(&mut peer);
        let finished = client.wait();
        finished.expect_complaint(1, &["tcp://127.0.0.1:"]);
        finished
    };
    let object: Value = serde_json::from_slice(&run("--json").stdout).expect("an object");
    let kind = object["error"]["kind"].as_str().expect("a kind");
    (kind.to_owned(), run("-q"))
}

fn welcome(peer: &mut Peer) {
    peer.send(b"Welcome!\n");
    peer.expect(b"Michael\n");
}

#[test]
fn a_wrong_welcome_is_a_mismatch_that_is_printed_as_it_came() {
    let (kind, finished) = against(|peer| peer.send(b"220 smtp.example.com\n"));
    assert_eq!((&*kind, finished.said()), ("mismatch", "220 smtp.example.com\n"));
    assert!(finished.stderr.contains("expected \"Welcome!\""), "{}", finished.stderr);
}

#[test]
fn a_wrong_reply_is_a_mismatch_that_is_printed_as_it_came() {
    for reply in ["hello, Michael!", "Hello, Michael", "Hello, Michael!!", ""] {
        let (kind, finished) = against(|peer| {
            welcome(peer);
            peer.send(format!("{reply}\n").as_bytes());
        });
        assert_eq!((&*kind, finished.said()), ("mismatch", &*format!("Welcome!\n{reply}\n")));
        assert!(finished.stderr.contains("expected \"Hello, Michael!\""), "{}", finished.stderr);
    }
}

#[test]
fn a_reply_without_an_end_is_not_read_for_ever() {
    let (kind, _) = against(|peer| {
        welcome(peer);
        peer.send_until_stuck(&[b'x'; 200_000], Duration::from_secs(1));
    });
    assert_eq!(kind, "mismatch");
}

#[test]
fn an_error_of_the_server_is_printed_and_has_a_kind_of_its_own() {
    let (kind, finished) = against(|peer| {
        peer.send(b"Error: server is full\n");
        peer.half_close();
    });
    assert_eq!((&*kind, finished.said()), ("server", "Error: server is full\n"));

    let (kind, finished) = against(|peer| {
        welcome(peer);
        peer.send(b"Error: server is shutting down\n");
    });
    assert_eq!((&*kind, finished.said()), ("server", "Welcome!\nError: server is shutting down\n"));
}

#[test]
fn a_server_that_closes_too_early_is_closed() {
    let (kind, _) = against(|peer| peer.half_close());
    assert_eq!(kind, "closed");
    let (kind, finished) = against(|peer| {
        welcome(peer);
        peer.send(b"Hello, Mich");
        peer.half_close();
    });
    assert_eq!((&*kind, finished.said()), ("closed", "Welcome!\n"));
}

#[test]
fn a_server_that_says_nothing_is_late() {
    let (kind, finished) = within("500ms", |_| {});
    assert_eq!((&*kind, finished.said()), ("timeout", ""));
    let (kind, finished) = within("1s", welcome);
    assert_eq!((&*kind, finished.said()), ("timeout", "Welcome!\n"));
    assert!(finished.stderr.contains("1s"), "{}", finished.stderr);
}

#[test]
fn a_server_that_does_not_close_after_exit_is_late() {
    let (kind, finished) = within("1s", |peer| {
        welcome(peer);
        peer.send(b"Hello, Michael!\n");
        peer.expect(b"exit\n");
    });
    assert_eq!((&*kind, finished.said()), ("timeout", "Welcome!\nHello, Michael!\n"));
}

#[test]
fn a_server_that_greets_exit_is_wrong() {
    let (kind, finished) = against(|peer| {
        welcome(peer);
        peer.send(b"Hello, Michael!\n");
        peer.expect(b"exit\n");
        peer.send(b"Hello, exit!\n");
        peer.half_close();
    });
    let expected = "Welcome!\nHello, Michael!\nHello, exit!\n";
    assert_eq!((&*kind, finished.said()), ("mismatch", expected));
}

#[test]
fn a_server_that_is_full_says_so_through_the_client() {
    let server = Server::start("tcp://127.0.0.1:0 --max-sessions 1");
    let _first = server.session();
    let finished = Client::run(["-s", server.endpoint("tcp")]);
    finished.expect_complaint(1, &["server is full"]);
    assert_eq!(finished.said(), "Error: server is full\n");
}

#[test]
fn a_message_that_is_too_long_for_the_server_is_refused_through_the_client() {
    let server = Server::start("tcp://127.0.0.1:0 --max-message 5");
    let finished = Client::run(["-s", server.endpoint("tcp"), "Tracy", "Michael"]);
    finished.expect_complaint(1, &["message longer than 5 bytes"]);
    let expected = "Welcome!\nHello, Tracy!\nError: message longer than 5 bytes\n";
    assert_eq!(finished.said(), expected);
}

#[test]
fn output_that_cannot_be_written_is_a_failure_of_its_own() {
    let server = Server::start("tcp://127.0.0.1:0");
    let full = File::options().write(true).open("/dev/full").expect("Linux has it");
    let mut command = Client::command(["-s", server.endpoint("tcp")]);
    let output = command.stdout(full).output().expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("standard output") && stderr.lines().count() == 1, "{stderr}");
}
