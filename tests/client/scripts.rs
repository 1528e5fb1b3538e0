//! Where the messages of a session come from, and what is printed of it.

use std::fs;

use crate::harness::{Client, FakeServer, Process, Server};

const TUTORIAL: &str = "Welcome!\nHello, Michael!\nHello, Tracy!\nHello, Sarah!\n";

fn server() -> Server {
    Server::start("127.0.0.1:0")
}

#[test]
fn without_messages_it_sends_those_of_the_tutorial() {
    let server = server();
    for command in [&["-s", server.endpoint("tcp")][..], &["say", "-s", server.endpoint("tcp")]] {
        let finished = Client::run(command);
        assert_eq!(finished.stdout_text(), TUTORIAL);
        assert_eq!((finished.code, &*finished.stderr), (Some(0), ""));
    }
    server.summary().expect(&[("opened", 2), ("exit", 2), ("messages", 6)]);
}

#[test]
fn a_bare_address_is_tcp() {
    let server = server();
    let finished = Client::run(["--server", &format!("127.0.0.1:{}", server.port())]);
    finished.expect_success(TUTORIAL);
}

#[test]
fn it_sends_the_messages_of_its_command_line() {
    let server = server();
    let endpoint = server.endpoint("tcp");
    let finished = Client::run(["-s", endpoint, "two words", "", "--", "-x", "say"]);
    let expected = "Welcome!\nHello, two words!\nHello, !\nHello, -x!\nHello, say!\n";
    finished.expect_success(expected);
}

#[test]
fn a_final_exit_is_not_sent_twice() {
    let server = server();
    let finished = Client::run(["-s", server.endpoint("tcp"), "Michael", "exit"]);
    finished.expect_success("Welcome!\nHello, Michael!\n");
    server.summary().expect(&[("messages", 1), ("exit", 1)]);
}

#[test]
fn it_sends_the_lines_of_a_file() {
    let server = server();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("names.txt");
    fs::write(&path, b"Michael\r\n\nTracy\xff\nSarah").expect("a file");
    let path = path.to_str().expect("a path in UTF-8");
    let finished = Client::run(["-s", server.endpoint("tcp"), "--file", path]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(
        finished.stdout.escape_ascii().to_string(),
        b"Welcome!\nHello, Michael!\nHello, !\nHello, Tracy\xff!\nHello, Sarah!\n"
            .escape_ascii()
            .to_string()
    );
}

#[test]
fn an_empty_file_is_a_session_without_messages() {
    let server = server();
    let finished = Client::run(["-s", server.endpoint("tcp"), "--file", "/dev/null"]);
    finished.expect_success("Welcome!\n");
}

#[test]
fn it_sends_the_lines_of_standard_input_as_they_come() {
    let server = server();
    let mut client = Client::start(["-s", server.endpoint("tcp"), "--file", "-"]);
    assert_eq!(client.stdout.next().as_deref(), Some("Welcome!"));
    for name in ["Michael", "Tracy"] {
        client.input(format!("{name}\n").as_bytes());
        assert_eq!(client.stdout.next(), Some(format!("Hello, {name}!")));
    }
    client.input(b"Sarah");
    let finished = client.wait();
    finished.expect_success(TUTORIAL);
}

#[test]
fn the_environment_names_the_server_unless_the_command_line_does() {
    let (server, other) = (server(), server());
    let with_variable = |words: &[&str]| {
        let mut command = Client::command(words);
        Process::spawn(command.env("HELLO_SERVER", server.endpoint("tcp"))).wait()
    };
    assert_eq!(with_variable(&["one"]).stdout_text(), "Welcome!\nHello, one!\n");
    let finished = with_variable(&["-s", other.endpoint("tcp"), "two", "three"]);
    assert_eq!(finished.code, Some(0));
    server.summary().expect(&[("messages", 1)]);
    other.summary().expect(&[("messages", 2)]);
}

#[test]
fn binary_messages_are_checked_and_printed_byte_for_byte() {
    let server = server();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bytes");
    let message: Vec<u8> = (0..=255).filter(|byte| *byte != b'\n').collect();
    fs::write(&path, &message).expect("a file");
    let path = path.to_str().expect("a path in UTF-8");
    let finished = Client::run(["-s", server.endpoint("tcp"), "--file", path]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(finished.stdout == [b"Welcome!\nHello, ", &*message, b"!\n"].concat());
}

#[test]
fn a_server_that_closes_while_a_line_is_awaited_ends_the_session() {
    for (said, named) in [
        (&b""[..], "connection closed by"),
        (b"Error: no complete message for 60 s\n", "no complete message for 60 s"),
    ] {
        let fake = FakeServer::open();
        let mut client = Client::start(["-s", &fake.endpoint(), "--file", "-"]);
        let mut server = fake.accept();
        server.send(b"Welcome!\n");
        assert_eq!(client.stdout.next().as_deref(), Some("Welcome!"));
        client.input(b"Michael\nTra");
        server.expect(b"Michael\n");
        server.send(b"Hello, Michael!\n");
        assert_eq!(client.stdout.next().as_deref(), Some("Hello, Michael!"));
        server.send(said);
        drop(server);
        let line = client.stderr.next().expect("an error, while standard input is open");
        assert!(line.contains(named), "{line}");
        // Its standard output ends, with what the server said instead of a reply, though its
        // standard input does not.
        let rest = String::from_utf8_lossy(said).trim_end().to_owned();
        assert_eq!(client.stdout.next(), Some(rest).filter(|rest| !rest.is_empty()));
        assert_eq!(client.wait().code, Some(1));
    }
}
