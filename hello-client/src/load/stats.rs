//! What happens to messages and connections, and the counts of it.

use std::time::{Duration, Instant};

use hello_proto::ReplyError;

use super::{ConnectionError, ErrorCounts, Latency};
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
/// Every message ends in just one of `Answered`, `Wrong` with a message, and `Lost`, unless the run
/// is stopped before.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// The server is there: it took the connection, or answered.
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
}

/// Counts, prints or shows what happens.
pub(crate) trait Observer {
    /// Called when `event` happens, at `now`.
    fn on_event(&mut self, event: Event<'_>, now: Instant);

    /// Called every few milliseconds, between events.
    fn on_tick(&mut self, _now: Instant) {}
}

/// The counts of a run. Messages from before the end of the warm-up are not in them; wrong replies
/// and failed connections are, whenever they come.
#[derive(Clone, Debug)]
pub(crate) struct Stats {
    warm_until: Instant,
    /// The round trips of the messages that were answered.
    pub(crate) latency: Latency,
    /// Messages that were not answered, or not in time.
    pub(crate) lost: u64,
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
    /// Whether the server was there at all, also in the warm-up.
    pub(crate) is_reached: bool,
    /// Messages to which a wrong reply came.
    answered_wrongly: u64,
    /// When it ended: with the last reply, or later.
    ended: Instant,
}

impl Stats {
    /// Nothing yet; messages from before `warm_until` will not be counted.
    pub(crate) fn new(warm_until: Instant) -> Self {
        Self {
            warm_until,
            latency: Latency::new(),
            lost: 0,
            late: 0,
            duplicated: 0,
            reordered: 0,
            wrong_replies: 0,
            first_wrong: None,
            connection_errors: ErrorCounts::default(),
            is_reached: false,
            answered_wrongly: 0,
            ended: warm_until,
        }
    }

    /// Messages that were answered, rightly and in time.
    pub(crate) fn received(&self) -> u64 {
        self.latency.histogram().len()
    }

    /// Messages that were sent, and answered or lost.
    pub(crate) fn sent(&self) -> u64 {
        self.received() + self.answered_wrongly + self.lost
    }

    /// Wrong replies and connection errors.
    pub(crate) fn errors(&self) -> u64 {
        self.wrong_replies + self.connection_errors.total()
    }

    /// The run went on until then, even if no more replies came.
    pub(crate) fn end(&mut self, at: Instant) {
        self.ended = self.ended.max(at);
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

    /// Adds what another thread of the same run counted.
    pub(crate) fn add(&mut self, other: Self) {
        self.latency.add(&other.latency);
        self.lost += other.lost;
        self.late += other.late;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.wrong_replies += other.wrong_replies;
        self.first_wrong = self.first_wrong.take().or(other.first_wrong);
        other
            .connection_errors
            .iter()
            .for_each(|(error, times)| self.connection_errors.count(&error, times));
        self.is_reached |= other.is_reached;
        self.answered_wrongly += other.answered_wrongly;
        self.ended = self.ended.max(other.ended);
    }

    /// Checks that what was counted shows a path to `target` that works. Loss, and connections that
    /// failed beside others that did not, are figures, not failures, unless they are over the `thresholds`.
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
            let loss = percent(self.lost, self.sent());
            return thresholds.check(loss, self.latency.quantile(0.99), self.errors());
        }
        // The server's own words come last, and tell most.
        Err(match self.connection_errors.iter().last() {
            Some((error, _)) if !self.is_reached => {
                Error::unreached(error.kind(), format!("the server was never reached: {error}"))
            }
            Some((error, _)) => {
                Error::unanswered(error.kind(), format!("no message was answered: {error}"))
            }
            None if self.sent() == 0 => {
                Error::unanswered(ErrorKind::Timeout, "it ended before any message was measured")
            }
            None => Error::unanswered(
                ErrorKind::Timeout,
                format!("no message was answered within {:?}", target.timeout()),
            ),
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
            Event::Lost(batch, _) => self.lost += counted(batch),
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
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Keeps events, in short.
    #[derive(Debug, Default)]
    pub(crate) struct Notes(pub(crate) Vec<String>);

    impl Observer for Notes {
        fn on_event(&mut self, event: Event<'_>, _: Instant) {
            let numbers = |batch: Batch| format!("{}+{}", batch.first, batch.count);
            self.0.push(match event {
                Event::Reached => "reached".to_owned(),
                Event::Answered(batch) => format!("answered {}", numbers(batch)),
                Event::Wrong(Some(batch), what) => format!("wrong {}: {what}", numbers(batch)),
                Event::Wrong(None, what) => format!("wrong: {what}"),
                Event::Lost(batch, why) => format!("lost {}: {why}", numbers(batch)),
                Event::Late(batch) => format!("late {}", numbers(batch)),
                Event::Reordered(batch) => format!("reordered {}", numbers(batch)),
                Event::Duplicated => "duplicated".to_owned(),
                Event::Failed(error) => format!("failed: {error}"),
            });
        }
    }

    impl Notes {
        /// The events since the last call.
        pub(crate) fn take(&mut self) -> Vec<String> {
            std::mem::take(&mut self.0)
        }
    }

    const LATE: ConnectionError = ConnectionError::Lost(ErrorKind::Timeout);

    #[test]
    fn messages_of_the_warm_up_are_not_counted_and_errors_are() {
        let start = Instant::now();
        let warm = start + Duration::from_secs(1);
        let mut stats = Stats::new(warm);
        for since in [start, warm] {
            let batch = Batch { first: 0, count: 3, since };
            let now = since + Duration::from_secs(2);
            let wrong = ReplyError::Mismatch { reply: vec![], expected: None };
            stats.on_event(Event::Answered(batch), now);
            stats.on_event(Event::Lost(batch, &LATE), now);
            stats.on_event(Event::Late(batch), now);
            stats.on_event(Event::Reordered(batch), now);
            stats.on_event(Event::Wrong(Some(Batch { count: 1, ..batch }), &wrong), now);
            stats.on_event(Event::Failed(&ConnectionError::Connect(ErrorKind::Refused)), now);
            stats.on_event(Event::Duplicated, since);
        }
        assert_eq!((stats.sent(), stats.received(), stats.lost), (7, 3, 3));
        assert_eq!((stats.late, stats.reordered, stats.duplicated), (3, 3, 1));
        assert_eq!((stats.wrong_replies, stats.errors()), (2, 4));
        assert_eq!(stats.messages_per_s(), Some(1.5));
    }

    #[test]
    fn without_a_reply_there_is_no_rate() {
        let mut stats = Stats::new(Instant::now());
        assert_eq!(stats.messages_per_s(), None);
        stats.end(Instant::now());
        assert_eq!(stats.messages_per_s(), None);
    }

    #[test]
    fn silence_at_the_end_is_part_of_the_rate() {
        let start = Instant::now();
        let mut stats = Stats::new(start);
        let batch = Batch { first: 0, count: 8, since: start };
        stats.on_event(Event::Answered(batch), start + Duration::from_secs(1));
        stats.end(start + Duration::from_secs(4));
        assert_eq!(stats.messages_per_s(), Some(2.0));
    }

    #[test]
    fn threads_are_added_up() {
        let start = Instant::now();
        let mut sum = Stats::new(start);
        for seconds in [2, 1] {
            let mut stats = Stats::new(start);
            let now = start + Duration::from_secs(seconds);
            stats.on_event(Event::Answered(Batch { first: 0, count: 4, since: start }), now);
            stats.on_event(Event::Failed(&LATE), now);
            sum.add(stats);
        }
        assert_eq!((sum.received(), sum.errors()), (8, 2));
        assert_eq!(sum.elapsed(), Duration::from_secs(2));
    }
}
