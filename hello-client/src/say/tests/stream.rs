use super::server::{Wire, server};
use super::*;
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::Duration;

use serde_json::json;
use socket2::{Domain, SockAddr, Socket, Type};

fn right_session(wire: &mut dyn Wire) {
    wire.says(b"Welcome!\n");
    wire.hears(b"Bob\n");
    wire.says(b"Hello, Bob!\n");
    wire.hears(b"\xff\n");
    wire.says(b"Hello, \xff!\n");
    wire.hears(b"exit\n");
}
#[test]
fn every_reply_is_printed_as_the_server_sent_it() {
    let script = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&script, b"Bob\n\xff").unwrap();
    let endpoint = server(right_session);
    let (out, ending) = told_in_bytes(&["-s", &endpoint, "-f", script.path().to_str().unwrap()]);
    ending.unwrap();
    assert_eq!(out, b"Welcome!\nHello, Bob!\nHello, \xff!\n");
}

#[test]
fn a_session_in_json_has_addresses_replies_and_round_trips() {
    let script = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&script, b"Bob\n\xff").unwrap();
    let endpoint = server(right_session);
    let mut told = json(&["-s", &endpoint, "-f", script.path().to_str().unwrap()]);
    for message in told["messages"].as_array_mut().unwrap() {
        assert!(message["rtt_us"].take().as_f64().unwrap() > 0.0);
    }
    assert!(told["local_address"].take().as_str().unwrap().starts_with("127.0.0.1:"));
    let expected = json!({
        "endpoint": endpoint,
        "local_address": null,
        "peer_address": endpoint.strip_prefix("tcp://"),
        "welcome": "Welcome!",
        "messages": [
            {"message": "Bob", "reply": "Hello, Bob!", "rtt_us": null},
            {
                "message": "\u{fffd}", "message_hex": "ff",
                "reply": "Hello, \u{fffd}!", "reply_hex": "48656c6c6f2c20ff21", "rtt_us": null
            },
        ],
        "outcome": "ok",
        "error": null,
    });
    assert_eq!(told, expected);
}

#[test]
fn a_session_without_messages_is_a_welcome_and_an_exit() {
    let endpoint = server(|wire| {
        wire.says(b"Welcome!\n");
        wire.hears(b"exit\n");
    });
    let (out, ending) = told(&["-s", &endpoint, "-f", "/dev/null"]);
    ending.unwrap();
    assert_eq!(out, "Welcome!\n");
}

#[test]
fn messages_are_said_one_by_one_in_every_framing() {
    for (framing, wire_bytes) in [
        (
            "length",
            [
                &b"\0\0\0\x08Welcome!"[..],
                b"\0\0\0\x03Bob",
                b"\0\0\0\x0bHello, Bob!",
                b"\0\0\0\x04exit",
            ],
        ),
        ("raw", [b"Welcome!", b"Bob", b"Hello, Bob!", b"exit"]),
    ] {
        let endpoint = server(move |wire| {
            wire.says(wire_bytes[0]);
            wire.hears(wire_bytes[1]);
            wire.says(wire_bytes[2]);
            wire.hears(wire_bytes[3]);
        });
        let (out, ending) = told(&["-s", &endpoint, "--framing", framing, "Bob"]);
        ending.unwrap();
        assert_eq!(out, "Welcome!\nHello, Bob!\n", "{framing}");
    }
}

#[test]
fn a_wait_lasts_until_the_server_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hello.sock");
    // A dead server's file: connecting to it is refused.
    let stale = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    stale.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    drop(stale);
    let endpoint = format!("unix://{}", path.display());
    let (_, ending) = told(&["-s", &endpoint]);
    assert_failed(ending, Kind::Refused, 3, "nothing listens at");

    thread::spawn(move || {
        thread::sleep(Duration::from_millis(150));
        std::fs::remove_file(&path).unwrap();
        right_session(&mut UnixListener::bind(&path).unwrap().accept().unwrap().0);
    });
    let (out, ending) = told_in_bytes(&["-s", &endpoint, "--wait", "60s", "Bob"]);
    assert_eq!(out, b"Welcome!\nHello, Bob!\n");
    // This server waits for another message.
    assert_failed(ending, Kind::Closed, 1, "");
}
