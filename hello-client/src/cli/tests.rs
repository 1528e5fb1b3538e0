use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use clap::CommandFactory;
use socket2::Domain;

use super::*;

fn words(line: &[&str]) -> Vec<OsString> {
    ["hello-client"].iter().chain(line).map(OsString::from).collect()
}

fn task(words: Vec<OsString>) -> (Task, OutputOptions) {
    parse(words, None).unwrap()
}

/// The server that a command line names, and the way to it.
pub(crate) fn target(line: &[&str]) -> Target {
    match task(words(line)).0 {
        Task::Say(_, target) | Task::Bench(_, target) => target,
        other => panic!("{other:?}"),
    }
}

/// The bench that a command line asks for.
pub(crate) fn bench(line: &[&str]) -> (BenchOptions, Target, OutputOptions) {
    match task(words(&[&["bench"], line].concat())) {
        (Task::Bench(options, target), output) => (*options, target, output),
        other => panic!("{other:?}"),
    }
}

/// The ping that a command line asks for.
pub(crate) fn ping(line: &[&str]) -> (PingOptions, Vec<Target>, OutputOptions) {
    match task(words(&[&["ping"], line].concat())) {
        (Task::Ping(options, targets), output) => (options, targets, output),
        other => panic!("{other:?}"),
    }
}

fn messages(line: &[&str]) -> Vec<Vec<u8>> {
    messages_of(words(line))
}

fn messages_of(words: Vec<OsString>) -> Vec<Vec<u8>> {
    match task(words).0 {
        Task::Say(options, _) => options.message.into_iter().map(OsStringExt::into_vec).collect(),
        other => panic!("{other:?}"),
    }
}

fn usage(line: &[&str]) -> String {
    match parse(words(line), None) {
        Err(Exit::Usage { error, .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn a_bare_address_is_tcp_and_no_command_is_say() {
    assert!(messages(&[]).is_empty() && messages(&["say"]).is_empty());
    let target = target(&["-s", "127.0.0.1:9999"]);
    assert_eq!(target.endpoint.to_string(), "tcp://127.0.0.1:9999");
    assert_eq!((target.timeout(), target.wait), (Duration::from_secs(5), Duration::ZERO));
}

#[test]
fn every_example_of_the_help_is_a_command_line() {
    let cli = Cli::command();
    let commands = [&cli].into_iter().chain(cli.get_subcommands());
    let helps: Vec<String> =
        commands.filter_map(|command| Some(command.get_after_long_help()?.to_string())).collect();
    let examples = helps.iter().flat_map(|help| help.lines());
    let examples = examples.filter_map(|line| line.strip_prefix("  hello-client"));
    for example in examples {
        let end = example.find("  ").into_iter().chain(example.find(" | ")).min();
        let line: Vec<_> = example[..end.unwrap_or(example.len())].split_whitespace().collect();
        assert!(parse(words(&line), None).is_ok(), "hello-client{example}");
    }
    assert_eq!(helps.len(), 1 + cli.get_subcommands().count());
}

#[test]
fn options_work_on_both_sides_of_the_command() {
    for line in [
        ["-s", "udp://a:1", "say", "hi"],
        ["say", "-s", "udp://a:1", "hi"],
        ["say", "hi", "-s", "udp://a:1"],
    ] {
        assert_eq!(target(&line).endpoint.to_string(), "udp://a:1", "{line:?}");
        assert_eq!(messages(&line), [b"hi"], "{line:?}");
    }
}

#[test]
fn a_server_is_named_by_a_word_or_an_option_or_the_environment() {
    let server =
        |line: &[&str], environment: &str| match parse(words(line), Some(environment.into())) {
            Ok((Task::Say(_, target) | Task::Bench(_, target), _)) => target.endpoint.to_string(),
            Ok((Task::Ping(_, targets), _)) if targets.len() == 1 => {
                targets[0].endpoint.to_string()
            }
            other => panic!("{line:?}: {other:?}"),
        };
    for command in ["bench", "ping"] {
        assert_eq!(server(&[command, "a:1"], "http://"), "tcp://a:1");
        assert_eq!(server(&[command, "udp://a:1", "--timeout", "1s"], "http://"), "udp://a:1");
        assert_eq!(server(&["-s", "a:1", command], "http://"), "tcp://a:1");
        assert_eq!(server(&[command], "unix:///x"), "unix:///x");
        assert_eq!(server(&[command], ""), "tcp://127.0.0.1:9999");
    }
    assert_eq!(server(&["hi"], "udp://b:2"), "udp://b:2");
}

#[test]
fn a_server_in_the_environment_that_cannot_be_one_is_named() {
    for (environment, why) in [
        (b"http://a:1".to_vec(), "'http://a:1' in HELLO_SERVER, as --server: unknown scheme"),
        (b"a:0".to_vec(), "'a:0' in HELLO_SERVER, as --server: port 0 is only for servers"),
        (b"\xff\n:1".to_vec(), "'\u{fffd}\\n:1' in HELLO_SERVER, as --server: "),
    ] {
        match parse(words(&[]), Some(OsString::from_vec(environment))) {
            Err(Exit::Usage { error, .. }) => {
                assert!(error.to_string().contains(why), "{why}: {error}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn more_than_one_server_is_not_reduced_to_one() {
    for line in [
        &["-s", "a:1", "-s", "b:2", "hi"][..],
        &["-s", "a:1", "say", "-s", "b:2"],
        &["bench", "a:1", "-s", "b:2"],
        &["-s", "a:1", "bench", "b:2"],
        &["bench", "-s", "a:1", "--server=b:2"],
    ] {
        let reported = usage(line);
        assert!(reported.contains("--server"), "{line:?}: {reported}");
        assert!(reported.contains("a:1 and b:2"), "{line:?}: {reported}");
    }
}

#[test]
fn the_name_of_a_command_is_a_message_behind_two_dashes() {
    assert_eq!(messages(&["--", "say", "--json"]), [&b"say"[..], b"--json"]);
    assert_eq!(messages(&["hi", "say"]), [&b"hi"[..], b"say"]);
    assert!(usage(&["hi", "-v", "say", "ho"]).starts_with("a command comes before its messages"));
}

#[test]
fn behind_two_dashes_every_word_is_a_message() {
    assert_eq!(messages(&["-s", "a:1", "hi", "--", "b:1"]), [&b"hi"[..], b"b:1"]);
    assert_eq!(messages(&["say", "--", "udp://b:1", "--"]), [&b"udp://b:1"[..], b"--"]);
    assert_eq!(messages(&["--", "bech"]), [b"bech"]);
}

#[test]
fn an_address_is_said_only_behind_two_dashes() {
    for (word, meant) in [
        ("127.0.0.1:9999", "127.0.0.1:9999"),
        ("db1:9999", "db1:9999"),
        ("[::1]:1", "[::1]:1"),
        ("udp://db1:9999", "udp://db1:9999"),
        ("http://db1", "HOST:PORT"),
        ("unix:/tmp/x", "unix:///tmp/x"),
        ("127.0.0.1", "HOST:PORT"),
        ("::1", "HOST:PORT"),
        ("localhost", "HOST:PORT"),
        ("LOCALHOST:", "HOST:PORT"),
        ("127.0.0.1:99999", "HOST:PORT"),
        ("127.0.0.1:9999/", "HOST:PORT"),
        (":9999", "HOST:PORT"),
        ("*:9999", "HOST:PORT"),
        ("tcp//db1:9999", "HOST:PORT"),
        ("[::1]", "HOST:PORT"),
        ("fe80::1%eth0", "HOST:PORT"),
    ] {
        let expected = format!(
            "'{word}' is an address, not a message: use 'check {meant}' or '-s {meant}' to go there"
        );
        for line in [&[word][..], &["say", word], &["hi", word], &["-s", "a:1", word, "hi"]] {
            assert!(usage(line).starts_with(&expected), "{line:?}: {}", usage(line));
        }
    }
    for line in [&["Bob", "42"][..], &["a b", "1"], &["1", "2", "3"]] {
        assert_eq!(messages(line).len(), line.len());
    }
    assert_eq!(messages(&[&format!("http://{}", "x".repeat(1000))])[0].len(), 1007);
    for word in ["Bob: hi", "3:30 pm", "a b://", "://a", "1", "/tmp", "Bob.", "exit", ""] {
        assert_eq!(messages(&[word]), [word.as_bytes()], "{word}");
    }
}

#[test]
fn a_word_one_letter_off_a_command_is_said_only_behind_two_dashes() {
    for (word, command) in [
        ("bech", "bench"),
        ("pong", "ping"),
        ("pign", "ping"),
        ("sya", "say"),
        ("says", "say"),
        ("Ping", "ping"),
        ("BENCH", "bench"),
        ("help", "--help"),
        ("version", "--version"),
    ] {
        let expected = format!("'{word}' is not a command: use '{command}', or '-- {word}' to");
        for line in [&[word][..], &["-s", "a:1", word], &[word, "b:1"], &[word, "ping"]] {
            assert!(usage(line).starts_with(&expected), "{line:?}: {}", usage(line));
        }
        assert_eq!(messages(&["say", word]), [word.as_bytes()]);
        assert_eq!(messages(&[word, "there"])[0], word.as_bytes());
    }
    assert!(usage(&["ping\n"]).starts_with("'ping\\n' is not a command"));
    for name in ["Ray", "Michael", "ringing", "helpp"] {
        assert_eq!(messages(&[name]), [name.as_bytes()]);
    }
}

#[test]
fn a_flag_of_another_program_is_answered_with_ours() {
    for (line, hint) in [
        (
            &["-u", "hi"][..],
            "unexpected argument '-u' found; for UDP, the server is udp://HOST:PORT",
        ),
        (&["-vu", "hi"], "'-u' found; for UDP"),
        (&["-p9999", "hi"], "'-p' found; the server is -s HOST:PORT"),
        (&["--port=9999"], "'--port' found; the server is -s HOST:PORT"),
        (&["ping", "-W", "1", "a:1"], "'-W' found; use --timeout"),
        (&["-t", "5"], "'-t' found; for the time, use bench --duration"),
        (&["ping", "-n", "5", "a:1"], "'-n' found; use ping --count N"),
        (&["-d", "5s"], "'-d' found; it goes behind bench"),
        (&["-z", "a:1"], "'-z' found; use check"),
        (&["-i", "1s"], "'-i' found; it goes behind bench or ping"),
        (&["ping", "--rate", "5"], "'--rate' found; it goes behind bench"),
    ] {
        let reported = usage(line);
        assert!(reported.contains(hint), "{line:?}: {reported}");
    }
    assert_eq!(
        usage(&["--sever", "a:1"]),
        "unexpected argument '--sever' found; tip: a similar argument exists: '--server'"
    );
    assert_eq!(usage(&["--xyz"]), "unexpected argument '--xyz' found");
}

#[test]
fn messages_need_not_be_utf8() {
    let words = vec!["hello-client".into(), OsString::from_vec(b"\xff".to_vec())];
    assert_eq!(messages_of(words), [b"\xff"]);
}

#[test]
fn json_is_known_even_where_the_rest_is_wrong() {
    for (line, expected) in [
        (&["--wat", "--json"][..], Format::Json),
        (&["--wat", "--", "--json"], Format::Text),
        (&["ping", "--json-lines", "--wat"], Format::JsonLines),
        (&["ping", "--json-lines", "--json"], Format::JsonLines),
    ] {
        assert!(
            matches!(parse(words(line), None), Err(Exit::Usage { format, .. }) if format == expected)
        );
    }
}

#[test]
fn a_bind_address_chooses_the_family() {
    let bound = target(&["--bind", "::1"]);
    assert_eq!(
        (bound.family(), bound.bind.unwrap().to_string()),
        (Some(Domain::IPV6), "[::1]:0".into())
    );
    assert_eq!(target(&["--bind", "127.0.0.1:4000"]).family(), Some(Domain::IPV4));
}

#[test]
fn a_bench_is_ten_seconds_of_one_message_at_a_time() {
    let (bench, ..) = bench(&[]);
    assert_eq!((bench.connections, bench.pipeline, bench.size, bench.threads), (1, 1, 16, 1));
    assert_eq!((bench.rate, bench.duration, bench.messages), (None, None, None));
    assert_eq!(bench.warmup, Duration::from_millis(500));
}

#[test]
fn the_options_of_a_bench_are_as_short_as_in_other_programs() {
    let (options, ..) = bench(&["-c", "1k", "-d", "1m", "-z", "1Ki", "-t", "2", "--rate", "10k"]);
    assert_eq!((options.connections, options.size, options.threads), (1000, 1024, 2));
    assert_eq!((options.rate, options.duration), (Some(10_000), Some(Duration::from_secs(60))));
    assert_eq!(bench(&["-n", "1M"]).0.messages, Some(1_000_000));
}

#[test]
fn a_ping_is_one_message_a_second_for_ever() {
    let (PingOptions { interval, count, size, .. }, ..) = ping(&[]);
    assert_eq!((interval, count, size), (Duration::from_secs(1), None, 16));
}

#[test]
fn a_lost_datagram_is_given_up_sooner_than_a_silent_stream() {
    for (endpoint, expected) in [("tcp://a:1", 5), ("udp://a:1", 1), ("unixgram:///x", 1)] {
        let expected = Duration::from_secs(expected);
        assert_eq!(bench(&["-s", endpoint]).1.timeout(), expected, "{endpoint}");
        assert_eq!(ping(&["-s", endpoint]).1[0].timeout(), expected, "{endpoint}");
    }
    assert_eq!(target(&["-s", "udp://a:1"]).timeout(), Duration::from_secs(5));
    let given = bench(&["-s", "udp://a:1", "--timeout", "3s"]).1.timeout();
    assert_eq!(given, Duration::from_secs(3));
}

#[test]
fn what_is_wrong_is_one_line_that_names_it() {
    for (line, expected) in [
        (&["--workers", "3"][..], "unexpected argument '--workers' found"),
        (&["-s", "foo"], "invalid value 'foo' for '--server <ENDPOINT>': the port is missing"),
        (&["-s", "http://a:1"], "'http://a:1' for '--server <ENDPOINT>': unknown scheme 'http'"),
        (&["-s", "udp://a:0"], "'udp://a:0' for '--server <ENDPOINT>': port 0 is only for servers"),
        (&["--timeout", "5"], "'5' for '--timeout <DURATION>': the unit is missing: expected a"),
        (
            &["--wait", "1m 30"],
            "the unit is missing: expected a number with a unit, such as 1m 30s",
        ),
        (&["ping", "-i", "0.2"], "'0.2' for '--interval <DURATION>': the unit is missing"),
        (&["--timeout", "0"], "'0' for '--timeout <DURATION>': expected more than 0"),
        (&["--timeout", "366days"], "'366days' for '--timeout <DURATION>': expected at most 365"),
        (&["--wait", "x"], "'x' for '--wait <DURATION>': expected a number with a unit"),
        (&["--wait", "366days"], "'366days' for '--wait <DURATION>': expected at most 365 days"),
        (&["--max-message", "0"], "'--max-message <BYTES>': 0 is not in 1..=65499"),
        (&["--max-message", "65500"], "'--max-message <BYTES>': 65500 is not in 1..=65499"),
        (&["--framing", "lines"], "'--framing <FRAMING>'; [possible values: line, length, raw]"),
        (&["--bind", "here"], "'here' for '--bind <ADDR>': expected an address of this machine"),
        (&["-4", "-6"], "'-4' cannot be used with '-6'"),
        (&["-4", "ping", "-6"], "-4 cannot be used with -6"),
        (&["-6", "--bind", "127.0.0.1"], "-6 cannot be used with --bind 127.0.0.1"),
        (&["-4", "-s", "unix:///x"], "-4 cannot be used with unix:///x"),
        (&["--bind", "::1", "-s", "unixgram:///x"], "--bind cannot be used with unixgram"),
        (&["-f", "names", "hi"], "'--file <FILE>' cannot be used with '[MESSAGE]...'"),
        (&["bench", "--rate", "0"], "'0' for '--rate <N>': 0 is not in 1.."),
        (&["bench", "--rate", "0.5"], "'0.5' for '--rate <N>': expected a whole number, such as"),
        (&["bench", "--connections", "0"], "'--connections <N>': 0 is not in 1.."),
        (&["bench", "--duration", "0"], "'--duration <DURATION>': expected more than 0"),
        (&["bench", "--duration", "1s", "--messages", "1"], "cannot be used with '--messages <N>'"),
        (&["bench", "--size", "1025"], "--size 1025: it is 1025 bytes long, at most 1024"),
        (&["bench", "-s", "udp://a:1", "--size", "11"], "for the number of a message, which takes"),
        (&["ping", "-s", "unixgram:///x", "--size", "0"], "too small for the number of a message"),
        (&["ping", "-s", "udp://a:1", "--max-message", "9"], "16 bytes long, at most 9 are"),
        (&["bench", "--framing", "raw", "--size", "0"], "--size 0: it is empty"),
        (&["bench", "--framing", "raw", "--pipeline", "2"], "--pipeline 2 cannot be used with"),
        (&["bench", "--threads", "2"], "--threads 2 is more than --connections 1"),
        (&["bench", "-c", "2", "--bind", "127.0.0.1:4000"], "is one port for 2 connections"),
        (&["--json", "ping", "--json-lines"], "--json-lines cannot be used with --json"),
        (&["ping", "-D", "--json-lines"], "'--timestamps' cannot be used with '--json-lines'"),
        (&["ping", "--interval", "0"], "'--interval <DURATION>': expected more than 0"),
        (&["ping", "--count", "0"], "'--count <N>': 0 is not in 1.."),
        (&["hi", "-v", "bench"], "a command comes before its messages"),
    ] {
        let reported = usage(line);
        assert!(reported.contains(expected), "{line:?}: {reported}");
        assert!(!reported.contains('\n'), "{line:?}: {reported}");
    }
}

#[test]
fn a_ping_goes_to_all_that_are_named_and_a_bare_address_is_tcp() {
    let (_, targets, _) = ping(&["a:1", "unix:///x", "-s", "udp://b:2"]);
    let endpoints: Vec<_> = targets.iter().map(|target| target.endpoint.to_string()).collect();
    assert_eq!(endpoints, ["tcp://a:1", "unix:///x", "udp://b:2"]);
}

/// The endpoints that a check goes to.
fn checked(line: &[&str]) -> Vec<String> {
    match task(words(&[&["check"], line].concat())).0 {
        Task::Check(_, targets) => {
            targets.iter().map(|target| target.endpoint.to_string()).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_check_of_a_bare_address_is_one_of_tcp_and_of_udp() {
    assert_eq!(checked(&[]), ["tcp://127.0.0.1:9999", "udp://127.0.0.1:9999"]);
    assert_eq!(
        checked(&["a:1", "unix:///x", "-s", "udp://b:2"]),
        ["tcp://a:1", "udp://a:1", "unix:///x", "udp://b:2"]
    );
}
