//! A `hello-server` under test.

use std::process::{Command, Stdio};

use super::binaries;
use super::process::{Finished, Process};
use super::raw_client::RawClient;
use super::summary::Summary;

/// A server that listens.
pub(crate) struct Server {
    pub(crate) process: Process,
    endpoints: Vec<String>,
}

impl Server {
    /// Starts it with the arguments in `command_line`, and reads where it listens.
    #[track_caller]
    pub(crate) fn start(command_line: &str) -> Self {
        match Self::try_start(command_line) {
            Ok(server) => server,
            Err(finished) => panic!("hello-server {command_line} has to start: {finished:?}"),
        }
    }

    /// Starts it, or returns how it ended instead.
    #[track_caller]
    pub(crate) fn try_start(command_line: &str) -> Result<Self, Finished> {
        Self::spawn(binaries::server(), command_line)
    }

    /// Starts it with no more than `limit` files open, which it cannot raise.
    #[track_caller]
    pub(crate) fn start_with_open_files(limit: usize, command_line: &str) -> Self {
        Self::try_start_with_open_files(limit, command_line).expect("it starts")
    }

    /// Starts it with no more than `limit` files open, or returns how it ended instead.
    #[track_caller]
    pub(crate) fn try_start_with_open_files(
        limit: usize,
        command_line: &str,
    ) -> Result<Self, Finished> {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {limit} && exec \"$0\" \"$@\"")]);
        shell.arg(binaries::server().get_program()).env_remove("RUST_LOG");
        Self::spawn(shell, command_line)
    }

    /// Starts it with `stderr` for its log, of which the test has the other end.
    #[track_caller]
    pub(crate) fn start_logging_to(stderr: Stdio, command_line: &str) -> Self {
        let mut command = binaries::server();
        command.args(command_line.split_whitespace());
        let process = Process::spawn_logging_to(stderr, &mut command);
        Self::listening(process, command_line).expect("it starts")
    }

    /// An ordinary one with the arguments in `command_line`, to be started by the test.
    pub(crate) fn command(command_line: &str) -> Command {
        let mut command = binaries::server();
        command.args(command_line.split_whitespace());
        command
    }

    /// A shell that runs `setup` and then becomes the server with the arguments in `command_line`.
    pub(crate) fn command_after(setup: &str, command_line: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-ec", &format!("{setup}\nexec \"$0\" \"$@\"")]);
        shell.arg(binaries::server().get_program()).env_remove("RUST_LOG");
        shell.args(command_line.split_whitespace());
        shell
    }

    /// Starts it after `setup` in a shell.
    #[track_caller]
    pub(crate) fn start_after(setup: &str, command_line: &str) -> Self {
        let process = Process::spawn(&mut Self::command_after(setup, command_line));
        Self::listening(process, command_line).expect("it starts")
    }

    /// Starts it through `program`, a command line that executes the one after it; `None` if that
    /// is not installed.
    #[track_caller]
    pub(crate) fn start_by(program: &[&str], command_line: &str) -> Option<Self> {
        let mut command = Command::new(program[0]);
        let server = binaries::server().get_program().to_owned();
        command.args(&program[1..]).arg(server).env_remove("RUST_LOG");
        let exists = Command::new(program[0]).arg("--version").output().is_ok();
        exists.then(|| Self::spawn(command, command_line).expect("it starts"))
    }

    /// Starts one with a fault at `place`, which may panic: `hello-server/src/failpoint.rs`.
    #[track_caller]
    pub(crate) fn start_faulty(place: &str, command_line: &str) -> Self {
        let mut command = binaries::faulty_server();
        command.env("HELLO_FAULT", place);
        let mut server = Self::spawn(command, command_line).expect("it starts");
        server.process.allow_panic();
        server
    }

    /// Starts an ordinary build with the variable that asks for a fault at `place`.
    #[track_caller]
    pub(crate) fn start_with_ignored_fault(place: &str, command_line: &str) -> Self {
        let mut command = binaries::server();
        command.env("HELLO_FAULT", place);
        Self::spawn(command, command_line).expect("it starts")
    }

    /// Starts `command`, which runs a server with the arguments in `command_line`.
    #[track_caller]
    fn spawn(mut command: Command, command_line: &str) -> Result<Self, Finished> {
        let process = Process::spawn(command.args(command_line.split_whitespace()));
        Self::listening(process, command_line)
    }

    /// Reads where `process` listens, which runs a server with the arguments in `command_line`, or
    /// returns how it ended instead.
    #[track_caller]
    pub(crate) fn listening(process: Process, command_line: &str) -> Result<Self, Finished> {
        Self::listening_on(process, expected_endpoints(command_line))
    }

    /// Reads where `process` listens, on `count` endpoints, or returns how it ended instead.
    #[track_caller]
    pub(crate) fn listening_on(mut process: Process, count: usize) -> Result<Self, Finished> {
        let mut endpoints = Vec::new();
        for _ in 0..count {
            let Some(line) = process.stdout.next() else {
                return Err(process.wait());
            };
            let endpoint = line.strip_prefix("listening on ");
            endpoints.push(endpoint.unwrap_or_else(|| panic!("{line:?}")).to_owned());
        }
        Ok(Self { process, endpoints })
    }

    /// Runs it to its end: one that does not get as far as serving.
    #[track_caller]
    pub(crate) fn run<'a>(words: impl IntoIterator<Item = &'a str>) -> Finished {
        Process::spawn(binaries::server().args(words)).wait()
    }

    /// Runs it to its end without the capabilities of root; `None` if those cannot be dropped.
    #[cfg(target_os = "linux")]
    #[track_caller]
    pub(crate) fn run_unprivileged(command_line: &str) -> Option<Finished> {
        let mut command = binaries::server();
        if rustix::process::geteuid().is_root() {
            let drop = ["--bounding-set=-all", "--inh-caps=-all"];
            let can_drop = Command::new("setpriv").args(drop).arg("true").status();
            if !can_drop.is_ok_and(|status| status.success()) {
                return None;
            }
            // Still root by its number, which may read the binary wherever it has been built.
            command = Command::new("setpriv");
            command.args(drop).arg(binaries::server().get_program()).env_remove("RUST_LOG");
        }
        command.args(command_line.split_whitespace());
        Some(Process::spawn(&mut command).wait())
    }

    /// Where it listens, in the order of its lines.
    pub(crate) fn endpoints(&self) -> &[String] {
        &self.endpoints
    }

    /// The first of its endpoints with this scheme.
    #[track_caller]
    pub(crate) fn endpoint(&self, scheme: &str) -> &str {
        let of_scheme = |endpoint: &&String| endpoint.split("://").next() == Some(scheme);
        self.endpoints.iter().find(of_scheme).unwrap_or_else(|| panic!("it serves {scheme}"))
    }

    /// The port of its first endpoint.
    pub(crate) fn port(&self) -> u16 {
        Self::port_of(&self.endpoints[0])
    }

    /// The port of an endpoint, TCP or UDP.
    pub(crate) fn port_of(endpoint: &str) -> u16 {
        let (_, port) = endpoint.rsplit_once(':').expect("tcp or udp");
        port.parse().expect("a port")
    }

    /// Connects to its first endpoint.
    #[track_caller]
    pub(crate) fn connect(&self) -> RawClient {
        RawClient::connect(&self.endpoints[0])
    }

    /// Connects to its first endpoint and reads the welcome, in the framing `line`.
    #[track_caller]
    pub(crate) fn session(&self) -> RawClient {
        let mut peer = self.connect();
        peer.expect(b"Welcome!\n");
        peer
    }

    /// Stops it with SIGTERM, and asserts that it exits with 0.
    #[track_caller]
    pub(crate) fn stop(self) -> Finished {
        self.process.terminate();
        self.stopped()
    }

    /// Waits for a server that was signalled, and asserts that it exits with 0.
    #[track_caller]
    pub(crate) fn stopped(self) -> Finished {
        let finished = self.process.wait();
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        finished
    }

    /// Stops it, and reads its counters.
    #[track_caller]
    pub(crate) fn summary(self) -> Summary {
        Summary::of(&self.stop().stderr)
    }
}

/// An endpoint with a scheme is one line, a bare `HOST:PORT` is one for TCP and one for UDP.
pub(crate) fn expected_endpoints(command_line: &str) -> usize {
    let lines = |word: &str| match word {
        // Of an option: `--metrics=ADDR`.
        word if word.starts_with("--") => 0,
        word if word.contains("://") => 1,
        word if word.contains(':') => 2,
        _ => 0,
    };
    command_line.split_whitespace().map(lines).sum()
}
