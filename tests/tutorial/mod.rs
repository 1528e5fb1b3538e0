//! The socket tutorial's own scripts, as a reader of it writes them, talk to our programs unchanged.

use std::process::Command;

use crate::harness::{Client, Process, Server, has_tool};

const STREAM: &str = "Welcome!\nHello, Michael!\nHello, Tracy!\nHello, Sarah!\n";
const DATAGRAMS: &str = "Hello, Michael!\nHello, Tracy!\nHello, Sarah!\n";

/// Starts a script; `None`, and the test is skipped, if there is no Python.
#[track_caller]
fn start(script: &str, port: u16) -> Option<Process> {
    if !has_tool("python3") {
        return None;
    }
    let path = format!("{}/tutorial/{script}", env!("CARGO_MANIFEST_DIR"));
    let port = port.to_string();
    Some(Process::spawn(Command::new("python3").args([&*path, "127.0.0.1", &*port])))
}

/// Starts a script that serves: with it, the port that it got.
#[track_caller]
fn serve(script: &str) -> Option<(Process, u16)> {
    let mut process = start(script, 0)?;
    let port = process.stdout.next().expect("it prints its port first");
    Some((process, port.parse().expect("a port")))
}

#[test]
fn its_tcp_client_talks_to_our_server() {
    let server = Server::start("tcp://127.0.0.1:0 --framing raw");
    let Some(client) = start("tcp_client.py", server.port()) else { return };
    let finished = client.wait();
    finished.expect_success(STREAM);
    server.summary().expect(&[("opened", 1), ("messages", 3)]);
}

#[test]
fn our_client_talks_to_its_tcp_server() {
    let Some((_server, port)) = serve("tcp_server.py") else { return };
    for _ in 0..2 {
        let endpoint = format!("127.0.0.1:{port}");
        let finished = Client::run(["-s", &endpoint, "--framing", "raw"]);
        finished.expect_success(STREAM);
    }
}

#[test]
fn its_udp_client_talks_to_our_server() {
    let server = Server::start("udp://127.0.0.1:0");
    let Some(client) = start("udp_client.py", server.port()) else { return };
    let finished = client.wait();
    finished.expect_success(DATAGRAMS);
    server.summary().expect(&[("received", 3), ("greeted", 3)]);
}

#[test]
fn our_client_talks_to_its_udp_server() {
    let Some((_server, port)) = serve("udp_server.py") else { return };
    let finished = Client::run(["-s", &format!("udp://127.0.0.1:{port}")]);
    finished.expect_success(DATAGRAMS);
}

#[test]
fn its_two_halves_talk_to_each_other() {
    for (server, client, expected) in
        [("tcp_server.py", "tcp_client.py", STREAM), ("udp_server.py", "udp_client.py", DATAGRAMS)]
    {
        let Some((_server, port)) = serve(server) else { return };
        let finished = start(client, port).expect("python3 is here").wait();
        finished.expect_success(expected);
    }
}
