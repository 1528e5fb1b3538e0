//! A line for each event, as it happens.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hello_proto::ReplyError;
use serde::Serialize;

use super::presence::Presence;
use crate::error::Error;
use crate::load::{Batch, ConnectionError, Event, Observer, Stats};
use crate::options::{PingOptions, Target};
use crate::report::{can_write, json};
use crate::units::{seconds, time};

/// Where the lines of all endpoints go, each of them whole.
pub(super) struct Lines<'a> {
    out: Mutex<(&'a mut (dyn Write + Send), io::Result<()>)>,
    /// Set when nothing more can be written.
    stop: &'a AtomicBool,
}

impl<'a> Lines<'a> {
    pub(super) fn new(out: &'a mut (dyn Write + Send), stop: &'a AtomicBool) -> Self {
        Self { out: Mutex::new((out, Ok(()))), stop }
    }

    /// Writes one line, or after an error none.
    pub(super) fn write(&self, line: &str) {
        let mut guard = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let (out, written) = &mut *guard;
        if written.is_ok() {
            *written = out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush());
            if written.is_err() {
                self.stop.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Whether all lines were written.
    ///
    /// # Errors
    ///
    /// Why not.
    pub(super) fn finish(self) -> io::Result<()> {
        self.out.into_inner().unwrap_or_else(PoisonError::into_inner).1
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// What a line looks like.
#[derive(Debug)]
pub(super) struct Style {
    is_json: bool,
    has_time: bool,
    /// The bytes of a message.
    size: usize,
    /// The width of the endpoints, if there are several to tell apart.
    width: Option<usize>,
}

impl Style {
    pub(super) fn new(options: &PingOptions, targets: &[Target]) -> Self {
        let widths = targets.iter().map(|target| target.endpoint.to_string().len());
        Self {
            is_json: options.json_lines,
            has_time: options.timestamps,
            size: options.size,
            width: widths.max().filter(|_| targets.len() > 1),
        }
    }

    /// What happened at `endpoint`, to the message with this number if to one.
    fn line(&self, endpoint: &str, seq: Option<u64>, what: What<'_>, now: SystemTime) -> String {
        if self.is_json {
            let object = Object {
                r#type: what.name(),
                endpoint: self.width.map(|_| endpoint),
                seq,
                time: humantime::format_rfc3339_micros(now).to_string(),
                rtt_us: what.round_trip().map(json::micros),
                down_s: match what {
                    What::Up(gone) => Some(seconds(gone)),
                    _ => None,
                },
                error: what.error(),
            };
            return serde_json::to_string(&object).expect("its keys are strings");
        }
        let mut line = String::new();
        if self.has_time {
            // The clock of a machine may be before 1970.
            let time = now.duration_since(UNIX_EPOCH).unwrap_or_default();
            line += &format!("[{}.{:06}] ", time.as_secs(), time.subsec_micros());
        }
        if let Some(width) = self.width {
            line += &format!("{endpoint:<width$}  ");
        }
        if let Some(seq) = seq {
            line += &format!("seq={seq} ");
        }
        line + &what.text(self.size)
    }
}

/// A line of `--json-lines`, with no more than there is to say.
#[derive(Serialize)]
struct Object<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtt_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    down_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error>,
}

/// What a line tells.
#[derive(Clone, Copy)]
enum What<'a> {
    /// The right reply came, after this time.
    Reply(Duration),
    /// No reply came in time.
    Lost(&'a ConnectionError),
    /// A reply came after that, after this time.
    Late(Duration),
    /// Another reply came.
    Wrong(&'a ReplyError),
    /// A reply came once more.
    Duplicated,
    /// The server has gone.
    Down(&'a ConnectionError),
    /// The server is back, after this time.
    Up(Duration),
}

impl What<'_> {
    fn name(self) -> &'static str {
        match self {
            Self::Reply(_) => "reply",
            Self::Lost(_) => "lost",
            Self::Late(_) => "late",
            Self::Wrong(_) => "wrong",
            Self::Duplicated => "duplicated",
            Self::Down(_) => "down",
            Self::Up(_) => "up",
        }
    }

    fn round_trip(self) -> Option<Duration> {
        match self {
            Self::Reply(round_trip) | Self::Late(round_trip) => Some(round_trip),
            Self::Lost(_) | Self::Wrong(_) | Self::Duplicated | Self::Down(_) | Self::Up(_) => None,
        }
    }

    fn error(self) -> Option<Error> {
        match self {
            Self::Lost(why) | Self::Down(why) => {
                Some(Error::unreached(why.kind(), why.to_string()))
            }
            Self::Wrong(wrong) => Some(wrong.clone().into()),
            Self::Reply(_) | Self::Late(_) | Self::Duplicated | Self::Up(_) => None,
        }
    }

    /// What stands behind the number of a message of `size` bytes.
    fn text(self, size: usize) -> String {
        let text = |round_trip: Duration| time(round_trip.as_nanos() as f64 / 1e3);
        match self {
            Self::Reply(round_trip) => format!("bytes={size} rtt={}", text(round_trip)),
            Self::Lost(why) => format!("lost: {why}"),
            Self::Late(round_trip) => format!("late: bytes={size} rtt={}", text(round_trip)),
            Self::Wrong(wrong) => format!("wrong: {wrong}"),
            Self::Duplicated => "a reply came twice".to_owned(),
            Self::Down(why) => format!("down: {why}"),
            Self::Up(gone) => format!("up: was down for {}", text(gone)),
        }
    }
}

/// Counts the events at one endpoint, and writes a line for each of them.
pub(super) struct LinePrinter<'a, 'out> {
    endpoint: String,
    stats: Stats,
    presence: Presence,
    style: &'a Style,
    lines: &'a Lines<'out>,
}

impl<'a, 'out> LinePrinter<'a, 'out> {
    pub(super) fn new(
        target: &Target,
        stats: Stats,
        style: &'a Style,
        lines: &'a Lines<'out>,
    ) -> Self {
        let endpoint = target.endpoint.to_string();
        Self { endpoint, stats, presence: Presence::default(), style, lines }
    }

    /// What was counted.
    pub(super) fn into_stats(self) -> Stats {
        self.stats
    }

    fn print_each(&self, batch: Batch, what: What<'_>) {
        // A signal ends it within a batch, too.
        let numbers = batch.first..batch.first + batch.count;
        for number in numbers.take_while(|_| !self.lines.is_stopped()) {
            self.print(Some(number + 1), what);
        }
    }

    fn print(&self, seq: Option<u64>, what: What<'_>) {
        self.lines.write(&self.style.line(&self.endpoint, seq, what, SystemTime::now()));
    }

    /// Something that began at `since` went wrong.
    fn lost(&mut self, since: Instant, why: &ConnectionError) {
        if self.presence.lost(since) {
            self.print(None, What::Down(why));
        }
    }
}

impl Observer for LinePrinter<'_, '_> {
    fn on_event(&mut self, event: Event<'_>, now: Instant) {
        let round_trip = |batch: &Batch| now.saturating_duration_since(batch.since);
        match &event {
            Event::Answered(batch) => {
                if let Some(gone) = self.presence.answered(batch.since, now) {
                    self.print(None, What::Up(gone));
                }
                self.print_each(*batch, What::Reply(round_trip(batch)));
            }
            Event::Lost(batch, why) => {
                self.lost(batch.since, why);
                self.print_each(*batch, What::Lost(why));
            }
            Event::Late(batch) => self.print_each(*batch, What::Late(round_trip(batch))),
            Event::Wrong(Some(batch), wrong) => self.print_each(*batch, What::Wrong(wrong)),
            Event::Wrong(None, wrong) => self.print(None, What::Wrong(wrong)),
            Event::Duplicated => self.print(None, What::Duplicated),
            Event::Failed(why) => self.lost(now, why),
            Event::Reordered(_)
            | Event::Reached
            | Event::Unsent(_)
            | Event::Overflowed(_)
            | Event::Paced(_)
            | Event::SessionEnded { .. }
            | Event::Tcp(_)
            | Event::Varied(_) => {}
        }
        self.stats.on_event(event, now);
    }
}

/// What cannot be written at once is dropped: nothing depends on it.
pub(super) struct IgnoreErrors<W>(pub(super) W);

impl<W: Write + AsFd> Write for IgnoreErrors<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A pipe with room takes a whole line: pipe(7).
        if !can_write(&self.0, Duration::ZERO) {
            return Ok(bytes.len());
        }
        Ok(self.0.write(bytes).unwrap_or(bytes.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().or(Ok(()))
    }
}
