use super::*;
use clap::CommandFactory;
use std::time::Duration;

pub(crate) mod measure;

fn words(line: &[&str]) -> Vec<OsString> {
    ["hello-client"].iter().chain(line).map(OsString::from).collect()
}

/// The session that a command line asks for.
pub(crate) fn say(line: &[&str]) -> Say {
    match parse(words(line)).unwrap().command {
        Command::Say(say) => say,
        other => panic!("{other:?}"),
    }
}

fn messages(line: &[&str]) -> Vec<Vec<u8>> {
    match say(line).source {
        Source::Arguments(messages) => messages,
        other => panic!("{other:?}"),
    }
}

pub(super) fn usage(line: &[&str]) -> String {
    match parse(words(line)) {
        Err(Stop::Usage { failure, json: false }) => failure.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_command_line_is_well_formed() {
    Args::command().debug_assert();
}

#[test]
fn nothing_at_all_is_the_tutorial_s_session() {
    assert_eq!(messages(&[]), [&b"Michael"[..], b"Tracy", b"Sarah"]);
    assert_eq!(messages(&["say"]), messages(&[]));
    let Target { endpoint, timeout, wait, .. } = say(&["-s", "127.0.0.1:9999"]).target;
    assert_eq!(endpoint.to_string(), "tcp://127.0.0.1:9999");
    assert_eq!((timeout, wait), (Duration::from_secs(5), Duration::ZERO));
}

#[test]
fn options_work_on_both_sides_of_the_command() {
    for line in [
        ["-s", "udp://a:1", "say", "hi"],
        ["say", "-s", "udp://a:1", "hi"],
        ["say", "hi", "-s", "udp://a:1"],
    ] {
        assert_eq!(say(&line).target.endpoint.to_string(), "udp://a:1", "{line:?}");
        assert_eq!(messages(&line), [b"hi"], "{line:?}");
    }
}

#[test]
fn the_name_of_a_command_is_a_message_behind_two_dashes() {
    assert_eq!(messages(&["--", "say", "--json"]), [&b"say"[..], b"--json"]);
    assert_eq!(messages(&["hi", "say"]), [&b"hi"[..], b"say"]);
    assert!(usage(&["hi", "-v", "say", "ho"]).starts_with("a command comes before its messages"));
}

#[test]
fn messages_need_not_be_utf8() {
    let words = vec!["hello-client".into(), OsString::from_vec(b"\xff".to_vec())];
    let Command::Say(say) = parse(words).unwrap().command else { panic!("expected say") };
    assert!(matches!(say.source, Source::Arguments(messages) if messages == [b"\xff"]));
}

#[test]
fn json_is_known_even_where_the_rest_is_wrong() {
    for (line, expected) in [(&["--wat", "--json"], true), (&["--wat", "--"], false)] {
        assert!(matches!(parse(words(line)), Err(Stop::Usage { json, .. }) if json == expected));
    }
}

#[test]
fn a_bind_address_chooses_the_family() {
    let target = say(&["--bind", "::1"]).target;
    assert_eq!((target.family, target.bind.unwrap().to_string()), (Family::V6, "[::1]:0".into()));
    assert_eq!(say(&["--bind", "127.0.0.1:4000"]).target.family, Family::V4);
}

#[test]
fn what_is_wrong_is_one_line_that_says_what_was_expected() {
    for (line, expected) in [
        (&["--workers", "3"][..], "unexpected argument '--workers' found"),
        (&["-s", "foo"], "invalid value 'foo' for '--server <ENDPOINT>': the port is missing"),
        (&["-s", "http://a:1"], "'http://a:1' for '--server <ENDPOINT>': unknown scheme 'http'"),
        (&["-s", "udp://a:0"], "no server listens on port 0, expected a port from 1 to 65535"),
        (&["--timeout", "5"], "'5' for '--timeout <DURATION>': expected more than 0 and at most"),
        (&["--timeout", "0"], "'0' for '--timeout <DURATION>': expected more than 0 and at most"),
        (&["--wait", "x"], "'x' for '--wait <DURATION>': expected a number with a unit"),
        (&["--max-message", "0"], "expected a number from 1 to 65499"),
        (&["--max-message", "65500"], "expected a number from 1 to 65499"),
        (&["--framing", "lines"], "expected one of line, length, raw"),
        (&["--bind", "here"], "'here' for '--bind <ADDR>': expected an address of this machine"),
        (&["-4", "-6"], "'-4' cannot be used with '-6'"),
        (&["-6", "--bind", "127.0.0.1"], "-6 cannot be used with --bind '127.0.0.1'"),
        (&["-4", "-s", "unix:///x"], "-4 cannot be used with --server 'unix:///x', expected a tcp"),
        (&["--bind", "::1", "-s", "unixgram:///x"], "--bind cannot be used with --server"),
        (&["-f", "names", "hi"], "'--file <FILE>' cannot be used with '[MESSAGE]...'"),
    ] {
        let told = usage(line);
        assert!(told.contains(expected), "{line:?}: {told}");
        assert!(!told.contains('\n'), "{line:?}: {told}");
    }
}
