//! The metrics in the text format of Prometheus, version 0.0.4, under names by its conventions.

use std::fmt::{self, Write};

use super::process;
use crate::monitor::Monitor;
use crate::stats::{Counter, Stats};

/// A name, what it means, and its counters with their labels.
type Family = (&'static str, &'static str, &'static [(&'static str, Counter)]);

/// The counters of the summary, but for two that are sums of others: the sessions that have ended, and
/// the datagrams that were received.
const COUNTERS: &[Family] = &[
    ("hello_sessions_opened_total", "Sessions admitted.", &[("", Counter::Opened)]),
    (
        "hello_sessions_total",
        "Sessions that are over, by what ended them.",
        &[
            (r#"{end="exit"}"#, Counter::Exit),
            (r#"{end="end-of-stream"}"#, Counter::EndOfStream),
            (r#"{end="too-long"}"#, Counter::TooLong),
            (r#"{end="idle"}"#, Counter::Idle),
            (r#"{end="unread"}"#, Counter::Unread),
            (r#"{end="shutdown"}"#, Counter::Shutdown),
            (r#"{end="lost"}"#, Counter::Lost),
        ],
    ),
    (
        "hello_rejected_total",
        "Clients told, instead of being welcomed, why they are not; those of proxy-header are told nothing.",
        &[
            (r#"{reason="full"}"#, Counter::RejectedFull),
            (r#"{reason="address"}"#, Counter::RejectedAddress),
            (r#"{reason="shutdown"}"#, Counter::RejectedShutdown),
            (r#"{reason="proxy-header"}"#, Counter::RejectedProxyHeader),
        ],
    ),
    (
        "hello_accept_errors_total",
        "Times that accept(2) failed: the client had gone, or for lack of resources.",
        &[(r#"{reason="aborted"}"#, Counter::Aborted), (r#"{reason="starved"}"#, Counter::Starved)],
    ),
    ("hello_messages_total", "Messages answered on streams.", &[("", Counter::Messages)]),
    (
        "hello_bytes_total",
        "Bytes on streams.",
        &[(r#"{direction="in"}"#, Counter::BytesIn), (r#"{direction="out"}"#, Counter::BytesOut)],
    ),
    (
        "hello_datagrams_total",
        "Datagrams by what became of them; overflowed ones the system dropped before they were received.",
        &[
            (r#"{outcome="greeted"}"#, Counter::Greeted),
            (r#"{outcome="too-long"}"#, Counter::DatagramTooLong),
            (r#"{outcome="bad-source"}"#, Counter::BadSource),
            (r#"{outcome="unsent"}"#, Counter::Unsent),
            (r#"{outcome="overflowed"}"#, Counter::Overflowed),
        ],
    ),
    (
        "hello_datagram_receive_errors_total",
        "Receives of a datagram that failed.",
        &[("", Counter::ReceiveErrors)],
    ),
];

/// The whole page.
pub(super) fn render(monitor: &Monitor) -> String {
    let mut page = String::new();
    write(&mut page, monitor, &monitor.stats()).expect("a string takes all");
    page
}

fn write(page: &mut String, monitor: &Monitor, stats: &Stats) -> fmt::Result {
    single(page, "hello_sessions_open", "gauge", "Sessions open now.", stats.open())?;
    let (name, waiting) = ("hello_connections_waiting", monitor.waiting());
    let help =
        "Connections that wait for their PROXY protocol header; they count for --max-sessions.";
    single(page, name, "gauge", help, waiting)?;
    for (name, help, samples) in COUNTERS {
        head(page, name, "counter", help)?;
        for (labels, counter) in *samples {
            writeln!(page, "{name}{labels} {}", stats.get(*counter))?;
        }
    }
    let dropped = monitor.dropped_log_lines();
    let help = "Lines of the log dropped because stderr did not take them.";
    single(page, "hello_log_lines_dropped_total", "counter", help, dropped)?;
    let name = "hello_build_info";
    head(page, name, "gauge", "Always 1; the label has the version.")?;
    writeln!(page, "{name}{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"))?;

    // What the system does not tell is left out.
    if let Some(open) = process::open_fds() {
        single(page, "process_open_fds", "gauge", "Open file descriptors.", open)?;
    }
    if let Some(max) = process::max_fds() {
        single(page, "process_max_fds", "gauge", "Limit of open file descriptors.", max)?;
    }
    if let Some(resident) = process::resident_memory() {
        let name = "process_resident_memory_bytes";
        single(page, name, "gauge", "Resident memory in bytes.", resident)?;
    }
    let name = "process_cpu_seconds_total";
    single(page, name, "counter", "Processor time in seconds.", process::cpu_seconds())?;
    let (name, help) = ("process_start_time_seconds", "When it started, in seconds since 1970.");
    single(page, name, "gauge", help, monitor.started())
}

fn head(page: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

/// A metric with one value.
fn single(
    page: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    value: impl fmt::Display,
) -> fmt::Result {
    head(page, name, kind, help)?;
    writeln!(page, "{name} {value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_of_the_summary_is_there_once_but_for_two_that_are_sums() {
        let mut counters: Vec<usize> = COUNTERS
            .iter()
            .flat_map(|(_, _, samples)| *samples)
            .map(|(_, c)| *c as usize)
            .collect();
        counters.extend([Counter::Ended as usize, Counter::Received as usize]);
        counters.sort_unstable();
        assert_eq!(counters, (0..Counter::COUNT).collect::<Vec<_>>());
    }
}
