use super::server::{Wire, server};
use super::*;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use socket2::{Domain, Socket, Type};

#[test]
fn a_wrong_reply_is_printed_and_told_with_the_right_one() {
    let session = |wire: &mut dyn Wire| {
        wire.says(b"Welcome!\n");
        wire.hears(b"Bob\n");
        wire.says(b"Hello, Eve!\n");
    };
    let (out, ending) = told(&["-s", &server(session), "Bob", "Sue"]);
    assert_eq!(out, "Welcome!\nHello, Eve!\n");
    let sentence = "the server said \"Hello, Eve!\", expected \"Hello, Bob!\"";
    assert_failed(ending, Kind::Mismatch, 1, sentence);

    let told = json(&["-s", &server(session), "Bob", "Sue"]);
    assert_eq!(told["messages"].as_array().unwrap().len(), 1);
    assert_eq!(told["messages"][0]["reply"], "Hello, Eve!");
    assert_eq!(told["error"], json!({"kind": "mismatch", "message": sentence}));
}

#[test]
fn a_reply_after_exit_is_unexpected() {
    let endpoint = server(|wire| wire.says(b"Welcome!\nHello, you!\n"));
    let (out, ending) = told(&["-s", &endpoint, "-f", "/dev/null"]);
    assert_eq!(out, "Welcome!\nHello, you!\n");
    assert_failed(ending, Kind::Mismatch, 1, "said \"Hello, you!\", expected nothing more");
}

#[test]
fn an_error_of_the_server_is_told_whenever_it_comes() {
    let endpoint = server(|wire| wire.says(b"Error: server is full\n"));
    let (out, ending) = told(&["-s", &endpoint, "Bob"]);
    assert_eq!(out, "Error: server is full\n");
    assert_failed(ending, Kind::Server, 1, "the server ended the session: server is full");

    let endpoint = server(|wire| wire.says(b"Welcome!\nError: server is shutting down\n"));
    let (out, ending) = told(&["-s", &endpoint, "Bob"]);
    assert_eq!(out, "Welcome!\nError: server is shutting down\n");
    assert_failed(ending, Kind::Server, 1, "server is shutting down");
}

#[test]
fn a_server_that_closes_early_is_told_with_what_was_to_come() {
    let endpoint = server(|wire| {
        wire.says(b"Welcome!\n");
        wire.hears(b"Bob\n");
        wire.says(b"Hello, B");
    });
    let (out, ending) = told(&["-s", &endpoint, "Bob"]);
    assert_eq!(out, "Welcome!\n");
    assert_failed(ending, Kind::Closed, 1, "closed the session, expected \"Hello, Bob!\"");
}

#[test]
fn a_server_that_drips_bytes_does_not_extend_the_timeout() {
    let endpoint = server(|wire| {
        while wire.write_all(b"W").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    let started = Instant::now();
    let (out, ending) = told(&["-s", &endpoint, "--timeout", "300ms", "Bob"]);
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(out, "");
    assert_failed(ending, Kind::Timeout, 1, "within 300ms, expected \"Welcome!\"");
}

#[test]
fn a_server_that_does_not_close_is_told() {
    let endpoint = server(|wire| {
        wire.says(b"Welcome!\n");
        wire.hears(b"exit\n");
        // The client closes; until then nothing is to be read.
        let _ = wire.read(&mut [0]);
    });
    let (_, ending) = told(&["-s", &endpoint, "--timeout", "2s", "-f", "/dev/null"]);
    assert_failed(ending, Kind::Timeout, 1, "expected the server to close the session");
}

#[test]
fn a_port_where_nothing_listens_is_refused() {
    // Bound, so that nobody else gets it, but not listening.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&address.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap().to_string();
    let (out, ending) = told(&["-s", &address]);
    assert_eq!(out, "");
    assert_failed(ending, Kind::Refused, 3, &format!("nothing listens at {address}"));

    let told = json(&["-s", &address]);
    assert_eq!(told["endpoint"], format!("tcp://{address}"));
    assert_eq!((&told["welcome"], &told["messages"]), (&json!(null), &json!([])));
    assert_eq!((&told["outcome"], &told["error"]["kind"]), (&json!("failed"), &json!("refused")));
}

#[test]
fn a_closed_standard_output_ends_the_session() {
    let endpoint = server(|wire| wire.says(b"Welcome!\n"));
    let config = config(&["-s", &endpoint, "Bob"]);
    // No room at all: the first write fails.
    let mut full: &mut [u8] = &mut [];
    let mut report = Report::new(None, false, &mut full);
    assert_failed(session(&config, &mut report), Kind::Closed, 1, "standard output: ");
}
