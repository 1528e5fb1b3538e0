use super::*;
use crate::cli::tests::target;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

fn outcome(script: Result<Script<'_>, Error>) -> Result<Vec<Vec<u8>>, String> {
    let mut script = script.map_err(|error| error.to_string())?;
    let mut messages = Vec::new();
    while let Some(message) = script.next().map_err(|error| error.to_string())? {
        messages.push(message);
    }
    Ok(messages)
}

fn arguments(options: &[&str], messages: &[&str]) -> Result<Vec<Vec<u8>>, String> {
    let messages = messages.iter().map(|&message| message.into()).collect();
    outcome(Script::of_messages(messages, &target(options)))
}

fn file(options: &[&str], content: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file.rewind().unwrap();
    outcome(Script::of_lines(Ok(file), "names", &target(options)))
}

/// The read end of a pipe that holds `content`, and ends there.
fn pipe(content: &[u8]) -> io::Result<File> {
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(content)?;
    Ok(File::from(OwnedFd::from(reader)))
}

#[test]
fn lines_are_messages_and_a_last_line_needs_no_lf() {
    let messages: [&[u8]; 4] = [b"a", b"", b"b\rc", b"\xff"];
    assert_eq!(file(&[], b"a\r\n\nb\rc\n\xff").unwrap(), messages);
    assert_eq!(file(&[], b"").unwrap(), [b""; 0]);
}

#[test]
fn a_last_exit_is_dropped_on_a_stream_and_a_message_in_a_datagram() {
    assert_eq!(arguments(&[], &["a", "exit"]).unwrap(), [b"a"]);
    assert_eq!(file(&[], b"a\nexit\n").unwrap(), [b"a"]);
    assert_eq!(arguments(&["-s", "udp://a:1"], &["exit", "exit"]).unwrap(), [b"exit"; 2]);
}

#[test]
fn exit_before_the_end_is_named() {
    let expected =
        "MESSAGE 2: it is 'exit', which ends the session; the client sends it itself at the end";
    assert_eq!(arguments(&[], &["a", "exit", "b"]).unwrap_err(), expected);
    assert!(file(&[], b"a\nexit\nexit\n").unwrap_err().starts_with("names, line 2: it is 'exit'"));
}

#[test]
fn a_message_that_the_framing_cannot_carry_is_named() {
    let problem = |options: &[&str], message| arguments(options, &["a", message]).unwrap_err();
    assert!(problem(&[], "b\nc").starts_with("MESSAGE 2: it contains a line feed"));
    assert!(problem(&[], "b\r").starts_with("MESSAGE 2: it ends in a carriage return"));
    assert!(problem(&["--framing", "raw"], "").starts_with("MESSAGE 2: it is empty"));
    assert!(arguments(&["--framing", "length"], &["", "b\nc\r"]).is_ok());
    assert!(arguments(&["-s", "unixgram:///x"], &["", "b\nc\r"]).is_ok());
    assert!(problem(&["-s", "udp://h:1"], "b\n").starts_with("MESSAGE 2: it contains a line feed"));
    assert!(arguments(&["-s", "udp://h:1", "--framing", "length"], &["b\n"]).is_ok());
}

#[test]
fn a_message_at_the_limit_is_said_and_one_byte_over_it_is_not() {
    for server in ["tcp://a:1", "udp://a:1"] {
        let options = ["-s", server, "--max-message", "4"];
        assert_eq!(arguments(&options, &["1234"]).unwrap(), [b"1234"]);
        assert_eq!(
            arguments(&options, &["12345"]).unwrap_err(),
            "MESSAGE 1: it is 5 bytes long, at most 4 are allowed (--max-message)"
        );
        assert_eq!(file(&options, b"1234\r\n").unwrap(), [b"1234"]);
        assert_eq!(
            file(&options, b"1234\n12345\n").unwrap_err(),
            "names, line 2: it is longer than 4 bytes (--max-message)"
        );
    }
}

#[test]
fn a_file_is_checked_before_its_first_message_is_given_and_a_pipe_as_it_comes() {
    let target = target(&[]);
    let content = b"a\nexit\nb\n";
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file.rewind().unwrap();
    assert!(Script::of_lines(Ok(file), "file", &target).is_err());

    let mut script = Script::of_lines(pipe(content), "pipe", &target).unwrap();
    assert_eq!(script.next().unwrap().unwrap(), b"a");
    let error = script.next().unwrap_err();
    assert!(error.to_string().starts_with("pipe, line 2: it is 'exit'"), "{error}");
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn a_file_is_read_from_where_it_stands() {
    let target = target(&[]);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"skipped\na\n").unwrap();
    file.seek(SeekFrom::Start(8)).unwrap();
    assert_eq!(outcome(Script::of_lines(Ok(file), "file", &target)).unwrap(), [b"a"]);
}

#[test]
fn what_cannot_be_read_is_named() {
    let target = target(&[]);
    let problem = |path: &str| {
        let options = SayOptions { file: Some(path.into()), ..SayOptions::default() };
        Script::open(&options, &target).map(drop).unwrap_err().to_string()
    };
    assert_eq!(
        problem("/no/such/file"),
        "--file '/no/such/file': No such file or directory (os error 2)"
    );
    assert_eq!(problem("/"), "--file '/': is a directory");
}

#[test]
fn a_line_that_is_there_comes_before_the_connection_and_a_part_of_one_does_not() {
    let target = target(&[]);
    let (reader, mut writer) = io::pipe().unwrap();
    let file = File::from(OwnedFd::from(reader));
    let (connection, mut server) = UnixStream::pair().unwrap();
    server.write_all(b"Error: ").unwrap();
    let mut script = Script::of_lines(Ok(file), "pipe", &target).unwrap();

    writer.write_all(b"a\nb\nc").unwrap();
    for expected in [b"a", b"b"] {
        assert!(!script.is_interrupted_by(connection.as_fd()));
        assert_eq!(script.next().unwrap().unwrap(), expected);
    }
    assert!(script.is_interrupted_by(connection.as_fd()));
    drop(writer);
    assert!(!script.is_interrupted_by(connection.as_fd()));
    assert_eq!(script.next().unwrap().unwrap(), b"c");
    assert!(!script.is_interrupted_by(connection.as_fd()));
    assert_eq!(script.next().unwrap(), None);
}
