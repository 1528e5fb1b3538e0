//! What is counted.

use std::time::{Duration, Instant};

use hello_proto::Unexpected;

use super::{Batch, Event, Latency, Listener, Problems};

/// The counts of a run. Messages from before the end of the warm-up are not in them; wrong replies
/// and problems are, whenever they come.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
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
    pub(crate) wrong: u64,
    /// The first wrong reply.
    pub(crate) first_wrong: Option<Unexpected>,
    /// What went wrong beside the messages.
    pub(crate) problems: Problems,
    /// Whether the server was there at all, also in the warm-up.
    pub(crate) is_reached: bool,
    /// Messages to which a wrong reply came.
    misanswered: u64,
    /// When it ended: with the last reply, or later.
    ended: Instant,
}

impl Tally {
    /// Nothing yet; messages from before `warm_until` will not be counted.
    pub(crate) fn new(warm_until: Instant) -> Self {
        Self {
            warm_until,
            latency: Latency::new(),
            lost: 0,
            late: 0,
            duplicated: 0,
            reordered: 0,
            wrong: 0,
            first_wrong: None,
            problems: Problems::default(),
            is_reached: false,
            misanswered: 0,
            ended: warm_until,
        }
    }

    /// Messages that were answered, rightly and in time.
    pub(crate) fn received(&self) -> u64 {
        self.latency.histogram().len()
    }

    /// Messages that were sent, and answered or lost.
    pub(crate) fn sent(&self) -> u64 {
        self.received() + self.misanswered + self.lost
    }

    /// Wrong replies and problems.
    pub(crate) fn errors(&self) -> u64 {
        self.wrong + self.problems.total()
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
        self.wrong += other.wrong;
        self.first_wrong = self.first_wrong.take().or(other.first_wrong);
        other.problems.each().for_each(|(problem, times)| self.problems.count(&problem, times));
        self.is_reached |= other.is_reached;
        self.misanswered += other.misanswered;
        self.ended = self.ended.max(other.ended);
    }

    fn counts(&self, batch: Batch) -> bool {
        batch.since >= self.warm_until
    }
}

impl Listener for Tally {
    #[inline]
    fn hear(&mut self, event: Event<'_>, now: Instant) {
        match event {
            Event::Answered(batch) if self.counts(batch) => {
                self.latency.record(now.saturating_duration_since(batch.since), batch.count);
                self.ended = self.ended.max(now);
            }
            Event::Lost(batch, _) if self.counts(batch) => self.lost += batch.count,
            Event::Late(batch) if self.counts(batch) => self.late += batch.count,
            Event::Reordered(batch) if self.counts(batch) => self.reordered += batch.count,
            Event::Duplicated if now >= self.warm_until => self.duplicated += 1,
            Event::Wrong(message, unexpected) => {
                self.wrong += 1;
                self.misanswered += u64::from(message.is_some_and(|batch| self.counts(batch)));
                self.first_wrong.get_or_insert_with(|| unexpected.clone());
            }
            Event::Failed(problem) => self.problems.count(problem, 1),
            Event::Reached => self.is_reached = true,
            Event::Answered(_)
            | Event::Lost(..)
            | Event::Late(_)
            | Event::Reordered(_)
            | Event::Duplicated => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;
    use crate::measure::Problem;

    const LATE: Problem = Problem::Cut(Kind::Timeout);

    #[test]
    fn messages_of_the_warm_up_are_not_counted_and_problems_are() {
        let start = Instant::now();
        let warm = start + Duration::from_secs(1);
        let mut tally = Tally::new(warm);
        for since in [start, warm] {
            let batch = Batch { first: 0, count: 3, since };
            let now = since + Duration::from_secs(2);
            let wrong = Unexpected::TooLong { limit: 9 };
            tally.hear(Event::Answered(batch), now);
            tally.hear(Event::Lost(batch, &LATE), now);
            tally.hear(Event::Late(batch), now);
            tally.hear(Event::Reordered(batch), now);
            tally.hear(Event::Wrong(Some(Batch { count: 1, ..batch }), &wrong), now);
            tally.hear(Event::Failed(&Problem::Connect(Kind::Refused)), now);
            tally.hear(Event::Duplicated, since);
        }
        assert_eq!((tally.sent(), tally.received(), tally.lost), (7, 3, 3));
        assert_eq!((tally.late, tally.reordered, tally.duplicated), (3, 3, 1));
        assert_eq!((tally.wrong, tally.errors()), (2, 4));
        assert_eq!(tally.messages_per_s(), Some(1.5));
    }

    #[test]
    fn without_a_reply_there_is_no_rate() {
        let mut tally = Tally::new(Instant::now());
        assert_eq!(tally.messages_per_s(), None);
        tally.end(Instant::now());
        assert_eq!(tally.messages_per_s(), None);
    }

    #[test]
    fn silence_at_the_end_is_part_of_the_rate() {
        let start = Instant::now();
        let mut tally = Tally::new(start);
        let batch = Batch { first: 0, count: 8, since: start };
        tally.hear(Event::Answered(batch), start + Duration::from_secs(1));
        tally.end(start + Duration::from_secs(4));
        assert_eq!(tally.messages_per_s(), Some(2.0));
    }

    #[test]
    fn threads_are_added_up() {
        let start = Instant::now();
        let mut sum = Tally::new(start);
        for seconds in [2, 1] {
            let mut tally = Tally::new(start);
            let now = start + Duration::from_secs(seconds);
            tally.hear(Event::Answered(Batch { first: 0, count: 4, since: start }), now);
            tally.hear(Event::Failed(&LATE), now);
            sum.add(tally);
        }
        assert_eq!((sum.received(), sum.errors()), (8, 2));
        assert_eq!(sum.elapsed(), Duration::from_secs(2));
    }
}
