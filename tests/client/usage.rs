//! Invalid command lines and scripts: nothing is sent, and one line names the mistake.

use std::fs;

use crate::harness::{Client, FakeServer, FakeUdpServer, Process};

#[test]
fn usage_errors_are_one_line_that_names_the_mistake() {
    for (line, words) in [
        ("-s http://127.0.0.1:1", &["--server", "http", "expected tcp, udp, unix or unixgram"][..]),
        ("-s 127.0.0.1", &["--server", "127.0.0.1", "port is missing"]),
        ("-s tcp://127.0.0.1:65536", &["--server", "65536", "65535"]),
        ("-s tcp://127.0.0.1:0", &["--server", "port 0"]),
        ("-s unix://relative", &["--server", "not absolute"]),
        ("--timeout soon", &["--timeout", "soon", "expected"]),
        ("--timeout 5", &["--timeout", "the unit is missing", "expected", "such as 5s"]),
        ("--timeout 0", &["--timeout", "0", "more than 0"]),
        ("--wait 1parsec", &["--wait", "1parsec", "expected"]),
        ("--framing smoke", &["--framing", "smoke", "line", "length", "raw"]),
        ("--max-message 0", &["--max-message", "65499"]),
        ("--max-message 65500", &["--max-message", "65499"]),
        ("--bind here", &["--bind", "here", "expected"]),
        ("--wat", &["--wat"]),
        ("-4 -6", &["-4", "-6"]),
        ("-4 --bind ::1", &["-4", "--bind"]),
        ("-4 -s unix:///tmp/x", &["-4", "unix:///tmp/x"]),
        ("--bind 127.0.0.1 -s unix:///tmp/x", &["--bind", "unix:///tmp/x"]),
        ("-f names Michael", &["--file", "MESSAGE"]),
        ("-v -q", &["--verbose", "--quiet"]),
        ("-s 9999", &["--server", "the host is missing, as in 127.0.0.1:9999 (a size is --size)"]),
        ("-s unix:/tmp/x", &["--server", "the slashes are missing, as in unix:///tmp/x"]),
        ("-s 127.0.0.1:1 -s 127.0.0.1:2", &["--server", "127.0.0.1:1", "127.0.0.1:2"]),
        ("-s 127.0.0.1:1 bench 127.0.0.1:2", &["--server", "127.0.0.1:1", "127.0.0.1:2"]),
        ("bench 127.0.0.1:1 -s 127.0.0.1:2", &["--server", "127.0.0.1:1", "127.0.0.1:2"]),
        ("127.0.0.1:1", &["127.0.0.1:1", "'-s 127.0.0.1:1'", "'-- 127.0.0.1:1'"]),
        ("localhost", &["'-s HOST:PORT'", "'-- localhost'"]),
        ("say udp://127.0.0.1:1", &["'-s udp://127.0.0.1:1'", "'-- udp://127.0.0.1:1'"]),
        ("bech", &["'bench'", "'-- bech'"]),
        ("-u hi", &["'-u'", "udp://HOST:PORT"]),
        ("--port 1", &["'--port'", "-s HOST:PORT"]),
    ] {
        let finished = Client::run(line.split(' '));
        finished.expect_error_line(2, words);
        assert!(finished.stderr.ends_with("; see --help\n"), "{finished:?}");
        assert!(!finished.stderr.contains("as a value, use"), "{finished:?}");
        assert_eq!(finished.stdout_text(), "", "{line}");
    }
}

#[test]
fn an_invalid_server_in_the_environment_is_reported_too() {
    let mut command = Client::command(["Michael"]);
    let finished = Process::spawn(command.env("HELLO_SERVER", "http://127.0.0.1:1")).wait();
    finished.expect_error_line(2, &["HELLO_SERVER", "--server", "http"]);
}

#[test]
fn a_path_that_is_too_long_is_a_usage_error_that_gives_the_limit() {
    for scheme in ["unix", "unixgram"] {
        let endpoint = format!("{scheme}:///{}", "x".repeat(107));
        Client::run(["-s", &endpoint]).expect_error_line(2, &["--server", "at most 107"]);
    }
}

#[test]
fn an_invalid_message_is_reported_before_anything_is_sent() {
    // Nobody listens: were it to connect, it would exit with 3.
    let closed = FakeServer::closed();
    let long = "x".repeat(1025);
    for (words, named) in [
        (&["a\nb"][..], &["line feed", "--framing length"][..]),
        (&["fine", "cr\r"], &["2", "carriage return"]),
        (&["Michael", &long], &["2", "1025", "1024", "--max-message"]),
        (&["--max-message", "5", "Tracy", "Michael"], &["7 bytes", "at most 5"]),
        (&["exit", "Michael"], &["exit", "the client sends it itself"]),
        (&["Michael", "exit", "exit"], &["exit"]),
        (&["--framing", "raw", "Michael", ""], &["empty"]),
    ] {
        let endpoint = closed.endpoint();
        let finished = Client::run([&["-s", &*endpoint], words].concat());
        finished.expect_error_line(2, named);
        assert_eq!(finished.stdout_text(), "");
    }
}

#[test]
fn over_udp_only_the_length_of_a_message_can_be_wrong() {
    let closed = FakeUdpServer::closed();
    let finished = Client::run(["-s", &closed.endpoint(), &"x".repeat(1025)]);
    finished.expect_error_line(2, &["1025", "1024"]);
}

#[test]
fn a_file_that_cannot_be_read_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().to_str().expect("a path in UTF-8");
    let closed = FakeServer::closed();
    for path in [&*format!("{folder}/none"), folder] {
        let finished = Client::run(["-s", &closed.endpoint(), "--file", path]);
        finished.expect_error_line(2, &["--file", path]);
    }
}

#[test]
fn a_file_with_an_invalid_message_is_reported_with_the_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("names.txt");
    let closed = FakeServer::closed();
    for (text, named) in [
        ("Michael\nexit\nTracy\n".to_owned(), "the client sends it itself"),
        (format!("Michael\n{}\n", "x".repeat(1025)), "1024"),
    ] {
        fs::write(&path, text).expect("a file");
        let path = path.to_str().expect("a path in UTF-8");
        let finished = Client::run(["-s", &closed.endpoint(), "--file", path]);
        finished.expect_error_line(2, &[path, "line 2", named]);
    }
}

#[test]
fn help_and_version_exit_with_0() {
    for (option, words) in [("--help", "--timeout"), ("-h", "MESSAGE"), ("--version", "0.")] {
        let finished = Client::run([option]);
        assert_eq!((finished.code, &*finished.stderr), (Some(0), ""), "{option}");
        assert!(finished.stdout_text().contains(words), "{option}: {}", finished.stdout_text());
    }
}
