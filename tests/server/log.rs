//! The lines of the log, at each level.

use serde_json::Value;

use crate::harness::{Client, Server};

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
             2 messages, 19 bytes in, 39 bytes out in "
        );
        for line in [&opened, &ended] {
            assert_eq!(log.matches(line).count(), 1, "{line:?} in:\n{log}");
        }
        let (_, duration) = log.split_once(&ended).expect("it is there");
        let duration = duration.lines().next().and_then(|rest| rest.strip_suffix(" s"));
        let duration: f64 = duration.and_then(|seconds| seconds.parse().ok()).expect("seconds");
        assert!((0.0..20.0).contains(&duration), "{duration}");
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

/// The lines of a log that are objects, which all have to be.
#[track_caller]
fn objects(log: &str) -> Vec<Value> {
    let object =
        |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    log.lines().map(object).collect()
}

#[test]
fn in_json_each_line_is_an_object_with_the_fields_of_a_session() {
    let server = Server::start("tcp://127.0.0.1:0 -vv --log-format json --max-sessions 1");
    let endpoint = server.endpoint("tcp").to_owned();
    let mut client = server.session();
    let rejected = server.connect();
    let rejected_local = rejected.local();
    rejected.expect_last(b"Error: server is full\n");
    let local = client.local();
    client.send(b"\"Michael\"\x1b\xff\nTracy\nexit\n");
    client.expect_last(b"Hello, \"Michael\"\x1b\xff!\nHello, Tracy!\n");
    let log = objects(&server.stop().stderr);
    for line in &log {
        let text = |field: &str| line[field].as_str().unwrap_or_else(|| panic!("{field}: {line}"));
        let time = text("time");
        assert!(time.len() == "2026-11-22T23:24:14.000Z".len() && time.ends_with('Z'), "{line}");
        assert!(["warn", "info", "debug", "trace"].contains(&text("level")), "{line}");
        assert!(!text("message").is_empty(), "{line}");
    }
    let with = |words: &str| {
        let line = log.iter().find(|line| line["message"].as_str().expect("text").contains(words));
        line.unwrap_or_else(|| panic!("no '{words}' in {log:?}"))
    };
    for (words, fields) in [
        (
            "session 1 opened",
            &[
                ("level", Value::from("debug")),
                ("id", 1.into()),
                ("local", endpoint.as_str().into()),
                ("peer", local.as_str().into()),
            ][..],
        ),
        (
            "session 1 ended",
            &[
                ("level", "debug".into()),
                ("id", 1.into()),
                ("cause", "exit".into()),
                ("local", endpoint.as_str().into()),
                ("peer", local.as_str().into()),
                ("messages", 2.into()),
                ("bytes_in", 23.into()),
                ("bytes_out", 43.into()),
            ],
        ),
        (
            "rejected",
            &[
                ("level", "info".into()),
                ("peer", rejected_local.as_str().into()),
                ("local", endpoint.as_str().into()),
                ("reason", "server is full".into()),
            ],
        ),
        ("stopped: ", &[("level", "info".into())]),
    ] {
        let line = with(words);
        for (field, value) in fields {
            assert_eq!(&line[field], value, "{field} in {line}");
        }
    }
    let duration = with("session 1 ended")["duration_s"].as_f64();
    assert!((0.0..20.0).contains(&duration.expect("seconds")), "{duration:?}");
}

#[test]
fn in_json_the_error_that_ends_it_is_an_object_too() {
    let finished = Server::run(["--log-format", "json", "-qq", "tcp://192.0.2.1:0"]);
    finished.expect_error_line(1, &["192.0.2.1", "not an address of this machine"]);
    assert_eq!(objects(&finished.stderr)[0]["level"], "error");
}

#[test]
fn under_systemd_lines_have_the_prefix_of_their_level_instead_of_a_time() {
    // stat has the same stderr as the server.
    let journal = "export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2)";
    let server = Server::start_after(journal, "tcp://127.0.0.1:0 -v");
    let mut client = server.session();
    client.send(b"exit\n");
    client.expect_last(b"");
    let log = server.stop().stderr;
    for (start, words) in [
        ("<6>hello-server ", "serving with"),
        ("<7>session 1 opened: ", "tcp://127.0.0.1:"),
        ("<7>session 1 ended: ", "exit"),
        ("<6>stopped: ", "opened=1"),
    ] {
        let found = log.lines().any(|line| line.starts_with(start) && line.contains(words));
        assert!(found, "'{start}' and '{words}' in:\n{log}");
    }
    assert!(log.lines().all(|line| line.starts_with('<')), "{log}");
}

#[test]
fn a_stderr_that_is_not_the_stream_of_the_journal_has_times() {
    // As a service's child inherits it whose stderr is redirected.
    let server = Server::start_after("export JOURNAL_STREAM=9:4711", "tcp://127.0.0.1:0");
    let log = server.stop().stderr;
    assert!(log.lines().all(|line| line.starts_with("[20")), "{log}");
}

/// What mio says of each registration.
const CHATTER: &str = "registering event source";

#[test]
fn vv_logs_messages_without_what_dependencies_say() {
    let server = Server::start("tcp://127.0.0.1:0 -vv");
    let mut client = server.session();
    client.send(b"Michael\nexit\n");
    client.expect_last(b"Hello, Michael!\n");
    let log = server.stop().stderr;
    assert!(log.contains(r#"session 1 sent "Michael\nexit\n""#), "{log}");
    assert!(!log.contains(CHATTER), "{log}");
}

#[test]
fn rust_log_overrides_what_is_logged() {
    let server = Server::start_after("export RUST_LOG=trace", "tcp://127.0.0.1:0 -q");
    let log = server.stop().stderr;
    assert!(log.contains(CHATTER), "{log}");
    let server = Server::start_after("export RUST_LOG=warn", "tcp://127.0.0.1:0 -vv");
    assert_eq!(server.stop().stderr, "");
}

#[test]
fn the_line_at_the_start_says_who_serves_where_and_within_which_limits() {
    let mut server = Server::start("127.0.0.1:0 --workers 2 --max-sessions-per-address 3");
    let line = server.process.stderr.wait_for("serving with");
    let expected = format!(
        "hello-server {} (process {}): serving with 2 workers and at most 10000 sessions (3 from \
         one address) on {}; framing line, messages up to 1024 bytes, idle timeout 60s, grace \
         period 5s\n",
        env!("CARGO_PKG_VERSION"),
        server.process.pid(),
        server.endpoints().join(" ")
    );
    assert!(line.ends_with(&expected), "{line}");
}

#[test]
fn both_programs_log_in_one_form_and_leave_out_what_dependencies_say() {
    let server = Server::start("tcp://127.0.0.1:0 -vv");
    let client = Client::run(["-vv", "-s", server.endpoint("tcp"), "Michael"]);
    let log = server.stop().stderr;
    for log in [&client.stderr, &log] {
        assert!(!log.is_empty());
        assert!(!log.contains(CHATTER), "{log}");
        for line in log.lines() {
            // [2026-11-22T23:24:14Z INFO ] words
            let (time, rest) = line.split_at("[2026-11-22T23:24:14Z ".len());
            assert!(time.starts_with("[20") && time.ends_with("Z "), "{line}");
            let (level, _) = rest.split_once("] ").unwrap_or_else(|| panic!("a level in {line}"));
            let levels = ["WARN ", "INFO ", "DEBUG", "TRACE"];
            assert!(levels.contains(&level), "{line}");
        }
    }
}
