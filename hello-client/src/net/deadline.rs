//! Times that are set for something to happen.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

/// The end of one wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    /// How long the wait is, as an error tells it.
    wait: Duration,
}

impl Deadline {
    /// This long from now.
    pub(crate) fn after(wait: Duration) -> Self {
        Self { at: Instant::now() + wait, wait }
    }

    /// How long the whole wait is.
    pub(crate) fn wait(self) -> Duration {
        self.wait
    }

    /// When the first of `parts` equal parts of the time that remains is over.
    pub(crate) fn split(self, parts: usize) -> Self {
        match parts {
            1 => self,
            _ => Self::after(self.left().div_f64(parts as f64)),
        }
    }

    /// The earlier one of this and `wait` from now.
    pub(crate) fn at_most(self, wait: Duration) -> Self {
        if self.left() <= wait { self } else { Self::after(wait) }
    }

    /// The time that remains, as the timeout of a socket, to which zero means none.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::TimedOut`], once it is over.
    pub(super) fn remaining(self) -> io::Result<Duration> {
        match self.left() {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(left.max(Duration::from_millis(1))),
        }
    }

    /// The time that remains; zero once it is over.
    pub(super) fn left(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }
}

impl fmt::Display for Deadline {
    /// The whole wait, to the millisecond.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Duration::from_millis(self.wait.as_millis().max(1) as u64))
    }
}

/// How long each wait of an attempt may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeout {
    each: Duration,
    /// When the last one is over.
    end: Option<Instant>,
}

impl Timeout {
    /// How long an attempt that begins at the end of the time for attempts may take.
    const OVERTIME: Duration = Duration::from_millis(500);

    /// From one datagram to a server that may not be there yet to the next one.
    const RESEND_INTERVAL: Duration = Duration::from_millis(200);

    /// Any number of waits of this length.
    pub(crate) fn new(each: Duration) -> Self {
        Self { each, end: None }
    }

    /// Waits that are all over after this time.
    pub(crate) fn within(all: Duration) -> Self {
        Self { each: all, end: Some(Instant::now() + all) }
    }

    /// The same, in an attempt that should begin before `end`.
    pub(super) fn until(self, end: Instant) -> Self {
        Self { end: Some(end + Self::OVERTIME), ..self }
    }

    /// The ends of `count` waits, one after the other, or of as many as there is time for; of one
    /// at least, so that an attempt that begins late is one all the same.
    pub(crate) fn rounds(self, count: usize) -> impl Iterator<Item = Deadline> {
        let rounds = (0..count).map(move |index| (index, self.start()));
        let rounds = rounds.take_while(|(index, round)| *index == 0 || !round.wait.is_zero());
        rounds.map(|(_, round)| round)
    }

    /// The ends of the waits for the answer to a datagram: where attempts are repeated, it is sent
    /// again and again in each of them, since nothing tells that it was dropped.
    pub(crate) fn resends(self) -> impl Iterator<Item = Deadline> {
        let Some(end) = self.end else { return self.rounds(1) };
        let end = Some(end.min(Instant::now() + self.each));
        Self { each: Self::RESEND_INTERVAL, end }.rounds(usize::MAX)
    }

    /// A wait that begins now.
    pub(crate) fn start(self) -> Deadline {
        let left = self.end.map(|end| end.saturating_duration_since(Instant::now()));
        Deadline::after(left.map_or(self.each, |left| left.min(self.each)))
    }
}
