//! A run over time, for people: its rate as a strip, and its outages.

use std::io::{self, Write};

use super::screen::Screen;
use crate::load::{History, Outage, longest};
use crate::units::{number, plural};

/// How many outages have a line: the longest.
const OUTAGE_LINES: usize = 10;

/// Writes a line for each outage.
///
/// # Errors
///
/// Those of `out`.
pub(crate) fn write_outages(outages: &[Outage], mut out: impl Write) -> io::Result<()> {
    // A reader may subtract.
    let hundredths = |seconds: f64| (seconds * 100.0).round();
    for outage in longest(outages.to_vec(), OUTAGE_LINES) {
        let (from, to) = span(&outage);
        let (from, to) = (hundredths(from), hundredths(to));
        let [length, from, to] = [to - from, from, to].map(|time| time / 100.0);
        writeln!(out, "Outage {length:.2} s, from {from:.2} s to {to:.2} s")?;
    }
    match outages.len().saturating_sub(OUTAGE_LINES) {
        0 => Ok(()),
        more => writeln!(out, "and {more} more"),
    }
}

/// The widest strip, and the space before it.
const MAX_WIDTH: usize = 120;
const INDENT: usize = 2;

/// Draws the rate of messages over time, as wide as the `screen`, with outages as `x`.
///
/// # Errors
///
/// Those of `out`.
pub(crate) fn write(history: &History, screen: Screen, mut out: impl Write) -> io::Result<()> {
    let History { intervals, outages } = history;
    let end = intervals.last().map_or(0.0, |row| row.start_s + row.duration_s);
    let width = screen.width.min(MAX_WIDTH).saturating_sub(INDENT);
    if end == 0.0 || width == 0 {
        return Ok(());
    }
    let columns = columns(history, end, width);
    let highest = columns.iter().copied().fold(0.0, f64::max);
    let mut marks: Vec<char> = columns.iter().map(|rate| block(*rate, highest)).collect();
    for outage in outages {
        let (from, to) = span(outage);
        let [first, last] = [from, to].map(|seconds| seconds / end * width as f64);
        let (first, last) = (first as usize, last.ceil() as usize);
        marks.iter_mut().take(last).skip(first).for_each(|mark| *mark = OUTAGE);
    }
    let highest = number(highest.round() as u64);
    let count = match outages.len() {
        0 => String::new(),
        count => format!("; {OUTAGE}: {}", plural(count as u64, "outage")),
    };
    writeln!(out, "Over time   0 s to {end:.2} s, up to {highest}/s{count}")?;
    let strip: String = marks
        .chunk_by(|one, other| (*one == OUTAGE) == (*other == OUTAGE))
        .map(|marks| {
            let marks: String = marks.iter().collect();
            let is_red = screen.has_colour && marks.starts_with(OUTAGE);
            if is_red { format!("\x1b[31m{marks}\x1b[0m") } else { marks }
        })
        .collect();
    writeln!(out, "{:INDENT$}{}", "", strip.trim_end())?;
    writeln!(out)
}

/// A column without a reply that there should have been.
const OUTAGE: char = 'x';

/// The rates of `width` columns of time: each that of its interval, without the outages in it.
fn columns(History { intervals, outages }: &History, end: f64, width: usize) -> Vec<f64> {
    let length = end / width as f64;
    let mut columns = vec![0.0; width];
    for row in intervals {
        let until = row.start_s + row.duration_s;
        let overlap = |(from, to): (f64, f64)| (to.min(until) - from.max(row.start_s)).max(0.0);
        let outages = &outages[outages.partition_point(|outage| span(outage).1 <= row.start_s)..];
        let outages = outages.iter().map(span).take_while(|(from, _)| *from < until);
        let up = row.duration_s - outages.map(overlap).sum::<f64>();
        // A burst at the end of an outage is not higher than it would be in a column of its own.
        let rate = row.messages as f64 / up.max(length.min(row.duration_s));
        let first = (row.start_s / length) as usize;
        for (number, column) in columns.iter_mut().enumerate().skip(first) {
            let from = number as f64 * length;
            if from >= until {
                break;
            }
            *column += rate * overlap((from, from + length)) / length;
        }
    }
    columns
}

/// From when to when, in seconds.
fn span(outage: &Outage) -> (f64, f64) {
    (outage.start.as_secs_f64(), (outage.start + outage.duration).as_secs_f64())
}

/// An eighth of the height for each eighth of the `highest` rate, and at least one for any message.
fn block(rate: f64, highest: f64) -> char {
    const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let eighths = (rate / highest * 8.0).round();
    if rate > 0.0 { BLOCKS[(eighths as usize).clamp(1, 8)] } else { BLOCKS[0] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Row;
    use proptest::prelude::*;
    use std::time::Duration;

    fn row(start_s: f64, duration_s: f64, messages: u64) -> Row {
        let (errors, lost) = (0, 0);
        let [p50_us, p99_us, max_us] = [None; 3];
        Row { start_s, duration_s, messages, errors, lost, p50_us, p99_us, max_us }
    }

    fn outage(start: u64, duration: u64) -> Outage {
        let [start, duration] = [start, duration].map(Duration::from_millis);
        Outage { start, duration }
    }

    fn text(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_outage_has_a_line_whose_figures_add_up() {
        let outages = [outage(2014, 2971)];
        let expected = "Outage 2.98 s, from 2.01 s to 4.99 s\n";
        assert_eq!(text(|out| write_outages(&outages, out)), expected);
    }

    #[test]
    fn of_many_outages_the_longest_have_a_line_in_their_order() {
        let outages: Vec<_> = (0..13).map(|number| outage(number * 1000, 100 + number)).collect();
        let text = text(|out| write_outages(&outages, out));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 11, "{text}");
        assert!(lines[0].ends_with("from 3.00 s to 3.10 s"), "{text}");
        assert!(lines[9].ends_with("from 12.00 s to 12.11 s"), "{text}");
        assert_eq!(lines[10], "and 3 more");
    }

    fn strip(history: &History, width: usize, has_colour: bool) -> String {
        text(|out| write(history, Screen { width, has_colour }, out))
    }

    fn history() -> History {
        let intervals = vec![row(0.0, 1.0, 800), row(1.0, 1.0, 200), row(2.0, 1.0, 0)];
        History { intervals, outages: vec![outage(1500, 500)] }
    }

    #[test]
    fn the_strip_shows_the_rate_of_each_interval_and_marks_outages() {
        let head = "Over time   0 s to 3.00 s, up to 800/s; x: 1 outage\n";
        let expected = format!("{head}  ████▄▄xx\n\n");
        assert_eq!(strip(&history(), 14, false), expected);
        let expected = format!("{head}  ████▄▄\x1b[31mxx\x1b[0m\n\n");
        assert_eq!(strip(&history(), 14, true), expected);
    }

    #[test]
    fn without_a_run_or_any_width_there_is_no_strip() {
        assert_eq!(strip(&History::default(), 80, false), "");
        assert_eq!(strip(&history(), 2, false), "");
    }

    #[test]
    fn an_outage_is_seen_however_short_it_is() {
        let history =
            History { intervals: vec![row(0.0, 1000.0, 5)], outages: vec![outage(500_000, 100)] };
        assert!(strip(&history, 42, false).contains("█x█"));
    }

    proptest! {
        #[test]
        fn a_strip_is_never_wider_than_its_screen(
            messages in prop::collection::vec(0..1_000_000u64, 1..300),
            spans in prop::collection::vec((0..400_000u64, 100..9000u64), 0..9),
            width in 0..300usize,
        ) {
            let rows = messages.iter().enumerate();
            let intervals = rows.map(|(number, count)| row(number as f64, 1.0, *count)).collect();
            let outages = spans.into_iter().map(|(start, length)| outage(start, length));
            let history = History { intervals, outages: longest(outages.collect(), 9) };
            let text = strip(&history, width, false);
            let widest = text.lines().skip(1).map(|line| line.chars().count()).max();
            prop_assert!(widest.unwrap_or_default() <= width.min(MAX_WIDTH));
        }
    }
}
