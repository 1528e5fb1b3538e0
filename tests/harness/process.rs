//! A child process: its output is collected as it comes, and it never outlives its test.

use std::fmt;
use std::io::{self, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::output::Output;

/// A running program.
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    may_panic: bool,
}

/// A program that has ended, with all of its output.
pub(crate) struct Finished {
    /// None if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self::spawn_logging_to(Stdio::piped(), command)
    }

    /// Starts it with `stderr` for its log. Unless that is [`Stdio::piped`], the test has the
    /// other end.
    pub(crate) fn spawn_logging_to(stderr: Stdio, command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdin = child.stdin.take();
        let stdout = Output::of(child.stdout.take().expect("stdout is piped"));
        let stderr = child.stderr.take().map_or_else(|| Output::of(io::empty()), Output::of);
        Self { child, stdin, stdout, stderr, may_panic: false }
    }

    /// Writes to its standard input, which stays open; ignores that it may have ended already.
    pub(crate) fn input(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("standard input is open");
        let _ = stdin.write_all(bytes);
    }

    /// From now on it may panic: the test has put a fault into it.
    pub(crate) fn allow_panic(&mut self) {
        self.may_panic = true;
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    pub(crate) fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Suspends it, as Ctrl-Z or the pause of a virtual machine does.
    pub(crate) fn suspend(&self) {
        self.signal(Signal::STOP);
        let stopped = waitpid(Some(Pid::from_child(&self.child)), WaitOptions::UNTRACED);
        let (_, status) = stopped.expect("it is our child").expect("this waits");
        assert!(status.stopped(), "{status:?}");
    }

    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Closes its standard input and waits until it has ended, which closes its output.
    pub(crate) fn wait(mut self) -> Finished {
        self.stdin = None;
        let (stdout, stderr) = (self.stdout.rest(), self.stderr.rest());
        let code = self.child.wait().expect("it was not reaped before").code();
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        if !self.may_panic {
            expect_no_panic(&stderr);
        }
        Finished { code, stdout, stderr }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it is running");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // They fail only for a process that is reaped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !thread::panicking() && !self.may_panic {
            expect_no_panic(&String::from_utf8_lossy(&self.stderr.rest()));
        }
    }
}

/// No program may panic, whatever else a test is about.
#[track_caller]
fn expect_no_panic(stderr: &str) {
    assert!(!stderr.contains("panicked at"), "{stderr}");
}

impl Finished {
    /// Its standard output, which has to be text.
    pub(crate) fn stdout_text(&self) -> &str {
        str::from_utf8(&self.stdout).expect("stdout is UTF-8")
    }

    /// Asserts that it exited with 0, and with exactly this `stdout`.
    #[track_caller]
    pub(crate) fn expect_success(&self, stdout: &str) {
        assert_eq!((self.code, self.stdout_text()), (Some(0), stdout), "{}", self.stderr);
    }

    /// Asserts that it exited with `code` after exactly one line on stderr, which contains every one
    /// of `words`.
    #[track_caller]
    pub(crate) fn expect_error_line(&self, code: i32, words: &[&str]) {
        let line = &self.stderr;
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(line.matches('\n').count(), 1, "one line: {line:?}");
        assert!(line.ends_with('\n'), "a whole line: {line:?}");
        for word in words {
            assert!(line.contains(word), "'{word}' in {line:?}");
        }
    }
}

impl fmt::Debug for Finished {
    /// With its output as text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, stdout, stderr } = self;
        write!(f, "exit code {code:?}, stdout {:?}, ", String::from_utf8_lossy(stdout))?;
        write!(f, "stderr {stderr:?}")
    }
}
