//! Command lines and scripts that the client does not take: nothing is sent, one line says why.

use std::fs;

use crate::harness::{Client, Impostor, Process, UdpImpostor};

#[test]
fn what_a_command_line_has_wrong_is_named_in_one_line() {
    for (line, words) in [
        ("-s http://127.0.0.1:1", &["--server", "http", "expected tcp, udp, unix or unixgram"][..]),
        ("-s 127.0.0.1", &["--server", "127.0.0.1", "port is missing"]),
        ("-s tcp://127.0.0.1:65536", &["--server", "65536", "65535"]),
        ("-s tcp://127.0.0.1:0", &["--server", "port 0"]),
        ("-s unix://relative", &["--server", "not absolute"]),
        ("--timeout soon", &["--timeout", "soon", "expected"]),
        ("--timeout 5", &["--timeout", "5", "expected"]),
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
    ] {
        let finished = Client::run(line.split(' '));
        finished.expect_complaint(2, words);
        assert_eq!(finished.said(), "", "{line}");
    }
}

#[test]
fn a_wrong_server_in_the_environment_is_named_too() {
    let mut command = Client::command(["Michael"]);
    let finished = Process::spawn(command.env("HELLO_SERVER", "http://127.0.0.1:1")).wait();
    finished.expect_complaint(2, &["--server", "http"]);
}

#[test]
fn a_path_that_does_not_fit_is_a_usage_error_that_gives_the_limit() {
    for scheme in ["unix", "unixgram"] {
        let endpoint = format!("{scheme}:///{}", "x".repeat(107));
        Client::run(["-s", &endpoint]).expect_complaint(2, &["--server", "at most 107"]);
    }
}

#[test]
fn a_message_that_cannot_be_said_is_named_before_anything_is_sent() {
    // Nobody listens: were it to connect, it would exit with 3.
    let closed = Impostor::closed();
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
        finished.expect_complaint(2, named);
        assert_eq!(finished.said(), "");
    }
}

#[test]
fn over_udp_only_the_length_of_a_message_can_be_wrong() {
    let closed = UdpImpostor::closed();
    let finished = Client::run(["-s", &closed.endpoint(), &"x".repeat(1025)]);
    finished.expect_complaint(2, &["1025", "1024"]);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().to_str().expect("a path in UTF-8");
    let closed = Impostor::closed();
    for path in [&*format!("{folder}/none"), folder] {
        let finished = Client::run(["-s", &closed.endpoint(), "--file", path]);
        finished.expect_complaint(2, &["--file", path]);
    }
}

#[test]
fn a_file_with_a_message_that_cannot_be_said_is_named_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("names.txt");
    let closed = Impostor::closed();
    for (text, named) in [
        ("Michael\nexit\nTracy\n".to_owned(), "the client sends it itself"),
        (format!("Michael\n{}\n", "x".repeat(1025)), "1024"),
    ] {
        fs::write(&path, text).expect("a file");
        let path = path.to_str().expect("a path in UTF-8");
        let finished = Client::run(["-s", &closed.endpoint(), "--file", path]);
        finished.expect_complaint(2, &[path, "line 2", named]);
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for (option, words) in [("--help", "--timeout"), ("-h", "MESSAGE"), ("--version", "0.")] {
        let finished = Client::run([option]);
        assert_eq!((finished.code, &*finished.stderr), (Some(0), ""), "{option}");
        assert!(finished.said().contains(words), "{option}: {}", finished.said());
    }
}
