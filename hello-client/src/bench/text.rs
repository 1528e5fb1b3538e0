//! The report of a bench that a person reads.

use std::io::{self, Write};

use super::bars;
use crate::config::Bench;
use crate::measure::{Summary, Tally};
use crate::units::{number, percent, plural, time_or_dash};

/// Writes what was counted.
///
/// # Errors
///
/// Those of `out`.
pub(super) fn write(config: &Bench, tally: &Tally, mut out: impl Write) -> io::Result<()> {
    writeln!(out, "{}: {}", config.target.endpoint, load(config))?;
    writeln!(out)?;
    let rate = tally.messages_per_s().map_or_else(
        || "-".to_owned(),
        |rate| if rate < 100.0 { format!("{rate:.1}") } else { number(rate.round() as u64) },
    );
    let answered = number(tally.received());
    let elapsed = tally.elapsed().as_secs_f64();
    writeln!(out, "Messages    {rate}/s, {answered} answered in {elapsed:.2} s")?;
    write_loss(config, tally, &mut out)?;
    write_errors(tally, &mut out)?;
    let Summary { min, mean, stddev, p50, p90, p99, p999, p9999, max, .. } =
        tally.latency.summary();
    let from = if config.rate.is_some() { ", from when a message was due" } else { "" };
    writeln!(out, "Round trip  {}{from}", plural(tally.latency.summary().samples, "sample"))?;
    for [(one, first), (two, second), (three, third)] in [
        [("min", min), ("p50", p50), ("p99", p99)],
        [("mean", mean), ("p90", p90), ("p99.9", p999)],
        [("stddev", stddev), ("max", max), ("p99.99", p9999)],
    ] {
        let [first, second, third] = [first, second, third].map(time_or_dash);
        writeln!(out, "  {one:<7}{first:>9}   {two:<4}{second:>9}   {three:<7}{third:>9}")?;
    }
    if tally.received() > 0 {
        writeln!(out)?;
        bars::draw(&tally.latency, &mut out)?;
    }
    out.flush()
}

fn load(config: &Bench) -> String {
    let kind = if config.target.is_datagram() { "socket" } else { "connection" };
    let connections = plural(config.connections as u64, kind);
    let pace = match config.rate {
        Some(rate) => format!("{} messages/s", number(rate)),
        None => format!("{} in flight on each", number(config.pipeline)),
    };
    let threads = match config.threads {
        1 => String::new(),
        threads => format!(", {threads} threads"),
    };
    format!("{connections}, {pace}, {} a message{threads}", plural(config.size as u64, "byte"))
}

fn write_loss(config: &Bench, tally: &Tally, mut out: impl Write) -> io::Result<()> {
    let (sent, lost) = (tally.sent(), tally.lost);
    let share = percent(lost, sent);
    let [received, duplicated, reordered, late] =
        [tally.received(), tally.duplicated, tally.reordered, tally.late].map(number);
    let (sent, shown) = (number(sent), number(lost));
    if config.target.is_datagram() {
        writeln!(out, "Datagrams   {sent} sent, {received} received, {shown} lost ({share:.2} %)")?;
        writeln!(
            out,
            "            {duplicated} duplicated, {reordered} reordered, {late} of the lost came late"
        )?;
    } else if lost > 0 {
        writeln!(out, "Unanswered  {shown} of {sent} messages ({share:.2} %)")?;
    }
    Ok(())
}

fn write_errors(tally: &Tally, mut out: impl Write) -> io::Result<()> {
    if tally.errors() == 0 {
        return writeln!(out, "Errors      none");
    }
    let mut heading = "Errors";
    let wrong = (tally.wrong > 0).then(|| ("wrong replies".to_owned(), tally.wrong));
    let problems = tally.problems.each().map(|(problem, times)| (problem.to_string(), times));
    for (what, times) in wrong.into_iter().chain(problems) {
        writeln!(out, "{heading:<12}{}  {what}", number(times))?;
        heading = "";
    }
    Ok(())
}
