//! The lines of the log, at each level.

use crate::harness::Server;

const TCP: &str = "tcp://127.0.0.1:0";

#[test]
fn each_session_is_logged_with_its_four_elements_when_it_opens_and_when_it_ends() {
    let server = Server::start("tcp://127.0.0.1:0 -v");
    let endpoint = server.endpoint("tcp").to_owned();
    let mut locals = Vec::new();
    for _ in 0..3 {
        let mut client = server.session();
        locals.push(client.local());
        client.send(b"Michael\nTracy\nexit\n");
        client.expect_last(b"Hello, Michael!\nHello, Tracy!\n");
    }
    let log = server.stop().stderr;
    for (index, local) in locals.iter().enumerate() {
        let id = index + 1;
        let opened = format!("session {id} opened: {endpoint} from {local}\n");
        let ended = format!(
            "session {id} ended: exit; {endpoint} from {local}; \
             2 messages, 19 bytes in, 39 bytes out\n"
        );
        for line in [opened, ended] {
            assert_eq!(log.matches(&line).count(), 1, "{line:?} in:\n{log}");
        }
    }
}

#[test]
fn without_v_sessions_are_not_logged_but_the_start_and_the_stop_are() {
    let server = Server::start(TCP);
    let mut client = server.session();
    client.send(b"exit\n");
    client.expect_last(b"");
    let log = server.stop().stderr;
    assert!(!log.contains("session 1"), "{log}");
    for words in ["serving with", "SIGTERM: shutting down", "stopped: "] {
        assert_eq!(log.matches(words).count(), 1, "{words:?} in:\n{log}");
    }
}

#[test]
fn q_silences_everything_but_warnings() {
    let server = Server::start("127.0.0.1:0 -q");
    let mut client = server.session();
    client.send(b"exit\n");
    client.expect_last(b"");
    assert_eq!(server.stop().stderr, "");
}

#[test]
fn a_rejected_client_is_logged_with_the_reason() {
    let server = Server::start("tcp://127.0.0.1:0 --max-sessions 1");
    let first = server.session();
    let second = server.connect();
    let local = second.local();
    second.expect_last(b"Error: server is full\n");
    drop(first);
    let log = server.stop().stderr;
    let line = log.lines().find(|line| line.contains("rejected")).expect("a line of it");
    assert!(line.contains(&local) && line.contains("server is full"), "{line}");
}

#[test]
fn bytes_from_outside_are_escaped() {
    let server = Server::start("tcp://127.0.0.1:0 -vv");
    let mut client = server.session();
    client.send(b"\x1b[31m\0\xff\nforged line\nexit\n");
    client.expect_last(b"Hello, \x1b[31m\0\xff!\nHello, forged line!\n");
    let log = server.stop().stderr;
    assert!(log.contains(r"\x1b[31m\x00\xff\nforged line\n"), "{log}");
    assert!(!log.contains('\x1b') && !log.contains('\0'), "{log:?}");
}
