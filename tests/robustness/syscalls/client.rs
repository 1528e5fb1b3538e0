//! A client: the right exit code and one line that says why, and never a yes that is none.

use super::{Fault, TIMES, can_inject, injected, trace_file, unix_sockets};
use crate::harness::{Client, Finished, Process, Server};

/// What a client is asked.
const SAY: &[&str] = &["--timeout", "1s", "Bob", "Eve"];
const CHECK: &[&str] = &["check", "--timeout", "1s"];
const PING: &[&str] = &["ping", "-c", "3", "-i", "10ms", "--timeout", "1s"];
const BENCH: &[&str] = &["bench", "-n", "50", "-c", "2", "--timeout", "1s"];

const RESOURCES: &str = "Resource temporarily unavailable";

/// What is asked over what, the fault, the exit code, and words of what is said.
const TABLE: &[(&[&str], &str, Fault, i32, &str)] = &[
    (SAY, "tcp", Fault("socket", "EMFILE", 1), 3, "socket: Too many open files"),
    (SAY, "tcp", Fault("socket", "EAFNOSUPPORT", 1), 3, "Address family not supported"),
    (SAY, "tcp", Fault("connect", "EADDRNOTAVAIL", 1), 3, "Cannot assign requested address"),
    (SAY, "tcp", Fault("connect", "ECONNREFUSED", 1), 3, "connection refused by"),
    (SAY, "tcp", Fault("connect", "EHOSTUNREACH", 1), 3, "No route to host"),
    (SAY, "tcp", Fault("connect", "EPERM", 1), 3, "prohibited by this machine's own firewall"),
    (SAY, "tcp", Fault("poll", "EINTR", 2), 0, "Hello, Eve!"),
    (SAY, "tcp", Fault("getsockname", "ENOBUFS", 1), 3, "No buffer space available"),
    (SAY, "tcp", Fault("setsockopt", "ENOMEM", 5), 1, "Cannot allocate memory"),
    (SAY, "tcp", Fault("sendto", "EINTR", 1), 0, "Hello, Eve!"),
    (SAY, "tcp", Fault("sendto", "EAGAIN", 2), 0, "Hello, Eve!"),
    (SAY, "tcp", Fault("sendto", "ENOBUFS", 1), 1, "No buffer space available"),
    (SAY, "tcp", Fault("recvfrom", "EINTR", 2), 0, "Hello, Eve!"),
    (SAY, "tcp", Fault("recvfrom", "ENOMEM", 1), 3, "Cannot allocate memory"),
    (SAY, "tcp", Fault("recvfrom", "ECONNRESET", 1), 3, "connection reset by"),
    (SAY, "tcp", Fault("recvfrom", "ECONNRESET", 2), 1, "connection reset by"),
    (SAY, "tcp", Fault("recvfrom", "EHOSTUNREACH", 2), 1, "No route to host"),
    (SAY, "tcp", Fault("recvfrom", "ETIMEDOUT", 2), 1, "no reply from"),
    (SAY, "tcp", Fault("write", "EINTR", 1), 0, "Hello, Eve!"),
    (SAY, "tcp", Fault("write", "ENOSPC", 1), 1, "standard output: No space left on device"),
    (SAY, "udp", Fault("socket", "EPERM", 1), 3, "socket: Operation not permitted"),
    (SAY, "udp", Fault("connect", "ENETUNREACH", 1), 3, "Network is unreachable"),
    (SAY, "udp", Fault("sendto", "EINTR", 1), 0, "Hello, Eve!"),
    (SAY, "udp", Fault("sendto", "EPERM", 1), 3, "prohibited by this machine's own firewall"),
    (SAY, "udp", Fault("sendto", "ENETUNREACH", 2), 1, "Network is unreachable"),
    (SAY, "udp", Fault("recvfrom", "EINTR", 1), 0, "Hello, Eve!"),
    (SAY, "udp", Fault("recvfrom", "ECONNREFUSED", 1), 3, "connection refused by"),
    (SAY, "udp", Fault("recvfrom", "EHOSTUNREACH", 2), 1, "No route to host"),
    (SAY, "unix", Fault("connect", "EINTR", 1), 0, "Hello, Eve!"),
    (SAY, "unix", Fault("connect", "EAGAIN", 1), 3, "its backlog is full"),
    (SAY, "unix", Fault("connect", "EACCES", 1), 3, "no permission to use the socket"),
    // The reply that waits unread must not be taken for news from the network, again and again.
    (SAY, "unix", Fault("setsockopt", "ENOMEM", 2), 3, "Cannot allocate memory"),
    (SAY, "unix", Fault("recvfrom", "ENOMEM", 1), 3, "Cannot allocate memory"),
    (CHECK, "unix", Fault("recvfrom", "ENOMEM", 2), 1, "Cannot allocate memory"),
    (BENCH, "unix", Fault("recvfrom", "ENOMEM", 1), 3, "Cannot allocate memory"),
    (SAY, "unixgram", Fault("bind", "EADDRINUSE", 1), 3, "socket: Address already in use"),
    (SAY, "unixgram", Fault("connect", "ENOENT", 1), 3, "no such socket"),
    (SAY, "unixgram", Fault("sendto", "ENOBUFS", 2), 1, "No buffer space available"),
    (SAY, "unixgram", Fault("recvfrom", "ENOMEM", 1), 3, "Cannot allocate memory"),
    (CHECK, "tcp", Fault("connect", "ENETUNREACH", 1), 3, "Network is unreachable"),
    (CHECK, "tcp", Fault("recvfrom", "ECONNRESET", 2), 1, "connection reset by"),
    (CHECK, "tcp", Fault("clone3", "ENOSYS", 1), 0, "ok "),
    (CHECK, "tcp", Fault("getrandom", "ENOSYS", 1), 0, "ok "),
    (CHECK, "udp", Fault("sendto", "EPERM", 1), 3, "prohibited by this machine's own firewall"),
    (CHECK, "udp", Fault("recvfrom", "ECONNREFUSED", 1), 3, "connection refused by"),
    (PING, "tcp", Fault("epoll_wait", "EINTR", 2), 0, "3 sent, 3 answered"),
    (PING, "tcp", Fault("timerfd_create", "EMFILE", 1), 3, "Too many open files"),
    (PING, "tcp", Fault("clone3", "EAGAIN", 1), 3, RESOURCES),
    (PING, "udp", Fault("clone3", "ENOSYS", 1), 0, "3 sent, 3 answered"),
    (BENCH, "tcp", Fault("clone3", "EAGAIN", 1), 2, RESOURCES),
    (BENCH, "tcp", Fault("prlimit64", "EPERM", 2), 0, "50 answered"),
    (BENCH, "tcp", Fault("sched_getaffinity", "EPERM", 1), 0, "50 answered"),
    (BENCH, "tcp", Fault("epoll_create1", "EMFILE", 1), 3, "Too many open files"),
    (BENCH, "tcp", Fault("epoll_ctl", "ENOSPC", 1), 3, "No space left on device"),
    (BENCH, "tcp", Fault("epoll_wait", "EINTR", 10), 0, "50 answered"),
    // A connection that is lost is replaced, and the server is not blamed for it.
    (BENCH, "tcp", Fault("getsockopt", "ENOPROTOOPT", 2), 0, "50 answered"),
    (BENCH, "tcp", Fault("epoll_ctl", "ENOMEM", 4), 0, "50 answered"),
    (BENCH, "tcp", Fault("recvfrom", "ECONNRESET", 2), 0, "50 answered"),
    (BENCH, "tcp", Fault("recvfrom", "ENOMEM", 10), 0, "50 answered"),
    (BENCH, "tcp", Fault("sendto", "EPIPE", 2), 0, "50 answered"),
    (BENCH, "udp", Fault("recvfrom", "ECONNREFUSED", 10), 0, "50 answered"),
    (BENCH, "udp", Fault("sendto", "EPERM", 10), 0, "50 answered"),
    (BENCH, "unix", Fault("getsockname", "ENOBUFS", 1), 0, "50 answered"),
    (BENCH, "unix", Fault("sendto", "EAGAIN", 2), 0, "50 answered"),
    (BENCH, "unixgram", Fault("recvfrom", "EINTR", 2), 0, "50 answered"),
    (BENCH, "tcp", Fault("write", "ENOSPC", 1), 1, "standard output: No space left on device"),
];

#[test]
fn a_call_that_fails_in_a_client_is_the_right_exit_code_and_one_line() {
    if !can_inject() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&format!("127.0.0.1:0 {}", unix_sockets(&folder)));
    for (words, scheme, fault, code, said) in TABLE {
        let (finished, injected) = ask(words, &server, scheme, *fault);
        let row = format!("{words:?} {scheme} {fault:?}: {finished:?}");
        assert_eq!(finished.code, Some(*code), "{row}");
        assert!(injected > 0, "{row}");
        let output = format!("{}{}", finished.stdout_text(), finished.stderr);
        assert!(output.contains(said), "'{said}' in {row}");
    }
}

/// The table has the time that tells most. At any other, too, a client ends, with a line unless all is
/// well.
#[test]
fn whenever_a_call_fails_a_client_ends_and_says_why_in_one_line() {
    if !can_inject() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&format!("127.0.0.1:0 {}", unix_sockets(&folder)));
    for (words, scheme, Fault(call, error, told), ..) in TABLE {
        for when in TIMES.into_iter().filter(|when| when != told) {
            ask(words, &server, scheme, Fault(call, error, when));
        }
    }
}

/// What becomes of a client with these `words`, and how often the call failed. It ends by itself, with
/// a line unless all is well, and takes no reply for a wrong one.
#[track_caller]
fn ask(words: &[&str], server: &Server, scheme: &str, fault: Fault) -> (Finished, usize) {
    let mut client = Client::command(words);
    client.env("HELLO_SERVER", server.endpoint(scheme));
    let trace = trace_file();
    let finished = Process::spawn(&mut fault.strace_program(&trace, &client)).wait();
    let row = format!("{words:?} {scheme} {fault:?}: {finished:?}");
    assert!(matches!(finished.code, Some(0..=3)), "{row}");
    // The verdicts of `check` are on standard output.
    let lines = if finished.code == Some(0) || words == CHECK { 0 } else { 1 };
    assert_eq!(finished.stderr.lines().count(), lines, "{row}");
    assert!(!finished.stdout_text().contains("wrong"), "{row}");
    (finished, injected(&trace))
}
