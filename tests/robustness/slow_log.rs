//! A log that is not read: neither the clients nor a stop wait for it.

use std::fs::{File, OpenOptions};
use std::io::{Write, pipe};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::pipe::fcntl_setpipe_size;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::hostile_clients::{pipeline_until_stuck, small_rcvbuf};
use super::procfs::{NOISE, Usage};
use super::syscalls::can_inject;
use crate::harness::{DatagramClient, Output, Process, RawClient, Server, Summary};

/// What a server keeps of a log that is not read, in bytes.
const QUEUE: u64 = 1024 * 1024;

/// Ctrl-S and Ctrl-Q, by which a terminal is paused and continued (termios(3)).
const PAUSE: &[u8] = b"\x13";
const CONTINUE: &[u8] = b"\x11";

/// A stderr that takes nothing.
struct Blocked {
    stderr: Stdio,
    /// Its other end, where the log is read in the end.
    reader: File,
    /// What has to be written there to resume the log.
    resume_key: &'static [u8],
}

impl Blocked {
    /// A pipe that is full from the start.
    fn pipe() -> Self {
        let (reader, writer) = pipe().expect("a pipe");
        fcntl_setpipe_size(&writer, 4096).expect("less than it was");
        // Opened anew, so that only this end does not block.
        let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let filler = OpenOptions::new().write(true).custom_flags(flags).open(path);
        let mut filler = filler.expect("the same pipe");
        while filler.write(b"\n").is_ok() {}
        let reader = OwnedFd::from(reader).into();
        Self { stderr: writer.into(), reader, resume_key: b"" }
    }

    /// A terminal that is paused from the start.
    fn terminal() -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let controller = openpt(flags).expect("a terminal");
        grantpt(&controller).expect("it is ours");
        unlockpt(&controller).expect("it is ours");
        let path = ptsname(&controller, Vec::new()).expect("it has a name");
        let path = path.to_str().expect("a path under /dev");
        let flags = OFlags::NOCTTY.bits().cast_signed();
        let terminal = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path);
        let terminal = terminal.expect("it is unlocked");
        let mut controller = File::from(controller);
        controller.write_all(PAUSE).expect("a key");
        Self { stderr: terminal.into(), reader: controller, resume_key: CONTINUE }
    }

    /// A server that logs there, and what has to be written to its reader.
    #[track_caller]
    fn start(self, command_line: &str) -> (Server, Unread) {
        let Self { stderr, reader, resume_key } = self;
        (Server::start_logging_to(stderr, command_line), Unread { reader, resume_key })
    }
}

/// The log of a server, which is not read yet.
struct Unread {
    reader: File,
    resume_key: &'static [u8],
}

impl Unread {
    /// Begins to read it.
    fn read(mut self) -> Output {
        self.reader.write_all(self.resume_key).expect("a key");
        Output::of(self.reader)
    }
}

/// Serves far more than the queue and the stderr hold of a log, and then reads that log.
#[track_caller]
fn expect_service(blocked: Blocked) {
    const CLIENTS: usize = 4;
    const ROUNDS: usize = 2000;
    let (server, unread) = blocked.start("127.0.0.1:0 -vv --workers 2");
    let (_first, before) = Usage::with_a_session(&server);
    let name = "x".repeat(1000);
    let (message, greeting) = (format!("{name}\n"), format!("Hello, {name}!\n"));
    let mut clients: Vec<RawClient> = (0..CLIENTS).map(|_| server.session()).collect();
    let mut datagrams = DatagramClient::to(server.endpoint("udp"));
    for _ in 0..ROUNDS {
        clients.iter_mut().for_each(|client| client.send(message.as_bytes()));
        datagrams.send(name.as_bytes());
        clients.iter_mut().for_each(|client| client.expect(greeting.as_bytes()));
        datagrams.expect(greeting.trim_end().as_bytes());
    }
    let after = Usage::of(&server);
    assert!(after.peak <= before.resident + QUEUE + NOISE, "{before:?} before, {after:?} after");

    // Nothing else is logged meanwhile: the line with the number could be dropped itself.
    let mut log = unread.read();
    log.wait_for("log lines were dropped");
    server.stop();
    let log = String::from_utf8_lossy(&log.rest()).into_owned();
    let numbers = log.lines().filter_map(|line| line.split_once(" log lines were dropped"));
    let number = |(before, _): (&str, &str)| before.rsplit(' ').next()?.parse::<usize>().ok();
    let dropped: usize = numbers.map(|line| number(line).expect("a number of lines")).sum();
    let written = log.matches(&name).count();
    let all = (CLIENTS + 1) * ROUNDS;
    assert!(written < all / 2, "{written} of {all} messages are in the log");
    // Other lines than those of messages may be dropped, too: that of a session.
    let missing = (all - written)..(all - written + 100);
    assert!(missing.contains(&dropped), "{dropped} were dropped, and {missing:?} are missing");
    let messages = (CLIENTS * ROUNDS) as u64;
    Summary::of(&log).expect(&[("messages", messages), ("greeted", ROUNDS as u64)]);
}

#[test]
fn sessions_are_served_while_the_log_goes_to_a_full_pipe_and_dropped_lines_are_counted() {
    expect_service(Blocked::pipe());
}

#[test]
fn sessions_are_served_while_the_log_goes_to_a_paused_terminal() {
    expect_service(Blocked::terminal());
}

/// One signal stops a server whose log is not read.
#[track_caller]
fn expect_stop(blocked: impl Fn() -> Blocked) {
    for level in ["-q", "-v", "-vv"] {
        // The log has to be kept until then, or the server has no stderr at all.
        let (server, _unread) = blocked().start(&format!("127.0.0.1:0 {level} --grace 2s"));
        let mut client = server.session();
        client.send(b"Michael\n");
        // Enough to fill any pipe or terminal with their lines.
        for _ in 0..500 {
            let mut other = server.session();
            other.send(b"exit\n");
            other.expect_last(b"");
        }
        let mut stuck = small_rcvbuf(server.endpoint("tcp"));
        pipeline_until_stuck(&mut stuck);
        let start = Instant::now();
        server.process.terminate();
        client.expect_last(b"Hello, Michael!\nError: server is shutting down\n");
        server.stopped();
        // The grace and a second for the last lines are promised.
        let took = start.elapsed();
        assert!(took < Duration::from_secs(15), "a stop took {took:?} with {level}");
    }
}

#[test]
fn one_signal_stops_a_server_whose_log_goes_to_a_full_pipe() {
    expect_stop(Blocked::pipe);
}

#[test]
fn one_signal_stops_a_server_whose_log_goes_to_a_paused_terminal() {
    expect_stop(Blocked::terminal);
}

/// Two signals end it at once, although a client that never reads makes the stop long.
#[track_caller]
fn expect_end(blocked: impl Fn() -> Blocked) {
    for level in ["-q", "-v"] {
        let (server, _unread) = blocked().start(&format!("tcp://127.0.0.1:0 {level} --grace 1m"));
        let client = server.session();
        let mut stuck = small_rcvbuf(server.endpoint("tcp"));
        pipeline_until_stuck(&mut stuck);
        server.process.terminate();
        // Two signals that wait together are one: the first has to be seen to have been taken.
        client.expect_last(b"Error: server is shutting down\n");
        server.process.terminate();
        let finished = server.process.wait();
        assert_eq!(finished.code, Some(128 + 15), "{level}");
    }
}

#[test]
fn two_signals_end_a_server_at_once_whose_log_goes_to_a_full_pipe() {
    expect_end(Blocked::pipe);
}

#[test]
fn two_signals_end_a_server_at_once_whose_log_goes_to_a_paused_terminal() {
    expect_end(Blocked::terminal);
}

#[test]
fn the_last_line_is_written_however_late_the_log_has_its_turn() {
    if !can_inject() {
        return;
    }
    let first = Server::start("tcp://127.0.0.1:0");
    let second = Server::command(first.endpoint("tcp"));
    let mut slow = Command::new("strace");
    // The tracer is another process (`-D`), and it delays the thread of the log, which alone writes.
    slow.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e", "inject=write:delay_enter=2500000"]);
    slow.arg(second.get_program()).args(second.get_args());
    let finished = Process::spawn(&mut slow).wait();
    finished.expect_error_line(1, &["address already in use"]);
}
