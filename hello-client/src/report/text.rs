//! The reports that a person reads.

use std::io::{self, Write};

use super::screen::Screen;
use super::strip;
use crate::load::{History, Latency, LatencySummary, Limit, Sessions, Stats};
use crate::options::{BenchOptions, Target};
use crate::units::{self, number, percent, plural, time, time_or_dash};

/// Rows of a histogram up to the 99th percentile; the rest has one more.
const ROWS: u64 = 10;

/// The longest bar, in characters.
const WIDTH: f64 = 40.0;

/// Eighths of a character.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Writes what a bench counted.
///
/// # Errors
///
/// Those of `out`.
pub(crate) fn write_bench(
    options: &BenchOptions,
    target: &Target,
    stats: &Stats,
    history: &History,
    screen: Screen,
    mut out: impl Write,
) -> io::Result<()> {
    writeln!(out, "{}: {}", target.endpoint, load(options, target))?;
    writeln!(out)?;
    let rate = units::rate(stats.messages_per_s());
    let answered = number(stats.received());
    let elapsed = stats.elapsed().as_secs_f64();
    let interrupted = if stats.is_interrupted { ", interrupted" } else { "" };
    writeln!(out, "Messages    {rate}, {answered} answered in {elapsed:.2} s{interrupted}")?;
    write_pace(options, stats, &mut out)?;
    write_loss(options, target, stats, &mut out)?;
    write_errors(stats, &mut out)?;
    if let Some(retransmits) = stats.tcp.retransmits() {
        let (retransmits, rtt) = (plural(retransmits, "retransmit"), stats.tcp.round_trip());
        writeln!(out, "TCP         {retransmits}, its own round trip {}", time_or_dash(rtt))?;
    }
    strip::write_outages(&history.outages, &mut out)?;
    let is_open = options.rate.is_some();
    let from = if is_open { ", from when a message was due" } else { "" };
    let Some(Sessions { connecting, whole }) = &stats.sessions else {
        write_latency("Round trip", &stats.latency, from, &mut out)?;
        if stats.received() > 0 {
            writeln!(out)?;
            strip::write(history, screen, &mut out)?;
            write_histogram(&stats.latency, &mut out)?;
        }
        return out.flush();
    };
    write_latency("Connecting", connecting, "", &mut out)?;
    write_latency("Round trip", &stats.latency, "", &mut out)?;
    let from = if is_open { "when it was due" } else { "connecting" };
    let from = format!(", {}, from {from} to the end", units::rate(stats.sessions_per_s()));
    write_latency("Session", whole, &from, &mut out)?;
    writeln!(out)?;
    strip::write(history, screen, &mut out)?;
    write_histogram(whole, &mut out)?;
    out.flush()
}

/// Writes the percentiles of `latency`; `note` says more about its samples.
fn write_latency(
    heading: &str,
    latency: &Latency,
    note: &str,
    mut out: impl Write,
) -> io::Result<()> {
    let LatencySummary { samples, min, mean, stddev, p50, p90, p99, p999, p9999, max } =
        latency.summary();
    writeln!(out, "{heading:<12}{}{note}", plural(samples, "sample"))?;
    for [(one, first), (two, second), (three, third)] in [
        [("min", min), ("p50", p50), ("p99", p99)],
        [("mean", mean), ("p90", p90), ("p99.9", p999)],
        [("stddev", stddev), ("max", max), ("p99.99", p9999)],
    ] {
        let [first, second, third] = [first, second, third].map(time_or_dash);
        writeln!(out, "  {one:<7}{first:>9}   {two:<4}{second:>9}   {three:<7}{third:>9}")?;
    }
    Ok(())
}

fn load(options: &BenchOptions, target: &Target) -> String {
    let kind = if target.is_datagram() { "socket" } else { "connection" };
    let connections = plural(options.connections as u64, kind);
    let rate = match options.rate {
        Some(rate) if options.reconnect => format!("{} sessions/s", number(rate)),
        Some(rate) => format!("{} messages/s", number(rate)),
        None if options.reconnect => "a session for each message".to_owned(),
        None => format!("{} in flight on each", number(options.pipeline)),
    };
    let threads = match options.threads {
        1 => String::new(),
        threads => format!(", {threads} threads"),
    };
    format!("{connections}, {rate}, {} a message{threads}", plural(options.size as u64, "byte"))
}

/// Whether the asked rate was kept, and if not, why not.
fn write_pace(options: &BenchOptions, stats: &Stats, mut out: impl Write) -> io::Result<()> {
    if let (Some(rate), Some(limit)) = (options.rate, stats.limit) {
        let (asked, sent) = (number(rate), units::rate(stats.sent_per_s()));
        let limit = match limit {
            Limit::Client => "the client",
            Limit::Path => "the server or the path",
        };
        writeln!(out, "            asked {asked}/s, sent {sent}: {limit} is the limit")?;
    }
    if stats.unsent > 0 {
        writeln!(out, "            {} unsent: due, but they did not leave", number(stats.unsent))?;
    }
    Ok(())
}

fn write_loss(
    options: &BenchOptions,
    target: &Target,
    stats: &Stats,
    mut out: impl Write,
) -> io::Result<()> {
    let (sent, lost) = (stats.sent(), stats.lost());
    let share = percent(lost, sent);
    let [received, duplicated, reordered, late] =
        [stats.received(), stats.duplicated, stats.reordered, stats.late].map(number);
    let (sent, shown) = (number(sent), number(lost));
    if target.is_datagram() {
        writeln!(out, "Datagrams   {sent} sent, {received} received, {shown} lost ({share:.2} %)")?;
        writeln!(out, "            {duplicated} duplicated, {reordered} reordered, {late} late")?;
        if stats.receive_buffer_drops > 0 {
            let dropped = number(stats.receive_buffer_drops);
            writeln!(
                out,
                "            {dropped} not lost, but dropped here, since the receive buffer was full"
            )?;
        }
        if options.rate.is_none() && lost > 0 {
            let timeout = target.timeout();
            writeln!(
                out,
                "            each lost datagram stopped its socket for {timeout:?}; with --rate none does"
            )?;
        }
    } else if lost > 0 {
        writeln!(out, "Unanswered  {shown} of {sent} messages ({share:.2} %)")?;
    }
    Ok(())
}

fn write_errors(stats: &Stats, mut out: impl Write) -> io::Result<()> {
    if stats.errors() == 0 {
        return writeln!(out, "Errors      none");
    }
    let mut heading = "Errors";
    let wrong =
        (stats.wrong_replies > 0).then(|| ("wrong replies".to_owned(), stats.wrong_replies));
    let connections =
        stats.connection_errors.iter().map(|(error, times)| (error.to_string(), times));
    for (what, times) in wrong.into_iter().chain(connections) {
        writeln!(out, "{heading:<12}{}  {what}", number(times))?;
        heading = "";
    }
    Ok(())
}

/// Writes the last lines of a ping.
///
/// # Errors
///
/// Those of `out`.
pub(crate) fn write_ping(target: &Target, stats: &Stats, mut out: impl Write) -> io::Result<()> {
    let (sent, lost) = (stats.sent(), stats.lost());
    let [shown, received, missing] = [sent, stats.received(), lost].map(number);
    let share = percent(lost, sent);
    writeln!(out, "--- {} ---", target.endpoint)?;
    let interrupted = if stats.is_interrupted { ", interrupted" } else { "" };
    writeln!(out, "{shown} sent, {received} answered, {missing} lost ({share:.1} %){interrupted}")?;
    let extra = [
        ("unsent", stats.unsent),
        ("dropped here, since the receive buffer was full", stats.receive_buffer_drops),
        ("wrong", stats.wrong_replies),
        ("late", stats.late),
        ("duplicated", stats.duplicated),
        ("reordered", stats.reordered),
    ];
    for (what, count) in extra.into_iter().filter(|(_, count)| *count > 0) {
        writeln!(out, "{} {what}", number(count))?;
    }
    for (error, times) in stats.connection_errors.iter() {
        writeln!(out, "{error}: {}", plural(times, "time"))?;
    }
    let LatencySummary { min, p50, p90, p99, max, .. } = stats.latency.summary();
    let [min, p50, p90, p99, max] = [min, p50, p90, p99, max].map(time_or_dash);
    writeln!(out, "round trip min {min}, p50 {p50}, p90 {p90}, p99 {p99}, max {max}")?;
    out.flush()
}

/// Draws the round trips as rows of bars.
fn write_histogram(latency: &Latency, mut out: impl Write) -> io::Result<()> {
    let rows = rows(latency);
    let samples = latency.histogram().len();
    let longest = rows.iter().map(|row| row.count).max().unwrap_or_default();
    for row in rows {
        let bar = bar(row.count as f64 / longest as f64 * WIDTH);
        let share = percent(row.count, samples);
        let up_to = time(row.up_to as f64 / 1e3);
        writeln!(out, "  up to {up_to:>9} {share:>5.1} % {bar}")?;
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Row {
    up_to: u64,
    count: u64,
}

/// Each round trip is in one row.
fn rows(latency: &Latency) -> Vec<Row> {
    let histogram = latency.histogram();
    if histogram.is_empty() {
        return Vec::new();
    }
    let (shortest, longest) = (histogram.min(), latency.longest());
    let most = histogram.value_at_quantile(0.99).min(longest);
    let step = most.saturating_sub(shortest).div_ceil(ROWS).max(1);
    let mut edges: Vec<u64> = (1..=ROWS).map(|row| (shortest + row * step).min(longest)).collect();
    edges.push(longest);
    edges.dedup();
    let mut counted = 0;
    let mut rows = Vec::new();
    for up_to in edges {
        let so_far = histogram.count_between(0, up_to);
        rows.push(Row { up_to, count: so_far - counted });
        counted = so_far;
    }
    rows
}

fn bar(length: f64) -> String {
    let eighths = (length * 8.0).round() as usize;
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        assert_eq!((bar(0.0), bar(1.5), bar(2.0)), (String::new(), "█▌".into(), "██".into()));
    }

    #[test]
    fn what_is_rare_has_a_row_of_its_own() {
        let mut latency = Latency::new();
        (1..=1000).for_each(|micros| latency.record(Duration::from_micros(micros), 1));
        latency.record(Duration::from_secs(1), 1);
        let mut out = Vec::new();
        write_histogram(&latency, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 11, "{text}");
        assert!(text.lines().last().unwrap().starts_with("  up to    1.00 s   1.0 % "), "{text}");
    }

    proptest! {
        #[test]
        fn every_round_trip_is_in_one_row(nanos: Vec<u32>) {
            let mut latency = Latency::new();
            for nanos in &nanos {
                latency.record(Duration::from_nanos(u64::from(*nanos)), 1);
            }
            let counted: u64 = rows(&latency).iter().map(|row| row.count).sum();
            prop_assert_eq!(counted, nanos.len() as u64);
        }
    }
}
