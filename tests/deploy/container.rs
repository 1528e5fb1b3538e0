//! `deploy/Containerfile`: what it says of the programs, without building it.

use std::fs;

use rustix::process::Signal;

use super::file;
use crate::harness::{Client, Namespace, Process, RawClient, Server};

/// What follows `word` on a line of its own.
#[track_caller]
fn instruction(word: &str) -> String {
    let text = fs::read_to_string(file("Containerfile")).expect("it is there");
    let lines: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix(word)?.strip_prefix(' ')).collect();
    let [line] = *lines else { panic!("one {word} in:\n{text}") };
    line.to_owned()
}

/// The words of an instruction in the exec form, which needs no shell.
#[track_caller]
fn words(exec_form: &str) -> Vec<String> {
    serde_json::from_str(exec_form).expect("the exec form")
}

#[test]
fn a_server_run_as_the_containerfile_says_is_healthy_and_lets_a_session_finish_when_stopped() {
    assert_eq!(words(&instruction("ENTRYPOINT")), ["/hello-server"]);
    let environment = instruction("ENV");
    let endpoints = environment.strip_prefix("HELLO_LISTEN=").expect("a variable");
    let (endpoints, _) = endpoints.split_once(' ').expect("another one");
    let healthcheck = instruction("HEALTHCHECK");
    let (_, healthcheck) = healthcheck.split_once("CMD ").expect("a command");
    let healthcheck = words(healthcheck);
    assert_eq!(healthcheck[0], "/hello-client");
    assert_eq!(instruction("STOPSIGNAL"), "SIGQUIT");

    let Some(network) = Namespace::create("") else { return };
    network.run(|| {
        let mut command = Server::command_after(&format!("export {environment}"), "");
        let server = Server::listening(Process::spawn(&mut command), endpoints).expect("it starts");
        let finished = Client::run(&healthcheck[1..]);
        assert_eq!(finished.code, Some(0), "{finished:?}");

        let mut session = RawClient::connect("tcp://127.0.0.1:9999");
        session.expect(b"Welcome!\n");
        server.process.signal(Signal::QUIT);
        session.send(b"Michael\nexit\n");
        session.expect_last(b"Hello, Michael!\n");
        server.stopped();
    });
}
