//! A server that runs: every call of each of its threads fails once, and it serves on.

use std::time::Instant;

use super::{Attached, Fault, TIMES, can_inject, unix_sockets};
use crate::harness::{DatagramClient, RawClient, Scrape, Server, Summary, wait_until};

/// How often clients come while a call fails.
const CLIENTS: u64 = 12;

/// What becomes of the clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// All are served.
    Handled,
    /// One of them is not served, or no further, and no reply is torn.
    EndsOne,
}

use Verdict::{EndsOne, Handled};

/// A thread, a call of it and errors of that, and what becomes of the clients.
type Row = (&'static str, &'static str, &'static [&'static str], Verdict);

const TABLE: &[Row] = &[
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
    if fail_each_once(&server, TABLE, &mut open, |thread| clients.come_to(thread)).is_none() {
        return;
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

/// What the acceptor itself does for a client that it rejects.
const REJECTING: &[Row] = &[
    ("acceptor", "sendto", &["EINTR"], Handled),
    ("acceptor", "sendto", &["ECONNRESET", "ENOBUFS", "EPIPE"], EndsOne),
    ("acceptor", "shutdown", &["ENOTCONN"], EndsOne),
    ("acceptor", "recvfrom", &["EINTR"], Handled),
    ("acceptor", "recvfrom", &["ECONNRESET", "ENOMEM", "ETIMEDOUT"], EndsOne),
    ("acceptor", "epoll_ctl", &["ENOMEM", "ENOSPC"], EndsOne),
];

#[test]
fn no_call_that_fails_once_ends_a_full_server_or_leaves_two_clients_without_the_reason() {
    if !can_inject() {
        return;
    }
    let server = Server::start("127.0.0.1:0 --workers 1 --max-sessions 1");
    let mut open = server.session();
    fail_each_once(&server, REJECTING, &mut open, |_| {
        converse_all(&[server.endpoint("tcp")], b"Bob\n", &["Error: server is full\n"])
    });
}

/// What it does before a session whose client is in a PROXY protocol header.
const PROXIED: &[Row] = &[
    ("acceptor", "recvfrom", &["EINTR"], Handled),
    ("acceptor", "recvfrom", &["ECONNRESET", "ENOMEM", "ETIMEDOUT"], EndsOne),
    ("acceptor", "epoll_wait", &["EINTR"], Handled),
];

#[test]
fn no_call_that_fails_once_ends_a_server_behind_a_proxy_or_more_than_one_session() {
    const HEADER: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.9 56324 9999\r\n";
    if !can_inject() {
        return;
    }
    let server = Server::start("127.0.0.1:0 --workers 1 --proxy-protocol");
    let mut open = server.connect();
    open.send(HEADER);
    open.expect(b"Welcome!\n");
    fail_each_once(&server, PROXIED, &mut open, |_| {
        let said = [HEADER, b"Bob\nexit\n"].concat();
        converse_all(&[server.endpoint("tcp")], &said, SESSION)
    });
}

/// Has each call in `table` fail once, at each of [`TIMES`], while clients come until it has; how many
/// of those were served is what `come` returns. `None` if nothing can be attached to the server.
fn fail_each_once(
    server: &Server,
    table: &[Row],
    open: &mut RawClient,
    mut come: impl FnMut(&str) -> u64,
) -> Option<()> {
    for (thread, call, errors, verdict) in table {
        for (error, when) in errors.iter().flat_map(|error| TIMES.map(|when| (error, when))) {
            let fault = Fault(call, error, when);
            let attached = Attached::to(server, thread, fault)?;
            let (mut came, mut served) = (0, 0);
            // Not every client makes each call: who is awake is not woken.
            wait_until(&format!("{thread} {fault:?} happens"), || {
                came += CLIENTS;
                served += come(thread);
                attached.injected() > 0
            });
            attached.detach();
            let lost = came - served;
            let most = u64::from(*verdict == EndsOne);
            assert!(lost <= most, "{thread} {fault:?}: {lost} of {came} lost, {verdict:?}");
            open.send(b"still\n");
            open.expect(b"Hello, still!\n");
        }
    }
    Some(())
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
                converse_all(&self.streams.each_ref().map(String::as_str), b"Bob\nexit\n", SESSION)
            }
        }
    }
}

/// What a client reads that says `Bob` and `exit`, by what is written together.
const SESSION: &[&str] = &["Welcome!\n", "Hello, Bob!\n"];

/// How many of [`CLIENTS`], which take turns at the `endpoints`, read all of `replies`.
#[track_caller]
fn converse_all(endpoints: &[&str], said: &[u8], replies: &[&str]) -> u64 {
    let endpoints = endpoints.iter().cycle().take(CLIENTS as usize);
    endpoints.map(|endpoint| u64::from(converse(endpoint, said, replies))).sum()
}

/// Whether a client that says this reads all of `replies`. One that does not has no torn reply.
#[track_caller]
fn converse(endpoint: &str, said: &[u8], replies: &[&str]) -> bool {
    let mut client = RawClient::connect(endpoint);
    // Sent together, so that the server closes first and lingers.
    if client.try_send(said).is_err() {
        return false;
    }
    let (bytes, end) = client.read_until_closed();
    let text = String::from_utf8_lossy(&bytes);
    let whole = (0..=replies.len()).any(|count| text == replies[..count].concat());
    assert!(whole, "{text:?}");
    text == replies.concat() && end.is_ok()
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
