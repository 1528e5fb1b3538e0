//! The last lines of a ping.

use std::io::{self, Write};

use crate::config::Ping;
use crate::measure::{Summary, Tally};
use crate::units::{number, percent, plural, time_or_dash};

/// Writes what was counted.
///
/// # Errors
///
/// Those of `out`.
pub(super) fn write(config: &Ping, tally: &Tally, mut out: impl Write) -> io::Result<()> {
    let (sent, lost) = (tally.sent(), tally.lost);
    let [shown, received, missing] = [sent, tally.received(), lost].map(number);
    let share = percent(lost, sent);
    writeln!(out, "--- {} ---", config.target.endpoint)?;
    writeln!(out, "{shown} sent, {received} answered, {missing} lost ({share:.1} %)")?;
    let extra = [
        ("wrong", tally.wrong),
        ("late", tally.late),
        ("duplicated", tally.duplicated),
        ("reordered", tally.reordered),
    ];
    for (what, count) in extra.into_iter().filter(|(_, count)| *count > 0) {
        writeln!(out, "{} {what}", number(count))?;
    }
    for (problem, times) in tally.problems.each() {
        writeln!(out, "{problem}: {}", plural(times, "time"))?;
    }
    let Summary { min, p50, p90, p99, max, .. } = tally.latency.summary();
    let [min, p50, p90, p99, max] = [min, p50, p90, p99, max].map(time_or_dash);
    writeln!(out, "round trip min {min}, p50 {p50}, p90 {p90}, p99 {p99}, max {max}")?;
    out.flush()
}
