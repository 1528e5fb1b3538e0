//! A reader of standard output that has seen enough, as `head` has.

use std::process::Command;

use crate::harness::{Client, Finished, Process, Server};

#[test]
fn who_closes_standard_output_gets_the_exit_code_of_what_was_found() {
    let server = Server::start("127.0.0.1:0");
    let endpoint = server.endpoint("tcp");
    for words in [
        &["-s", endpoint, "Bob", "Tracy"][..],
        &["-s", endpoint, "--json", "Bob"],
        &["check", endpoint],
        &["check", endpoint, "--json"],
        &["ping", endpoint, "-c", "3", "-i", "10ms"],
        &["bench", endpoint, "--duration", "1h", "-i", "1s"],
        &["bench", endpoint, "--messages", "9"],
        &["bench", endpoint, "--messages", "9", "--json"],
    ] {
        let finished = closed_after(0, words);
        assert_eq!((finished.code, &*finished.stderr), (Some(0), ""), "{words:?}: {finished:?}");
    }
    let finished = closed_after(3, &["bench", endpoint, "--duration", "1h", "-i", "1s"]);
    assert_eq!((finished.code, &*finished.stderr), (Some(0), ""), "{finished:?}");
    assert_eq!(finished.stdout_text().lines().count(), 3, "{finished:?}");
    // Nothing listens there.
    for words in [
        &["check", "127.0.0.1:1"][..],
        &["-s", "127.0.0.1:1"],
        &["bench", "127.0.0.1:1", "-i", "10ms"],
    ] {
        assert_eq!(closed_after(0, words).code, Some(3), "{words:?}");
    }
}

/// Runs the client with these words into a pipe that is closed after this many lines.
fn closed_after(lines: usize, words: &[&str]) -> Finished {
    let client = Client::command(words);
    let mut shell = Command::new("bash");
    let pipe = format!("\"$@\" | head -n {lines}; exit ${{PIPESTATUS[0]}}");
    shell.args(["-c", &pipe, "bash"]).arg(client.get_program()).args(client.get_args());
    Process::spawn(&mut shell).wait()
}
