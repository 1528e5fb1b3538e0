//! A server that runs: every call of each of its threads fails once, and it serves on.

use std::time::Instant;

use super::{Attached, Fault, can_inject, unix_sockets};
use crate::harness::{DatagramClient, RawClient, Scrape, Server, Summary, wait_until};

/// How often clients come while a call fails.
const CLIENTS: u64 = 12;

/// At which of its calls a thread fails.
const TIMES: [u32; 3] = [1, 2, 10];

/// What becomes of the clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// All are served.
    Handled,
    /// One of them is not served, or no further, and no reply is torn.
    EndsOne,
}

use Verdict::{EndsOne, Handled};

/// The thread, a call of it and errors of that, and what becomes of them.
const TABLE: &[(&str, &str, &[&str], Verdict)] = &[
    ("acceptor", "epoll_wait", &["EINTR"], Handled),
    ("acceptor", "accept4", &["ECONNABORTED", "EINTR", "EPERM", "EPROTO"], Handled),
    ("acceptor", "accept4", &["EMFILE", "ENOMEM"], Handled),
    ("acceptor", "write", &["EINTR"], Handled),
    ("worker-1", "epoll_wait", &["EINTR"], Handled),
    ("worker-1", "epoll_ctl", &["ENOMEM", "ENOSPC"], EndsOne),
    ("worker-1", "recvfrom", &["EINTR"], Handled),
    ("worker-1", "recvfrom", &["ECONNRESET", "EHOSTUNREACH", "ENOMEM", "ETIMEDOUT"], EndsOne),
    ("worker-1", "sendto", &["EINTR", "EAGAIN"], Handled),
    ("worker-1", "sendto", &["ECONNRESET", "ENOBUFS", "ENOMEM", "EPERM", "EPIPE"], EndsOne),
    ("worker-1", "getsockname", &["ENOBUFS"], Handled),
    ("worker-1", "shutdown", &["ENOTCONN"], Handled),
    ("udp://127", "recvfrom", &["ECONNREFUSED", "EHOSTUNREACH", "EINTR"], Handled),
    ("udp://127", "recvfrom", &["ENOBUFS", "ENOMEM"], Handled),
    ("udp://127", "sendto", &["ECONNREFUSED", "ENETUNREACH", "ENOBUFS", "EPERM"], EndsOne),
    ("udp://0.0", "recvmsg", &["ECONNREFUSED", "EINTR", "ENOMEM"], Handled),
    ("udp://0.0", "sendmsg", &["EMSGSIZE", "ENETUNREACH", "ENOBUFS", "EPERM"], EndsOne),
    ("unixgram", "recvfrom", &["EINTR", "ENOMEM"], Handled),
    ("unixgram", "sendto", &["EAGAIN", "ECONNREFUSED", "ENOBUFS", "EPERM"], EndsOne),
    ("metrics", "accept4", &["ECONNABORTED", "EMFILE"], Handled),
    ("metrics", "epoll_ctl", &["ENOMEM", "ENOSPC"], EndsOne),
    ("metrics", "recvfrom", &["ECONNRESET", "ENOMEM"], EndsOne),
    ("metrics", "sendto", &["ENOBUFS", "EPIPE"], EndsOne),
    // What the system does not tell is left out of the page. In a sandbox that is for ever.
    ("metrics", "openat", &["EACCES", "EMFILE", "ENOENT"], Handled),
    ("metrics", "getdents64", &["EIO"], Handled),
    ("metrics", "prlimit64", &["ENOSYS", "EPERM"], Handled),
    ("metrics", "statx", &["ENOSYS", "EPERM"], Handled),
    ("log", "write", &["EINTR", "EIO", "ENOSPC", "EPIPE"], Handled),
];

#[test]
fn no_call_that_fails_once_ends_a_server_or_more_than_one_session() {
    if !can_inject() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(&format!(
        "127.0.0.1:0 udp://0.0.0.0:0 {} --metrics=127.0.0.1:0 --workers 1 -v",
        unix_sockets(&folder)
    ));
    let metrics = server.metrics();
    let mut clients = Clients {
        streams: [server.endpoint("tcp").to_owned(), server.endpoint("unix").to_owned()],
        metrics: metrics.clone(),
        udp: DatagramClient::to(server.endpoint("udp")),
        wildcard: DatagramClient::to(&server.endpoints()[2].replace("0.0.0.0", "127.0.0.1")),
        unixgram: DatagramClient::from_file(
            &folder.path().join("client"),
            server.endpoint("unixgram"),
        ),
    };
    let mut open = server.session();
    let begin = Instant::now();
    for (thread, call, errors, verdict) in TABLE {
        for error in *errors {
            let mut happened = 0;
            for when in TIMES {
                let fault = Fault(call, error, when);
                let Some(attached) = Attached::to(&server, thread, fault) else { return };
                let served = clients.come_to(thread);
                if *thread == "log" {
                    // Nobody waits for it otherwise.
                    wait_until("lines are written", || attached.injected() > 0);
                }
                let injected = attached.detach();
                happened += injected;
                let expected = match verdict {
                    EndsOne if injected > 0 => CLIENTS - 1,
                    EndsOne | Handled => CLIENTS,
                };
                assert!(
                    (expected..=CLIENTS).contains(&served),
                    "{thread} {fault:?}: {served} of {CLIENTS} served, {verdict:?}"
                );
                open.send(b"still\n");
                open.expect(b"Hello, still!\n");
            }
            assert!(happened > 0, "{thread} does not call {call} any more");
        }
    }
    let figures = Scrape::of(&metrics);
    assert!(figures.value("hello_log_lines_dropped_total") >= 3.0);
    // No thread has gone round and round.
    let (cpu, elapsed) = (figures.value("process_cpu_seconds_total"), begin.elapsed());
    assert!(cpu < elapsed.as_secs_f64() / 2.0, "{cpu} s of processor time in {elapsed:?}");
    server.process.terminate();
    open.expect_last(b"Error: server is shutting down\n");
    let finished = server.stopped();
    assert!(finished.stderr.contains("1 log lines were dropped"), "{}", finished.stderr);
    Summary::of(&finished.stderr).expect_all_ended();
}

/// Clients of every kind.
struct Clients {
    streams: [String; 2],
    metrics: String,
    udp: DatagramClient,
    wildcard: DatagramClient,
    unixgram: DatagramClient,
}

impl Clients {
    /// Comes [`CLIENTS`] times to the sockets that `thread` serves, and returns how often it was served.
    #[track_caller]
    fn come_to(&mut self, thread: &str) -> u64 {
        match thread {
            "udp://127" => ask(&mut self.udp),
            "udp://0.0" => ask(&mut self.wildcard),
            "unixgram" => ask(&mut self.unixgram),
            "metrics" => (0..CLIENTS).map(|_| u64::from(scrape(&self.metrics))).sum(),
            _ => {
                let endpoints = self.streams.iter().cycle().take(CLIENTS as usize);
                endpoints.map(|endpoint| u64::from(converse(endpoint))).sum()
            }
        }
    }
}

/// Whether a session is served to its end. One that is not has no torn reply.
#[track_caller]
fn converse(endpoint: &str) -> bool {
    const ALL: &str = "Welcome!\nHello, Bob!\n";
    let mut client = RawClient::connect(endpoint);
    // Sent together, so that the server closes first and lingers.
    if client.try_send(b"Bob\nexit\n").is_err() {
        return false;
    }
    let (bytes, end) = client.read_until_closed();
    let text = String::from_utf8_lossy(&bytes);
    assert!(["", "Welcome!\n", ALL].contains(&&*text), "{text:?}");
    text == ALL && end.is_ok()
}

/// Whether a scrape of the metrics is answered.
#[track_caller]
fn scrape(endpoint: &str) -> bool {
    let mut client = RawClient::connect(endpoint);
    if client.try_send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").is_err() {
        return false;
    }
    let (bytes, _) = client.read_until_closed();
    let page = String::from_utf8_lossy(&bytes);
    let whole =
        page.starts_with("HTTP/1.1 200 OK\r\n") && page.contains("process_start_time_seconds ");
    assert!(whole || page.is_empty(), "{page}");
    whole
}

/// How many datagrams of [`CLIENTS`] are answered. The replies come in order, so that the next one
/// shows which is lost, and no more than two are on their way: some systems queue few on a Unix socket.
#[track_caller]
fn ask(client: &mut DatagramClient) -> u64 {
    let (mut answered, mut next) = (0, 0);
    client.send(b"0");
    // The last one only shows that all others are over.
    for number in 1..=CLIENTS {
        client.send(number.to_string().as_bytes());
        let wanted = if number == CLIENTS { number } else { number - 1 };
        while next <= wanted {
            let reply = String::from_utf8(client.receive()).expect("text");
            let greeted = reply.strip_prefix("Hello, ").and_then(|rest| rest.strip_suffix('!'));
            let greeted: u64 = greeted.and_then(|text| text.parse().ok()).expect("a number");
            assert!(greeted >= next, "{reply} is out of order or twice");
            (answered, next) = (answered + 1, greeted + 1);
        }
    }
    answered - 1
}

/// Faults during a stop: the thread, a call and its error, and whether the session that is open is told
/// of the stop.
const STOP: &[(&str, Fault, Verdict)] = &[
    // The first thread of the process wakes the others.
    ("", Fault("write", "EIO", 1), Handled),
    ("", Fault("write", "EIO", 2), Handled),
    ("acceptor", Fault("write", "EIO", 1), Handled),
    ("acceptor", Fault("accept4", "EMFILE", 1), Handled),
    ("acceptor", Fault("accept4", "ECONNABORTED", 1), Handled),
    ("udp", Fault("recvfrom", "ENOMEM", 1), Handled),
    ("worker-1", Fault("recvfrom", "ENOMEM", 1), EndsOne),
    ("worker-1", Fault("sendto", "EPIPE", 1), EndsOne),
    ("worker-1", Fault("shutdown", "ENOTCONN", 1), Handled),
    ("worker-1", Fault("epoll_ctl", "ENOMEM", 1), Handled),
];

#[test]
fn a_call_that_fails_during_a_stop_does_not_delay_it() {
    if !can_inject() {
        return;
    }
    for (thread, fault, verdict) in STOP {
        let server = Server::start("127.0.0.1:0 --workers 1 --grace 5m");
        let open = server.session();
        let Some(attached) = Attached::to(&server, thread, *fault) else { return };
        server.process.terminate();
        let told = String::from_utf8(open.read_until_closed().0).expect("text");
        let finished = server.stopped();
        Summary::of(&finished.stderr).expect_all_ended();
        assert!(attached.detach() > 0, "{thread} {fault:?} does not happen any more");
        let expected = match verdict {
            Handled => "Error: server is shutting down\n",
            EndsOne => "",
        };
        assert_eq!(told, expected, "{thread} {fault:?}");
    }
}
