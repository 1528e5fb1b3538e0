mod datagram;
mod server;
mod stream;

use super::*;
use crate::cli::tests::bench;
use serde_json::Value;

/// The object that `--json` prints, and the exit code.
fn run_json(words: &[&str]) -> (Value, u8) {
    let (options, target, output) = bench(&[&["--json"], words].concat());
    let mut out = Vec::new();
    let code = run(&options, &target, &output, &mut out);
    assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
    let code = (0..=9).find(|number| ExitCode::from(*number) == code).unwrap();
    (serde_json::from_slice(&out).unwrap(), code)
}

/// The report that a person reads.
fn run_text(words: &[&str]) -> String {
    let mut out = Vec::new();
    let (options, target, output) = bench(words);
    run(&options, &target, &output, &mut out);
    String::from_utf8(out).unwrap()
}
