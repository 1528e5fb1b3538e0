//! Whatever a person types: options within their bounds, or one line that says why not.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use hello_proto::MAX_MESSAGE;

use crate::cli::{Exit, Task, parse};
use crate::error::Error;
use crate::options::Target;
use crate::thresholds::Thresholds;

const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The input is the words, one a line.
pub(crate) fn holds(input: &[u8]) {
    let words = input.split(|byte| *byte == b'\n').map(|word| OsStr::from_bytes(word).to_owned());
    let words: Vec<_> = [OsString::from("hello-client")].into_iter().chain(words).collect();
    // Help and version would be printed.
    if words.iter().any(|word| is_help(word.as_bytes())) {
        return;
    }
    match parse(words, None) {
        Err(Exit::Usage { error, .. }) => {
            assert_one_line(&error);
            assert_eq!(error.exit_code(), 2);
        }
        Err(Exit::Help) => panic!("nobody asked for help"),
        Ok((task, _)) => assert_bounds(task),
    }
}

fn is_help(word: &[u8]) -> bool {
    let is_short = word.starts_with(b"-") && !word.starts_with(b"--");
    let is_long = word.starts_with(b"--h") || word.starts_with(b"--v");
    is_long || is_short && word.iter().any(|byte| matches!(byte, b'h' | b'V'))
}

fn assert_one_line(error: &Error) {
    let message = error.to_string();
    assert!(!message.is_empty() && !message.contains('\n'), "{message:?}");
    assert!(message.chars().count() <= 1003, "{message:?}");
}

fn assert_bounds(task: Task) {
    match task {
        Task::Check(options, targets) => {
            assert!(!targets.is_empty() && options.tries >= 1);
            targets.iter().for_each(|target| assert_target(target, Some(options.size)));
            assert_thresholds(&options.thresholds);
        }
        Task::Say(_, target) => assert_target(&target, None),
        Task::Bench(options, target) => {
            assert_target(&target, Some(options.size));
            assert!((1..=options.connections).contains(&options.threads));
            assert!(options.pipeline >= 1 && options.udp_buffer >= 1);
            assert!(options.rate != Some(0) && options.messages != Some(0));
            assert!(options.duration().is_some() != options.messages.is_some());
            for time in [options.duration(), options.interval].into_iter().flatten() {
                assert!(!time.is_zero() && time <= MAX_DURATION);
            }
            assert!(options.warmup <= MAX_DURATION);
            assert!(options.max_slowdown.is_none_or(|factor| factor >= 1.0));
            assert_thresholds(&options.thresholds);
        }
        Task::Ping(options, targets) => {
            assert!(!targets.is_empty() && options.count != Some(0));
            targets.iter().for_each(|target| assert_target(target, Some(options.size)));
            assert!(!options.interval.is_zero() && options.interval <= MAX_DURATION);
            assert_thresholds(&options.thresholds);
        }
    }
}

fn assert_target(target: &Target, size: Option<usize>) {
    assert!((1..=MAX_MESSAGE).contains(&target.limit));
    assert!(!target.timeout().is_zero() && target.timeout() <= MAX_DURATION);
    assert!(target.wait <= MAX_DURATION);
    assert!(size.is_none_or(|size| target.check(&vec![b'a'; size]).is_ok()));
}

/// Whatever the limits are, nothing that is all right is over them, and what is not is told in a line.
fn assert_thresholds(thresholds: &Thresholds) {
    assert!(thresholds.check(0.0, Some(0.0), 0).is_ok());
    if let Err(error) = thresholds.check(100.0, None, u64::MAX) {
        assert_one_line(&error);
        assert_eq!(error.exit_code(), 1);
    }
}
