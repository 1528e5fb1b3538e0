//! Whatever is in the file of `--compare`: a comparison that can be shown, or one line that says why
//! not.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::load::{Batch, Event, Observer, Stats};
use crate::options::{BenchOptions, Target};
use crate::replay::bench;
use crate::report::compare::Baseline;

/// The input is the file.
pub(crate) fn holds(input: &[u8]) {
    static BENCH: LazyLock<(File, BenchOptions, Target)> = LazyLock::new(|| {
        let file = tempfile::tempfile().expect("a temporary file");
        let (options, target) = bench(&["--compare", &format!("/dev/fd/{}", file.as_raw_fd())]);
        (file, options, target)
    });
    let (file, options, target) = &*BENCH;
    file.set_len(0).expect("it can be written");
    file.write_all_at(input, 0).expect("it can be written");
    match Baseline::read(options, target) {
        Err(error) => {
            assert_eq!(error.exit_code(), 2);
            assert!(!error.to_string().contains(char::is_control), "{error}");
        }
        Ok(baseline) => assert_shown(baseline.expect("a file was named")),
    }
}

fn assert_shown(baseline: Baseline) {
    let start = Instant::now();
    let mut stats = Stats::new(start);
    let batch = Batch { first: 0, count: 3, since: start };
    stats.on_event(Event::Answered(batch), start + Duration::from_millis(2));
    let comparison = baseline.compare(&stats);
    if let Err(error) = comparison.check(Some(1.1)) {
        assert_eq!(error.exit_code(), 1);
        assert!(!error.to_string().contains(char::is_control), "{error}");
    }
    let json = serde_json::to_string(&comparison).expect("its keys are strings");
    assert!(!json.contains(char::is_control), "{json}");
    let mut text = Vec::new();
    comparison.write(&mut text).expect("memory takes it");
    let text = String::from_utf8(text).expect("it is text");
    assert_eq!(text.lines().count(), 9, "{text}");
    assert!(text.lines().all(|line| !line.contains(char::is_control)), "{text}");
}
