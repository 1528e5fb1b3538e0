use super::*;
use crate::cli::tests::ping;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread;

/// What is printed, and the exit code.
fn run_ping(words: &[&str]) -> (String, u8) {
    let mut out = Vec::new();
    let (options, targets, output) = ping(words);
    let code = run(&options, &targets, &output, &mut out);
    let code = (0..=9).find(|number| ExitCode::from(*number) == code).unwrap();
    (String::from_utf8(out).unwrap(), code)
}

/// The lines without their figures.
fn shapes(text: &str) -> Vec<&str> {
    text.lines().map(|line| line.split("rtt=").next().unwrap()).collect()
}

/// Answers the first `count` messages of one session, and ends it at the next one.
fn session(stream: TcpStream, count: usize) {
    let mut writer = stream.try_clone().unwrap();
    writer.write_all(b"Welcome!\n").unwrap();
    let mut messages = BufReader::new(stream).lines().map_while(Result::ok);
    for message in messages.by_ref().take(count) {
        writer.write_all(format!("Hello, {message}!\n").as_bytes()).unwrap();
    }
    messages.next();
}

#[test]
fn a_server_that_goes_away_and_comes_back_is_lost_messages_and_a_recovery() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        session(listener.accept().unwrap().0, 2);
        // The third message ends the session; a later one is answered by a new one.
        loop {
            session(listener.accept().unwrap().0, 9);
        }
    });
    let (text, code) = run_ping(&["-s", &endpoint, "--count", "8", "--interval", "200ms"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(" lost: cut off (closed)\n"), "{text}");
    assert!(text.contains("seq=8 bytes=16 rtt="), "{text}");
    assert!(text.contains("cut off (closed): 1 time\n"), "{text}");
}

#[test]
fn a_lost_datagram_is_reported_when_it_has_timed_out() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("udp://{}", socket.local_addr().unwrap());
    thread::spawn(move || {
        let mut buffer = [0; 64];
        for number in 0.. {
            let (length, client) = socket.recv_from(&mut buffer).unwrap();
            if number != 1 {
                socket.send_to(&hello_proto::greeting(&buffer[..length]), client).unwrap();
            }
        }
    });
    let words = ["--count", "3", "--interval", "100ms", "--timeout", "1s"];
    let (text, code) = run_ping(&[&["-s", &endpoint], &words[..]].concat());
    let lines = ["seq=1 bytes=16 ", "seq=3 bytes=16 ", "seq=2 lost: no reply in time"];
    assert_eq!((&shapes(&text)[1..4], code), (&lines[..], 0), "{text}");
    assert!(text.contains("3 sent, 2 answered, 1 lost (33.3 %)\n"), "{text}");
}

#[test]
fn a_server_that_is_never_there_is_tried_for_all_messages() {
    let address = TcpListener::bind("127.77.0.4:0").unwrap().local_addr().unwrap();
    for scheme in ["tcp", "udp"] {
        let endpoint = format!("{scheme}://{address}");
        let (text, code) = run_ping(&["-s", &endpoint, "--count", "3", "--interval", "150ms"]);
        assert_eq!(code, 3, "{text}");
        assert!(text.contains("seq=3 lost: ") && text.contains("connection refused\n"), "{text}");
        assert!(text.contains("3 sent, 0 answered, 3 lost (100.0 %)\n"), "{text}");
        assert!(text.ends_with("round trip min -, p50 -, p90 -, p99 -, max -\n"), "{text}");
    }
}

#[test]
fn standard_output_has_one_object_under_json() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("udp://{}", socket.local_addr().unwrap());
    let words = ["--json", "--count", "1", "--timeout", "100ms"];
    let (text, code) = run_ping(&[&["-s", &endpoint], &words[..]].concat());
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, text.lines().count()), (3, 1));
    assert_eq!(
        (&report["sent"], &report["lost"], &report["late"]),
        (&1.into(), &1.into(), &0.into())
    );
    assert_eq!(
        (&report["rtt_us"]["p50"], &report["error"]["kind"]),
        (&Value::Null, &"timeout".into())
    );
}

#[test]
fn a_name_without_an_address_ends_it_at_once() {
    let (text, code) = run_ping(&["-s", "tcp://no..such..host:1"]);
    assert_eq!(code, 3, "{text}");
    assert!(!text.contains("seq="), "{text}");
}
