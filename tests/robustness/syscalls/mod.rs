//! Every system call fails once: strace(1) makes it, and tables say what becomes of it. Errors are those
//! that the man page of a call has and that Linux, a full machine or a sandbox really gives.
//!
//! Left out are calls that an injected error leaves undone where the system would have done them
//! (close(2) frees the descriptor whatever it returns), and those whose errors are the C library's or
//! Rust's to handle: memory, futexes, signal masks, the loader.

mod client;
mod running;
mod start;

use std::fs;
use std::process::Command;

use tempfile::{NamedTempFile, TempDir, tempdir};

use super::threads::threads;
use crate::harness::{Process, Server, skipped, wait_until};

/// At which of its calls a thread fails.
const TIMES: [u32; 3] = [1, 2, 10];

/// A system call that fails with this error, the given time that a thread calls it.
#[derive(Clone, Copy, Debug)]
struct Fault(&'static str, &'static str, u32);

impl Fault {
    /// `strace` that injects it and writes what it did to `trace`.
    fn strace(self, trace: &NamedTempFile) -> Command {
        let Self(call, error, when) = self;
        let mut strace = Command::new("strace");
        strace.arg("-o").arg(trace.path()).args(["-e", &format!("trace={call}")]);
        strace.args(["-e", &format!("inject={call}:error={error}:when={when}")]);
        strace
    }

    /// The same for `program` from its start on. The tracer is another process than it (`-D`).
    fn strace_program(self, trace: &NamedTempFile, program: &Command) -> Command {
        let mut strace = self.strace(trace);
        strace.args(["-D", "-f", "-qq"]).arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => strace.env(name, value),
                None => strace.env_remove(name),
            };
        }
        strace
    }
}

/// The words of a command line that have a server listen on a stream and a datagram socket in `folder`.
fn unix_sockets(folder: &TempDir) -> String {
    let path = folder.path().display();
    format!("unix://{path}/stream unixgram://{path}/datagram")
}

fn trace_file() -> NamedTempFile {
    NamedTempFile::new().expect("a file")
}

/// How often a call was made to fail.
fn injected(trace: &NamedTempFile) -> usize {
    let trace = fs::read_to_string(trace.path()).expect("what strace wrote");
    trace.matches("(INJECTED)").count()
}

/// Whether faults can be injected; skips the test if not.
#[track_caller]
pub(super) fn can_inject() -> bool {
    if !cfg!(target_arch = "x86_64") {
        skipped("the tables have the system calls of x86-64");
        return false;
    }
    let folder = tempdir().expect("a folder");
    let mut probe = Command::new("strace");
    probe.args(["-qq", "-e", "inject=chdir:error=EIO", "-o"]).arg(folder.path().join("trace"));
    let can = probe.arg("true").status().is_ok_and(|status| status.success());
    if !can {
        skipped("no strace, or no right to trace");
    }
    can
}

/// The thread of `server` whose name begins with `name`; its first thread if that is empty.
#[track_caller]
fn thread_of(server: &Server, name: &str) -> String {
    if name.is_empty() {
        return server.process.pid().to_string();
    }
    let mut found = None;
    // A new thread names itself.
    wait_until(&format!("there is a thread '{name}'"), || {
        found = threads(server).into_iter().find(|(_, thread)| thread.name.starts_with(name));
        found.is_some()
    });
    found.expect("it was waited for").0
}

/// A fault in one thread of a server that runs, for as long as this lives.
struct Attached {
    strace: Process,
    trace: NamedTempFile,
}

impl Attached {
    /// `None`, and the test is skipped, if it is not permitted: ptrace(2) has rules for that.
    #[track_caller]
    fn to(server: &Server, thread: &str, fault: Fault) -> Option<Self> {
        let trace = trace_file();
        let thread = thread_of(server, thread);
        let mut strace = Process::spawn(fault.strace(&trace).args(["-p", &thread]));
        while let Some(line) = strace.stderr.next() {
            if line.contains("attached") {
                // Until then it would take a signal that comes, in the place of the first thread, and
                // the call that fails would be that of the signal's handler.
                wait_until("it waits again", || threads(server)[&thread].asleep);
                return Some(Self { strace, trace });
            }
        }
        skipped("no right to trace a process that runs already");
        None
    }

    /// How often the call has failed.
    fn injected(&self) -> usize {
        injected(&self.trace)
    }

    /// Ends it, and returns how often the call failed.
    fn detach(mut self) -> usize {
        // It may have ended with the server.
        if self.strace.is_running() {
            self.strace.interrupt();
        }
        self.strace.wait();
        injected(&self.trace)
    }
}
