//! Every option of the server may also come from the environment.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::harness::{Finished, Process, RawClient, Server, Summary};

/// Runs a server that does not get as far as serving.
fn run(variables: &[(&str, &str)], command_line: &str) -> Finished {
    Process::spawn(Server::command(command_line).envs(variables.iter().copied())).wait()
}

/// Starts one that listens on `count` endpoints.
fn start(variables: &[(&str, &str)], command_line: &str, count: usize) -> Server {
    let process = Process::spawn(Server::command(command_line).envs(variables.iter().copied()));
    Server::listening_on(process, count).expect("it starts")
}

#[test]
fn options_and_endpoints_come_from_the_environment() {
    let mut server = start(
        &[
            ("HELLO_LISTEN", " tcp://127.0.0.1:0  127.0.0.1:0 "),
            ("HELLO_WORKERS", "3"),
            ("HELLO_MAX_SESSIONS", "1"),
            ("HELLO_FRAMING", "raw"),
            ("HELLO_MAX_MESSAGE", "2000"),
            ("HELLO_IDLE_TIMEOUT", "1h"),
            ("HELLO_GRACE", "2s"),
        ],
        "",
        3,
    );
    let line = server.process.stderr.wait_for("serving with 3 workers and at most 1 sessions");
    let words = "framing raw, messages up to 2000 bytes, idle timeout 3600s, grace period 2s";
    assert!(line.contains(words), "{line}");
    let mut client = RawClient::connect(&server.endpoints()[1]);
    client.expect(b"Welcome!");
    server.connect().expect_last(b"Error: server is full");
    drop(client);
    server.stop();
}

#[test]
fn the_command_line_overrides_the_environment() {
    let variables = [("HELLO_LISTEN", "udp://127.0.0.1:0"), ("HELLO_WORKERS", "many")];
    let mut server = start(&variables, "tcp://127.0.0.1:0 --workers 2", 1);
    server.process.stderr.wait_for("serving with 2 workers");
    server.session();
    Summary::of(&server.stop().stderr).expect(&[("opened", 1)]);
}

#[test]
fn a_flag_on_the_command_line_overrides_the_variable_of_its_opposite() {
    let variables = [("HELLO_VERBOSE", "2")];
    let finished = start(&variables, "tcp://127.0.0.1:0 -q", 1).stop();
    assert_eq!(finished.stderr, "");
    start(&[("HELLO_QUIET", "0")], "tcp://127.0.0.1:0 -v", 1).stop();
}

#[test]
fn opposite_variables_are_a_usage_error_that_names_both() {
    let finished = run(&[("HELLO_VERBOSE", "1"), ("HELLO_QUIET", "1")], "");
    finished.expect_error_line(2, &["HELLO_VERBOSE", "HELLO_QUIET"]);
}

#[test]
fn an_error_of_the_command_line_names_no_variable() {
    let finished = run(&[("HELLO_WORKERS", "many")], "--workers many");
    finished.expect_error_line(2, &["--workers"]);
    assert!(!finished.stderr.contains("HELLO_WORKERS"), "{finished:?}");
}

#[test]
fn a_variable_that_is_not_text_is_a_usage_error_that_names_it() {
    for name in ["HELLO_WORKERS", "HELLO_LISTEN"] {
        let value = OsStr::from_bytes(b"\xff");
        let finished = Process::spawn(Server::command("").env(name, value)).wait();
        finished.expect_error_line(2, &[name]);
    }
}

#[test]
fn an_empty_variable_is_as_one_that_is_not_set() {
    let variables = [("HELLO_LISTEN", ""), ("HELLO_WORKERS", ""), ("HELLO_METRICS", "")];
    start(&variables, "tcp://127.0.0.1:0", 1).stop();
}

#[test]
fn a_flag_comes_as_a_number() {
    let mut server = start(&[("HELLO_VERBOSE", "1")], "tcp://127.0.0.1:0", 1);
    server.session();
    server.process.stderr.wait_for("session 1 opened");
    server.stop();
}

#[test]
fn a_switch_comes_as_a_word_or_a_number() {
    for (value, is_on) in [("1", true), ("yes", true), ("true", true), ("0", false), ("off", false)]
    {
        let mut server = start(&[("HELLO_PROXY_PROTOCOL", value)], "tcp://127.0.0.1:0", 1);
        let line = server.process.stderr.wait_for("serving with");
        assert_eq!(line.contains("behind the PROXY protocol"), is_on, "{value}: {line}");
        server.stop();
    }
}

#[test]
fn an_invalid_variable_is_a_usage_error_that_names_it() {
    for (name, value, why) in [
        ("HELLO_WORKERS", "many", "--workers"),
        ("HELLO_FRAMING", "smoke", "[possible values: line, length, raw]"),
        ("HELLO_IDLE_TIMEOUT", "5", "the unit is missing"),
        ("HELLO_LOG_FORMAT", "xml", "--log-format"),
        ("HELLO_PROXY_PROTOCOL", "v2", "--proxy-protocol"),
        ("HELLO_METRICS", "9464", "the host is missing"),
        ("HELLO_VERBOSE", "300", "--verbose"),
        ("HELLO_QUIET", "-1", "--quiet"),
        ("HELLO_LISTEN", "127.0.0.1:0 9999", "'9999': the host is missing"),
    ] {
        let finished = run(&[(name, value)], "");
        finished.expect_error_line(2, &[name, why]);
    }
}

#[test]
fn the_help_names_the_variable_of_every_option_and_not_its_value() {
    let finished = run(&[("HELLO_WORKERS", "77")], "--help");
    let help = finished.stdout_text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!help.contains("77"), "{help}");
    let (_, options) = help.split_once("Options:").expect("options");
    let names =
        options.split(" --").skip(1).map(|rest| rest.split([' ', '.']).next().expect("one"));
    let mut count = 0;
    for name in names.filter(|name| !["help", "version"].contains(name)) {
        let variable = format!("[env: HELLO_{}]", name.to_uppercase().replace('-', "_"));
        count += usize::from(help.contains(&variable));
    }
    assert!(count > 10, "{help}");
    assert!(help.contains("HELLO_LISTEN"), "{help}");
}
