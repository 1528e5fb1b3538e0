//! How the bytes of a session arrive makes no difference to what comes back.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::harness::Server;

const TCP: &str = "tcp://127.0.0.1:0";

#[test]
fn messages_in_one_write_are_answered_in_order_and_together() {
    let server = Server::start(TCP);
    let mut client = server.session();
    client.send(b"Michael\nTracy\nSarah\n");
    let replies = client.read_within(Duration::from_secs(20), 1024).expect("replies");
    assert_eq!(
        replies.escape_ascii().to_string(),
        r"Hello, Michael!\nHello, Tracy!\nHello, Sarah!\n"
    );
}

#[test]
fn a_message_that_comes_byte_by_byte_is_one_message() {
    let server = Server::start(TCP);
    let mut client = server.session();
    for byte in b"Michael\r\nTracy\nexit\n" {
        client.send(&[*byte]);
    }
    client.expect_last(b"Hello, Michael!\nHello, Tracy!\n");
}

#[test]
fn ten_thousand_messages_in_flight_are_all_answered_in_order() {
    let server = Server::start(TCP);
    let mut client = server.session();
    let input: String = (0..10_000).map(|number| format!("{number}\n")).collect();
    let expected: String = (0..10_000).map(|number| format!("Hello, {number}!\n")).collect();
    client.send(format!("{input}exit\n").as_bytes());
    client.expect_last(expected.as_bytes());
}

#[test]
fn a_client_that_does_not_read_is_not_read_from_and_loses_nothing() {
    let server = Server::start(TCP);
    let mut client = server.session();
    let line = [&[b'x'; 1000][..], b"\n"].concat();
    let input = line.repeat(32 * 1024);
    let sent = client.send_until_stuck(&input, Duration::from_millis(500));
    assert!(sent < input.len(), "the server took all {sent} bytes without being read");

    client.half_close();
    let (whole, part) = (sent / line.len(), sent % line.len());
    let greeting = [b"Hello, ", &line[..1000], b"!\n"].concat();
    let mut expected = greeting.repeat(whole);
    if part > 0 {
        expected.extend([b"Hello, ", &line[..part], b"!\n"].concat());
    }
    assert!(client.read_to_end() == expected, "{whole} whole messages and {part} bytes more");
}

#[test]
fn any_split_of_an_input_over_several_writes_gives_the_same_answers() {
    let server = Server::start("tcp://127.0.0.1:0 --max-message 16");
    let message = prop_oneof![
        4 => "[a-z]{0,16}",
        1 => Just("\r\rx".to_owned()),
        1 => Just("exit ".to_owned()),
    ];
    let input =
        (vec((message, prop_oneof![Just("\n"), Just("\r\n")]), 0..12), vec(1..40usize, 1..20));
    let config = Config { cases: 48, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&input, |(lines, sizes)| {
        let text: String = lines.iter().map(|(message, end)| format!("{message}{end}")).collect();
        let greet = |(message, _): &(String, _)| format!("Hello, {message}!\n");
        let expected: String = lines.iter().map(greet).collect();

        let mut client = server.session();
        let mut rest = text.as_bytes();
        for size in sizes {
            let (chunk, after) = rest.split_at(size.min(rest.len()));
            client.send(chunk);
            rest = after;
        }
        client.send(rest);
        client.send(b"exit\n");
        client.expect_last(expected.as_bytes());
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
