//! What happens to messages and connections, and the counts of it.

use std::time::{Duration, Instant, SystemTime};

use hello_proto::ReplyError;

use super::{ConnectionError, ErrorCounts, Jitter, Latency, TcpTotals};
use crate::error::{Error, ErrorKind};
use crate::options::Target;
use crate::thresholds::Thresholds;
use crate::units::{number, percent};

/// Messages in a row that are timed from the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// The number of the first one; a connection counts its messages from 0.
    pub(crate) first: u64,
    /// How many there are.
    pub(crate) count: u64,
    /// From when their round trips are timed.
    pub(crate) since: Instant,
}

/// Something that happened on a connection.
///
/// Every message that left ends in just one of `Answered`, `Wrong` with a message, and `Lost`, unless
/// the run is stopped before.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event<'a> {
    /// The server is there: something came back from it.
    Reached,
    /// The right replies to these messages came.
    Answered(Batch),
    /// A wrong reply came, to this message if it could be to any.
    Wrong(Option<Batch>, &'a ReplyError),
    /// These messages will not be answered in time, for this reason.
    Lost(Batch, &'a ConnectionError),
    /// The reply to a message that was lost for being late came after all.
    Late(Batch),
    /// A reply came behind that to a later message; it was also `Answered`.
    Reordered(Batch),
    /// A reply came once more.
    Duplicated,
    /// A connection could not be opened, or was cut off.
    Failed(&'a ConnectionError),
    /// So many messages were due after the warm-up, and did not leave in time.
    Unsent(u64),
    /// The system dropped so many replies, because we did not read them fast enough.
    Overflowed(u64),
    /// All messages of a thread have become due, or the run was stopped.
    Paced(Pace),
    /// A session of one message has ended as it should.
    SessionEnded {
        /// When it was due, or began.
        since: Instant,
        /// How long connecting took.
        connected_in: Duration,
    },
    /// What TCP knew of a thread's connections; at the end of its run.
    Tcp(TcpTotals),
    /// How much the round trips on a thread's connections varied; at the end of its run.
    Varied(Jitter),
}

/// How well a thread kept the asked rate after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// The messages that had left by the end of the period.
    pub(crate) sent: u64,
    /// From the end of the warm-up until the last message had its time.
    pub(crate) period: Duration,
    /// What held it up, if it did not keep the rate.
    pub(crate) limit: Option<Limit>,
}

/// What keeps messages from leaving when they are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Limit {
    /// The client waits for the server or the network: for replies, or room in a send buffer.
    Path,
    /// The client is never done with what it has to do.
    Client,
}

/// Counts, prints or shows what happens.
pub(crate) trait Observer {
    /// Called when `event` happens, at `now`.
    fn on_event(&mut self, event: Event<'_>, now: Instant);

    /// Called every few milliseconds, between events. `owed_since` finds out since when a reply is
    /// owed or nothing can be sent, if that is so.
    fn on_tick(&mut self, _now: Instant, _owed_since: &dyn Fn() -> Option<Instant>) {}
}

/// The sessions of a run that has one for each message.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    /// How long connecting took.
    pub(crate) connecting: Latency,
    /// How long they were, from when they were due or began to the end of the stream.
    pub(crate) whole: Latency,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { connecting: Latency::new(), whole: Latency::new() }
    }
}

/// The counts of a run. Messages from before the end of the warm-up are not in them; wrong replies
/// and failed connections are, whenever they come.
#[derive(Clone, Debug)]
pub(crate) struct Stats {
    warm_until: Instant,
    /// The round trips of the messages that were answered.
    pub(crate) latency: Latency,
    /// How much they varied from one to the next.
    pub(crate) jitter: Jitter,
    /// What TCP knew of the connections.
    pub(crate) tcp: TcpTotals,
    /// The sessions that ended as they should, if each message has one.
    pub(crate) sessions: Option<Sessions>,
    /// Messages that were not answered, or not in time.
    unanswered: u64,
    /// Messages that were due and did not leave.
    pub(crate) unsent: u64,
    /// Replies that the client's own system dropped.
    pub(crate) receive_buffer_drops: u64,
    /// Lost messages that were answered after all.
    pub(crate) late: u64,
    /// Replies that came once more.
    pub(crate) duplicated: u64,
    /// Replies that came behind that to a later message.
    pub(crate) reordered: u64,
    /// Wrong replies, also those in the warm-up.
    pub(crate) wrong_replies: u64,
    /// The first wrong reply.
    pub(crate) first_wrong: Option<ReplyError>,
    /// What went wrong with the connections.
    pub(crate) connection_errors: ErrorCounts,
    /// What held up the messages of an open loop, if they did not leave at the asked rate.
    pub(crate) limit: Option<Limit>,
    /// Whether a signal ended it early.
    pub(crate) is_interrupted: bool,
    /// Whether anything came back from the server, also in the warm-up.
    pub(crate) is_reached: bool,
    /// Messages to which a wrong reply came.
    answered_wrongly: u64,
    /// The messages that left while they were due, and how long that was; nothing in a closed loop.
    paced: (u64, Duration),
    /// When it ended: with the last reply, or later.
    ended: Instant,
}

impl Stats {
    /// Nothing yet; messages from before `warm_until` will not be counted.
    pub(crate) fn new(warm_until: Instant) -> Self {
        Self {
            warm_until,
            latency: Latency::new(),
            jitter: Jitter::default(),
            tcp: TcpTotals::default(),
            sessions: None,
            unanswered: 0,
            unsent: 0,
            receive_buffer_drops: 0,
            late: 0,
            duplicated: 0,
            reordered: 0,
            wrong_replies: 0,
            first_wrong: None,
            connection_errors: ErrorCounts::default(),
            limit: None,
            is_interrupted: false,
            is_reached: false,
            answered_wrongly: 0,
            paced: (0, Duration::ZERO),
            ended: warm_until,
        }
    }

    /// Messages that were answered, rightly and in time.
    pub(crate) fn received(&self) -> u64 {
        self.latency.histogram().len()
    }

    /// Messages that were not answered in time, less those whose replies our own system dropped.
    pub(crate) fn lost(&self) -> u64 {
        self.unanswered.saturating_sub(self.receive_buffer_drops)
    }

    /// Messages that were not answered in time, also those whose replies our own system dropped.
    pub(crate) fn unanswered(&self) -> u64 {
        self.unanswered
    }

    /// Messages that left, and were answered or not.
    pub(crate) fn sent(&self) -> u64 {
        self.received() + self.answered_wrongly + self.unanswered
    }

    /// Wrong replies and connection errors.
    pub(crate) fn errors(&self) -> u64 {
        self.wrong_replies + self.connection_errors.total()
    }

    /// The run went on until then, even if no more replies came.
    pub(crate) fn end(&mut self, at: Instant) {
        self.ended = self.ended.max(at);
    }

    /// The wall clock at the end of the warm-up.
    pub(crate) fn started_at(&self) -> SystemTime {
        let now = (Instant::now(), SystemTime::now());
        match now.0.checked_duration_since(self.warm_until) {
            Some(ago) => now.1 - ago,
            // It was interrupted in the warm-up.
            None => now.1 + (self.warm_until - now.0),
        }
    }

    /// From the end of the warm-up to the last reply, or to the end.
    pub(crate) fn elapsed(&self) -> Duration {
        self.ended - self.warm_until
    }

    /// Messages answered in a second, if any were.
    pub(crate) fn messages_per_s(&self) -> Option<f64> {
        let elapsed = self.elapsed().as_secs_f64();
        (self.received() > 0 && elapsed > 0.0).then(|| self.received() as f64 / elapsed)
    }

    /// Sessions that ended in a second, if any did.
    pub(crate) fn sessions_per_s(&self) -> Option<f64> {
        let elapsed = self.elapsed().as_secs_f64();
        let sessions = self.sessions.as_ref()?.whole.histogram().len();
        (elapsed > 0.0).then(|| sessions as f64 / elapsed)
    }

    /// Messages sent in a second; in an open loop, while they were due.
    pub(crate) fn sent_per_s(&self) -> Option<f64> {
        let (sent, period) = match self.paced {
            (_, Duration::ZERO) => (self.sent(), self.elapsed()),
            paced => paced,
        };
        let seconds = period.as_secs_f64();
        (sent > 0 && seconds > 0.0).then(|| sent as f64 / seconds)
    }

    /// Adds what another thread of the same run counted.
    pub(crate) fn add(&mut self, other: Self) {
        self.latency.add(&other.latency);
        self.jitter.add(other.jitter);
        self.tcp.add(other.tcp);
        if let Some(other) = other.sessions {
            let sessions = self.sessions.get_or_insert_default();
            sessions.connecting.add(&other.connecting);
            sessions.whole.add(&other.whole);
        }
        self.unanswered += other.unanswered;
        self.unsent += other.unsent;
        self.receive_buffer_drops += other.receive_buffer_drops;
        self.late += other.late;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.wrong_replies += other.wrong_replies;
        self.first_wrong = self.first_wrong.take().or(other.first_wrong);
        other
            .connection_errors
            .iter()
            .for_each(|(error, times)| self.connection_errors.count(&error, times));
        self.limit = self.limit.max(other.limit);
        self.is_interrupted |= other.is_interrupted;
        self.is_reached |= other.is_reached;
        self.answered_wrongly += other.answered_wrongly;
        self.paced.0 += other.paced.0;
        self.paced.1 = self.paced.1.max(other.paced.1);
        self.ended = self.ended.max(other.ended);
    }

    /// Checks that what was counted shows a path to `target` that works. Loss, and connections that
    /// failed beside others that did not, are figures, not failures, unless they are over the
    /// `thresholds`.
    ///
    /// # Errors
    ///
    /// A reply was wrong, none came, the server was never reached, or a threshold is exceeded.
    pub(crate) fn evaluate(&self, target: &Target, thresholds: &Thresholds) -> Result<(), Error> {
        if let Some(first) = &self.first_wrong {
            let first = Error::from(first.clone());
            let message =
                format!("wrong replies: {}; the first: {first}", number(self.wrong_replies));
            return Err(Error::unanswered(first.kind, message));
        }
        if self.received() > 0 {
            let loss = percent(self.lost(), self.sent());
            return thresholds.check(loss, self.latency.quantile(0.99), self.errors());
        }
        let failed = if self.is_reached { Error::unanswered } else { Error::unreached };
        // The server's own words come last, and tell most.
        Err(match self.connection_errors.iter().last() {
            Some((error, _)) if !self.is_reached => {
                failed(error.kind(), format!("nothing ever came back: {error}"))
            }
            Some((error, _)) => failed(error.kind(), format!("no message was answered: {error}")),
            None if self.sent() == 0 => {
                failed(ErrorKind::Timeout, "it ended before any message was measured".to_owned())
            }
            None => {
                let message = format!("no message was answered within {:?}", target.timeout());
                failed(ErrorKind::Timeout, message)
            }
        })
    }
}

impl Observer for Stats {
    fn on_event(&mut self, event: Event<'_>, now: Instant) {
        let warm_until = self.warm_until;
        let counted = |batch: Batch| if batch.since >= warm_until { batch.count } else { 0 };
        match event {
            Event::Answered(batch) => {
                if counted(batch) > 0 {
                    self.latency.record(now.saturating_duration_since(batch.since), batch.count);
                    self.ended = self.ended.max(now);
                }
            }
            Event::Lost(batch, _) => self.unanswered += counted(batch),
            Event::Late(batch) => self.late += counted(batch),
            Event::Reordered(batch) => self.reordered += counted(batch),
            Event::Duplicated => self.duplicated += u64::from(now >= warm_until),
            Event::Wrong(message, error) => {
                self.wrong_replies += 1;
                self.answered_wrongly += message.map_or(0, counted);
                self.first_wrong.get_or_insert_with(|| error.clone());
            }
            Event::Failed(error) => self.connection_errors.count(error, 1),
            Event::Reached => self.is_reached = true,
            Event::Unsent(count) => self.unsent += count,
            Event::Overflowed(count) => self.receive_buffer_drops += count,
            Event::Paced(Pace { sent, period, limit }) => {
                self.paced = (sent, period);
                self.limit = limit;
            }
            Event::SessionEnded { since, connected_in } => {
                if since >= warm_until {
                    let sessions = self.sessions.get_or_insert_default();
                    sessions.connecting.record(connected_in, 1);
                    sessions.whole.record(now.saturating_duration_since(since), 1);
                    self.ended = self.ended.max(now);
                }
            }
            Event::Tcp(totals) => self.tcp.add(totals),
            Event::Varied(jitter) => self.jitter.add(jitter),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
