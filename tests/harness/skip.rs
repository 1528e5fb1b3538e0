//! Tests that cannot run here: they pass, and are named when the run has ended.

use std::collections::BTreeSet;
use std::env;
use std::io::Write;
use std::panic::Location;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

/// Prints its input on stderr once that has ended, under a line with its number of lines.
const PRINT_AT_THE_END: &str = r#"
    skipped=$(cat)
    echo "skipped, in whole or in part: $(printf '%s\n' "$skipped" | wc -l)" >&2
    printf '%s\n' "$skipped" | sort | sed 's/^/    /' >&2
"#;

static REPORT: LazyLock<Mutex<Report>> = LazyLock::new(|| Mutex::new(Report::start()));

/// The test harness of Rust has no hook at the end of a run. So another process waits for the end of
/// this one, which closes its input.
struct Report {
    printer: ChildStdin,
    reported: BTreeSet<String>,
}

impl Report {
    fn start() -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", PRINT_AT_THE_END]).stdin(Stdio::piped());
        let printer = shell.spawn().expect("there is a shell").stdin.take();
        Self { printer: printer.expect("stdin is piped"), reported: BTreeSet::new() }
    }
}

/// Reports that the test, or a part of it, is skipped, and why; panics if `HELLO_REQUIRE_ALL` is set.
#[track_caller]
pub(crate) fn skipped(why: &str) {
    assert!(env::var_os("HELLO_REQUIRE_ALL").is_none(), "HELLO_REQUIRE_ALL is set, but {why}");
    let caller = Location::caller();
    // The harness names its threads after their tests, but a test may have threads of its own.
    let test = thread::current().name().filter(|name| name.contains("::")).map(str::to_owned);
    let line = format!("{}: {why}", test.unwrap_or_else(|| caller.to_string()));
    let mut report = REPORT.lock().unwrap_or_else(PoisonError::into_inner);
    if report.reported.insert(line.clone()) {
        writeln!(report.printer, "{line}").expect("the shell reads it");
    }
}

/// Whether the program `name` is installed; skips the test if not.
#[track_caller]
pub(crate) fn has_tool(name: &str) -> bool {
    let exists = Command::new(name).arg("--version").output().is_ok();
    if !exists {
        skipped(&format!("{name} is not installed"));
    }
    exists
}
