//! A `hello-client` under test.

use std::ffi::OsStr;
use std::process::Command;

use super::binaries;
use super::process::{Finished, Process};

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
        let finished = Process::spawn(Self::command(words).arg("--json")).wait();
        let object = serde_json::from_slice(&finished.stdout);
        (object.unwrap_or_else(|error| panic!("{error} in {finished:?}")), finished)
    }
}
