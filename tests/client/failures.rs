//! Servers that violate the protocol: the client reports it and exits with 1, or with 3 if nothing
//! ever came back.

use std::fs::File;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Client, FakeServer, Finished, RawClient, Server};

/// Runs the client with the message Michael against a server that does `act`, once with `--json` and
/// once without. Returns the kind of the error, and the outcome without.
#[track_caller]
fn against(act: impl Fn(&mut RawClient)) -> (String, Finished) {
    within("20s", 1, act)
}

/// The same, with this `--timeout` and exit code.
#[track_caller]
fn within(timeout: &str, code: i32, act: impl Fn(&mut RawClient)) -> (String, Finished) {
    let fake = FakeServer::open();
    let run = |option| {
        let words = ["-s", &fake.endpoint(), "--timeout", timeout, option, "Michael"];
        let client = Client::start(words);
        let mut connection = fake.accept();
        act(&mut connection);
        let finished = client.wait();
        finished.expect_error_line(code, &["tcp://127.0.0.1:"]);
        finished
    };
    let object: Value = serde_json::from_slice(&run("--json").stdout).expect("an object");
    let kind = object["error"]["kind"].as_str().expect("a kind");
    (kind.to_owned(), run("-q"))
}

fn welcome(connection: &mut RawClient) {
    connection.send(b"Welcome!\n");
    connection.expect(b"Michael\n");
}

#[test]
fn a_wrong_welcome_is_a_mismatch_that_is_printed_as_it_came() {
    let (kind, finished) = against(|connection| connection.send(b"220 smtp.example.com\n"));
    assert_eq!((&*kind, finished.stdout_text()), ("mismatch", "220 smtp.example.com\n"));
    assert!(finished.stderr.contains("expected \"Welcome!\""), "{}", finished.stderr);
}

#[test]
fn a_wrong_reply_is_a_mismatch_that_is_printed_as_it_came() {
    for reply in ["hello, Michael!", "Hello, Michael", "Hello, Michael!!", ""] {
        let (kind, finished) = against(|connection| {
            welcome(connection);
            connection.send(format!("{reply}\n").as_bytes());
        });
        assert_eq!(
            (&*kind, finished.stdout_text()),
            ("mismatch", &*format!("Welcome!\n{reply}\n"))
        );
        assert!(finished.stderr.contains("expected \"Hello, Michael!\""), "{}", finished.stderr);
    }
}

#[test]
fn a_reply_without_an_end_is_not_read_for_ever() {
    let (kind, _) = against(|connection| {
        welcome(connection);
        connection.send_until_stuck(&[b'x'; 200_000], Duration::from_secs(1));
    });
    assert_eq!(kind, "mismatch");
}

#[test]
fn an_error_of_the_server_is_printed_and_has_a_kind_of_its_own() {
    let (kind, finished) = against(|connection| {
        connection.send(b"Error: server is full\n");
        connection.half_close();
    });
    assert_eq!((&*kind, finished.stdout_text()), ("server", "Error: server is full\n"));

    let (kind, finished) = against(|connection| {
        welcome(connection);
        connection.send(b"Error: server is shutting down\n");
    });
    assert_eq!(
        (&*kind, finished.stdout_text()),
        ("server", "Welcome!\nError: server is shutting down\n")
    );
}

#[test]
fn a_server_that_closes_early_is_reported_as_closed() {
    let (kind, _) = within("20s", 3, |connection| connection.half_close());
    assert_eq!(kind, "closed");
    let (kind, finished) = against(|connection| {
        welcome(connection);
        connection.send(b"Hello, Mich");
        connection.half_close();
    });
    assert_eq!((&*kind, finished.stdout_text()), ("closed", "Welcome!\n"));
}

#[test]
fn a_server_that_sends_nothing_times_out() {
    let (kind, finished) = within("500ms", 3, |_| {});
    assert_eq!((&*kind, finished.stdout_text()), ("timeout", ""));
    let (kind, finished) = within("1s", 1, welcome);
    assert_eq!((&*kind, finished.stdout_text()), ("timeout", "Welcome!\n"));
    assert!(finished.stderr.contains("1s"), "{}", finished.stderr);
}

#[test]
fn a_reply_that_drips_past_the_timeout_times_out() {
    let (kind, finished) = within("1s", 1, |connection| {
        welcome(connection);
        // 1.6 s in all, during which the client closes.
        for byte in b"Hello, Michael!\n" {
            connection.send_until_stuck(&[*byte], Duration::from_secs(1));
            thread::sleep(Duration::from_millis(100));
        }
    });
    assert_eq!((&*kind, finished.stdout_text()), ("timeout", "Welcome!\n"));
}

#[test]
fn a_server_that_does_not_close_after_exit_times_out() {
    let (kind, finished) = within("1s", 1, |connection| {
        welcome(connection);
        connection.send(b"Hello, Michael!\n");
        connection.expect(b"exit\n");
    });
    assert_eq!((&*kind, finished.stdout_text()), ("timeout", "Welcome!\nHello, Michael!\n"));
}

#[test]
fn a_reply_to_exit_is_a_mismatch() {
    let (kind, finished) = against(|connection| {
        welcome(connection);
        connection.send(b"Hello, Michael!\n");
        connection.expect(b"exit\n");
        connection.send(b"Hello, exit!\n");
        connection.half_close();
    });
    let expected = "Welcome!\nHello, Michael!\nHello, exit!\n";
    assert_eq!((&*kind, finished.stdout_text()), ("mismatch", expected));
}

#[test]
fn the_client_reports_that_a_server_is_full() {
    let server = Server::start("tcp://127.0.0.1:0 --max-sessions 1");
    let _first = server.session();
    let finished = Client::run(["-s", server.endpoint("tcp")]);
    finished.expect_error_line(1, &["server is full"]);
    assert_eq!(finished.stdout_text(), "Error: server is full\n");
}

#[test]
fn the_client_reports_a_message_that_is_too_long_for_the_server() {
    let server = Server::start("tcp://127.0.0.1:0 --max-message 5");
    let finished = Client::run(["-s", server.endpoint("tcp"), "Tracy", "Michael"]);
    finished.expect_error_line(1, &["message longer than 5 bytes"]);
    let expected = "Welcome!\nHello, Tracy!\nError: message longer than 5 bytes\n";
    assert_eq!(finished.stdout_text(), expected);
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
