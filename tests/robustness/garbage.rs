//! Input that no proper client sends.

use std::iter;

use super::figures;
use super::hostile_clients::{Noise, send_while_reading};
use super::procfs::{NOISE, Usage};
use crate::harness::Server;

const TOO_LONG: &[u8] = b"Error: message longer than 1024 bytes\n";

#[test]
fn random_bytes_are_the_messages_that_they_happen_to_be() {
    let server = Server::start("tcp://127.0.0.1:0");
    let (mut control, before) = Usage::with_a_session(&server);
    for seed in 0..50 {
        let input = Noise::seeded(seed).bytes(128 * 1024);
        let (received, _) = send_while_reading(&server.endpoints()[0], [&input]);
        assert!(received == expected(&input), "seed {seed}");
        control.send(b"Michael\n");
        control.expect(b"Hello, Michael!\n");
    }
    before.expect_back(&server);
    drop(control);
    let summary = server.summary();
    summary.expect(&[("opened", 51), ("lost", 0)]);
    summary.expect_all_ended();
}

/// What a server sends in a session with the framing `line`, the default limit, and all of `input`.
pub(super) fn expected(input: &[u8]) -> Vec<u8> {
    let mut replies = b"Welcome!\n".to_vec();
    for line in input.split_inclusive(|&byte| byte == b'\n') {
        let ended = line.strip_suffix(b"\n");
        let message = ended.map_or(line, |line| line.strip_suffix(b"\r").unwrap_or(line));
        if message.len() > 1024 {
            replies.extend(TOO_LONG);
            break;
        }
        replies.extend([b"Hello, ", message, b"!\n"].concat());
    }
    replies
}

#[test]
fn random_bytes_do_no_harm_under_the_other_framings() {
    let too_long = b"\0\0\0\x08Welcome!\0\0\0\x25Error: message longer than 1024 bytes";
    for (framing, starts_with) in [("length", &too_long[..]), ("raw", b"Welcome!")] {
        let server = Server::start(&format!("tcp://127.0.0.1:0 --framing {framing}"));
        for seed in 0..20 {
            let (received, _) =
                send_while_reading(&server.endpoints()[0], [Noise::seeded(seed).bytes(100_000)]);
            assert!(received.starts_with(starts_with), "\"{}\"", received.escape_ascii());
        }
        let summary = server.summary();
        summary.expect(&[("opened", 20), ("lost", 0)]);
        summary.expect_all_ended();
    }
}

#[test]
fn a_line_of_a_gigabyte_is_rejected_at_its_beginning_and_takes_no_memory() {
    let server = Server::start("tcp://127.0.0.1:0");
    let (mut control, before) = Usage::with_a_session(&server);
    let part = vec![b'x'; 1024 * 1024];
    let (received, sent) = send_while_reading(&server.endpoints()[0], iter::repeat_n(&part, 1024));
    assert_eq!(received, [b"Welcome!\n", TOO_LONG].concat());
    figures::print(format_args!("a line of 1 GiB: {} MiB of it could be sent", sent >> 20));

    control.send(b"Michael\nexit\n");
    control.expect(b"Hello, Michael!\n");
    let peak = before.wait_until_back(&server).peak;
    assert!(peak <= before.resident + NOISE, "{before:?} before, a peak of {peak}");
    let summary = server.summary();
    summary.expect(&[("opened", 2), ("sessions too-long", 1), ("messages", 1)]);
    summary.expect_all_ended();
}
