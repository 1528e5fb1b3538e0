//! A server that starts: it refuses to, with one line that says why, or does without.

use std::path::Path;

use super::{Fault, can_inject, injected, trace_file, unix_sockets};
use crate::harness::{DatagramClient, Process, Server};

/// A fault, and the words of the one line with which the server refuses to start; without words, it
/// serves.
const TABLE: &[(Fault, &str)] = &[
    (Fault("socket", "EAFNOSUPPORT", 1), "listen on tcp://127.0.0.1:0: Address family not supp"),
    (Fault("socket", "EMFILE", 2), "listen on udp://127.0.0.1:"),
    (Fault("socket", "EPERM", 1), "listen on tcp://127.0.0.1:0: Operation not permitted"),
    (Fault("socket", "EACCES", 3), "listen on unix:///"),
    (Fault("bind", "EADDRINUSE", 1), "address already in use (port 0 picks a free port)"),
    (Fault("bind", "EADDRINUSE", 2), "listen on udp://127.0.0.1:0: address already in use"),
    (Fault("bind", "EACCES", 1), "listen on tcp://127.0.0.1:0: Permission denied"),
    (Fault("bind", "EROFS", 3), "listen on unix:///"),
    (Fault("bind", "ENOSPC", 4), "listen on unixgram:///"),
    (Fault("listen", "EADDRINUSE", 1), "address already in use"),
    (Fault("setsockopt", "EPERM", 1), "listen on tcp://127.0.0.1:0: Operation not permitted"),
    (Fault("setsockopt", "ENOPROTOOPT", 2), "listen on tcp://127.0.0.1:0: Protocol not available"),
    (Fault("setsockopt", "ENOMEM", 3), "listen on udp://127.0.0.1:"),
    (Fault("getsockname", "ENOBUFS", 1), "No buffer space available"),
    (Fault("fchmod", "EPERM", 1), "listen on unix:///"),
    (Fault("flock", "ENOLCK", 1), "No locks available"),
    (Fault("flock", "EAGAIN", 1), "another server is listening on this path"),
    (Fault("epoll_create1", "EMFILE", 1), "cannot start: Too many open files"),
    (Fault("epoll_create1", "ENOMEM", 3), "cannot start: Cannot allocate memory"),
    (Fault("epoll_ctl", "ENOSPC", 2), "cannot start: No space left on device"),
    (Fault("eventfd2", "EMFILE", 1), "cannot start: Too many open files"),
    (Fault("socketpair", "EMFILE", 1), "cannot start: Too many open files"),
    // The threads: of the log, of the signals, and the others.
    (Fault("clone3", "EAGAIN", 1), "cannot start: Resource temporarily unavailable"),
    (Fault("clone3", "EAGAIN", 2), "cannot start: Resource temporarily unavailable"),
    (Fault("clone3", "EAGAIN", 3), "cannot start: Resource temporarily unavailable"),
    (Fault("clone3", "EAGAIN", 6), "cannot start: Resource temporarily unavailable"),
    // What sandboxes answer to calls that they do not know, or do not want.
    (Fault("clone3", "ENOSYS", 1), ""),
    (Fault("prlimit64", "EPERM", 1), ""),
    (Fault("prlimit64", "EPERM", 2), ""),
    (Fault("prlimit64", "ENOSYS", 3), ""),
    (Fault("sched_getaffinity", "EPERM", 1), ""),
    (Fault("getrandom", "ENOSYS", 1), ""),
    (Fault("statx", "ENOSYS", 1), ""),
];

#[test]
fn a_call_that_fails_at_the_start_is_a_line_that_says_why_or_is_done_without() {
    if !can_inject() {
        return;
    }
    for (fault, words) in TABLE {
        let folder = tempfile::tempdir().expect("a folder");
        let command_line = format!(
            "tcp://127.0.0.1:0 udp://127.0.0.1:0 {} --unix-mode 600 --workers 1",
            unix_sockets(&folder)
        );
        let trace = trace_file();
        let mut traced = fault.strace_program(&trace, &Server::command(&command_line));
        let started = Server::listening(Process::spawn(&mut traced), &command_line);
        match (started, *words) {
            (Ok(server), "") => {
                expect_service(&server, &folder.path().join("client"));
                server.stop();
            }
            (Err(finished), words) if !words.is_empty() => {
                assert_eq!(finished.stdout_text(), "", "{fault:?}: it does not claim to listen");
                finished.expect_error_line(1, &["hello-server: cannot ", words]);
            }
            (Ok(_), _) => panic!("{fault:?} is ignored"),
            (Err(finished), _) => panic!("{fault:?}: {finished:?}"),
        }
        assert!(injected(&trace) > 0, "{fault:?} does not happen any more");
    }
}

#[track_caller]
fn expect_service(server: &Server, own: &Path) {
    let mut session = server.session();
    session.send(b"Bob\nexit\n");
    session.expect_last(b"Hello, Bob!\n");
    for mut client in [
        DatagramClient::to(server.endpoint("udp")),
        DatagramClient::from_file(own, server.endpoint("unixgram")),
    ] {
        client.send(b"Bob");
        client.expect(b"Hello, Bob!");
    }
}
