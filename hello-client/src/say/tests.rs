mod datagram;
mod server;
mod stream;
mod stream_failure;

use super::*;
use crate::cli::tests::say;
use crate::failure::Kind;

/// What a session prints on standard output, and how it ends.
fn told(words: &[&str]) -> (String, Result<(), Failure>) {
    let (out, ending) = told_in_bytes(words);
    (String::from_utf8(out).unwrap(), ending)
}

fn told_in_bytes(words: &[&str]) -> (Vec<u8>, Result<(), Failure>) {
    let config = config(words);
    let mut out = Vec::new();
    let mut report = Report::new(Some(&config.target.endpoint), config.json, &mut out);
    let ending = session(&config, &mut report);
    (out, ending)
}

/// The object that `--json` prints.
fn json(words: &[&str]) -> serde_json::Value {
    let mut out = Vec::new();
    let _ = run(&config(&[&["--json"], words].concat()), &mut out);
    assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
    serde_json::from_slice(&out).unwrap()
}

fn config(words: &[&str]) -> Say {
    let timeout = if words.contains(&"--timeout") { &[][..] } else { &["--timeout", "60s"] };
    say(&[timeout, words].concat())
}

#[track_caller]
fn assert_failed(ending: Result<(), Failure>, kind: Kind, exit_code: u8, sentence: &str) {
    let failure = ending.unwrap_err();
    assert!(failure.to_string().contains(sentence), "{failure}");
    assert_eq!((failure.kind, failure.exit_code()), (kind, exit_code), "{failure}");
}
