//! A `hello-client` under test.

use std::ffi::OsStr;
use std::io::Write;
use std::process::Command;

use tempfile::NamedTempFile;

use super::binaries;
use super::process::{Finished, Process};
use super::skipped;

/// Ways to run the client.
pub(crate) struct Client;

impl Client {
    /// A client with the arguments `words`, not yet started.
    pub(crate) fn command<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> Command {
        let mut command = binaries::client();
        command.args(words);
        command
    }

    /// Starts it.
    #[track_caller]
    pub(crate) fn start<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> Process {
        Process::spawn(&mut Self::command(words))
    }

    /// Runs it to its end, with nothing on its standard input.
    #[track_caller]
    pub(crate) fn run<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> Finished {
        Self::start(words).wait()
    }

    /// Runs it with `--json`, and reads the one object that it prints.
    #[track_caller]
    pub(crate) fn json<W: AsRef<OsStr>>(
        words: impl IntoIterator<Item = W>,
    ) -> (serde_json::Value, Finished) {
        Self::read_json(Self::command(words).arg("--json"))
    }

    /// The same where `localhost` is 127.0.0.1 and ::1, whatever it is on this machine; `None`, and
    /// the test is skipped, if that is not permitted.
    #[track_caller]
    pub(crate) fn json_with_both_localhosts<W: AsRef<OsStr>>(
        words: impl IntoIterator<Item = W>,
    ) -> Option<(serde_json::Value, Finished)> {
        let mut hosts = NamedTempFile::new().expect("a file");
        hosts.write_all(b"127.0.0.1 localhost\n::1 localhost\n").expect("it can be written");
        let in_a_namespace = || {
            let mut shell = Command::new("unshare");
            shell.args(["--mount", "sh", "-ec", "mount --bind \"$0\" /etc/hosts; exec \"$@\""]);
            shell.arg(hosts.path());
            shell
        };
        let probe = in_a_namespace().arg("true").output();
        if !probe.is_ok_and(|output| output.status.success()) {
            skipped("no mount namespace for an /etc/hosts of its own");
            return None;
        }
        let client = Self::command(words);
        let mut command = in_a_namespace();
        command.arg(client.get_program()).args(client.get_args()).env_remove("HELLO_SERVER");
        Some(Self::read_json(command.arg("--json")))
    }

    #[track_caller]
    fn read_json(command: &mut Command) -> (serde_json::Value, Finished) {
        let finished = Process::spawn(command).wait();
        let object = serde_json::from_slice(&finished.stdout);
        (object.unwrap_or_else(|error| panic!("{error} in {finished:?}")), finished)
    }
}
