use super::{Duration, parse, usage, words};
use crate::config::{Bench, Command, Length, Ping};

/// The bench that a command line asks for.
pub(crate) fn bench(line: &[&str]) -> Bench {
    match parse(words(&[&["bench"], line].concat())).unwrap().command {
        Command::Bench(bench) => bench,
        other => panic!("{other:?}"),
    }
}

/// The ping that a command line asks for.
pub(crate) fn ping(line: &[&str]) -> Ping {
    match parse(words(&[&["ping"], line].concat())).unwrap().command {
        Command::Ping(ping) => ping,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bench_is_ten_seconds_of_one_message_at_a_time() {
    let Bench { connections, pipeline, size, length, warmup, rate, threads, .. } = bench(&[]);
    assert_eq!((connections, pipeline, size, rate, threads), (1, 1, 16, None, 1));
    assert_eq!(length, Length::Duration(Duration::from_secs(10)));
    assert_eq!(warmup, Duration::from_millis(500));
    assert_eq!(bench(&["--messages", "9"]).length, Length::Messages(9));
}

#[test]
fn a_ping_is_one_message_a_second_for_ever() {
    let Ping { interval, count, size, .. } = ping(&[]);
    assert_eq!((interval, count, size), (Duration::from_secs(1), None, 16));
}

#[test]
fn a_lost_datagram_is_given_up_sooner_than_a_silent_stream() {
    for (endpoint, expected) in [("tcp://a:1", 5), ("udp://a:1", 1), ("unixgram:///x", 1)] {
        let expected = Duration::from_secs(expected);
        assert_eq!(bench(&["-s", endpoint]).target.timeout, expected, "{endpoint}");
        assert_eq!(ping(&["-s", endpoint]).target.timeout, expected, "{endpoint}");
    }
    assert_eq!(super::say(&["-s", "udp://a:1"]).target.timeout, Duration::from_secs(5));
    let given = bench(&["-s", "udp://a:1", "--timeout", "3s"]).target.timeout;
    assert_eq!(given, Duration::from_secs(3));
}

#[test]
fn what_cannot_be_measured_is_one_line_that_says_what_was_expected() {
    for (line, expected) in [
        (&["bench", "--rate", "0"][..], "'0' for '--rate <N>': expected a number from 1"),
        (&["bench", "--rate", "0.5"], "'0.5' for '--rate <N>': expected a number from 1"),
        (&["bench", "--connections", "0"], "'--connections <N>': expected a number from 1"),
        (&["bench", "--duration", "0"], "'--duration <DURATION>': expected more than 0"),
        (&["bench", "--duration", "1s", "--messages", "1"], "cannot be used with '--messages <N>'"),
        (&["bench", "--size", "1025"], "--size 1025 is too large, expected at most 1024"),
        (&["bench", "-s", "udp://a:1", "--size", "11"], "for the number of a message, expected at"),
        (&["ping", "-s", "unixgram:///x", "--size", "0"], "too small for the number of a message"),
        (&["ping", "-s", "udp://a:1", "--max-message", "9"], "expected at least 12"),
        (&["bench", "--framing", "raw", "--size", "0"], "too small, expected at least 1"),
        (&["bench", "--framing", "raw", "--pipeline", "2"], "--pipeline 2 cannot be used with"),
        (&["bench", "--threads", "2"], "--threads 2 is more than there are connections"),
        (&["bench", "-c", "2", "--bind", "127.0.0.1:4000"], "expected an address alone"),
        (&["ping", "--interval", "0"], "'--interval <DURATION>': expected more than 0"),
        (&["ping", "--count", "0"], "'--count <N>': expected a number from 1"),
        (&["hi", "-v", "bench"], "a command comes before its messages"),
    ] {
        let told = usage(line);
        assert!(told.contains(expected), "{line:?}: {told}");
        assert!(!told.contains('\n'), "{line:?}: {told}");
    }
}
