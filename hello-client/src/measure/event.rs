//! What happens to messages, as it happens.

use std::time::Instant;

use hello_proto::Unexpected;

use super::Problem;

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
    Wrong(Option<Batch>, &'a Unexpected),
    /// These messages will not be answered in time, for this reason.
    Lost(Batch, &'a Problem),
    /// The reply to a message that was lost for being late came after all.
    Late(Batch),
    /// A reply came behind that to a later message; it was also `Answered`.
    Reordered(Batch),
    /// A reply came once more.
    Duplicated,
    /// A connection could not be opened, or was cut off.
    Failed(&'a Problem),
}

/// Who is told what happens.
pub(crate) trait Listener {
    /// This happened, now.
    fn hear(&mut self, event: Event<'_>, now: Instant);

    /// Every few milliseconds, between events.
    fn pause(&mut self, now: Instant) {
        let _ = now;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Remembers what it was told, in short.
    #[derive(Debug, Default)]
    pub(crate) struct Notes(pub(crate) Vec<String>);

    impl Listener for Notes {
        fn hear(&mut self, event: Event<'_>, _: Instant) {
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
                Event::Failed(problem) => format!("failed: {problem}"),
            });
        }
    }

    impl Notes {
        /// What was noted since the last time.
        pub(crate) fn take(&mut self) -> Vec<String> {
            std::mem::take(&mut self.0)
        }
    }
}
