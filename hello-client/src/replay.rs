//! What the fuzzer checks of any input, checked of the inputs that it found interesting: one a line,
//! in hexadecimal, in `replay/inputs/TARGET.hex`. See CONTRIBUTING.md for how to look for more.
//!
//! The targets, in `tests/fuzz`, compile these modules too, and all that they need.

pub(crate) mod baseline;
pub(crate) mod command_line;
pub(crate) mod timeline;

use std::ffi::OsString;

use crate::cli::{Task, parse};
use crate::options::{BenchOptions, Target};

/// The bench that these words ask for.
pub(crate) fn bench(words: &[&str]) -> (BenchOptions, Target) {
    let words = ["hello-client", "bench"].iter().chain(words).map(OsString::from);
    match parse(words.collect(), None) {
        Ok((Task::Bench(options, target), _)) => (*options, target),
        other => panic!("{other:?}"),
    }
}

/// Checks of each of these `inputs` that it `holds`.
#[cfg(test)]
pub(crate) fn replay(inputs: &str, holds: fn(&[u8])) {
    assert!(inputs.lines().count() > 50, "there are inputs");
    for line in inputs.lines() {
        // Shown by a test that fails.
        println!("{line}");
        let (digits, _) = line.as_bytes().as_chunks::<2>();
        let byte = |pair: &[u8; 2]| {
            let pair = str::from_utf8(pair).expect("hexadecimal is ASCII");
            u8::from_str_radix(pair, 16).expect("two hexadecimal digits")
        };
        holds(&digits.iter().map(byte).collect::<Vec<_>>());
    }
}

#[test]
fn command_lines_hold_for_every_interesting_input() {
    replay(include_str!("replay/inputs/command_line.hex"), command_line::holds);
}

#[test]
fn files_of_compare_hold_for_every_interesting_input() {
    replay(include_str!("replay/inputs/baseline.hex"), baseline::holds);
}

#[test]
fn timelines_hold_for_every_interesting_input() {
    replay(include_str!("replay/inputs/timeline.hex"), timeline::holds);
}
