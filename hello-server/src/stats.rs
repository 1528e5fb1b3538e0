//! What a server counts. Each thread counts for itself, so that counting costs no lock and no shared
//! cache line; whoever wants the figures of the server reads and adds up those of its threads.

use std::fmt;
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hello_proto::ErrorReason;

/// Why a session was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The client said `exit`.
    Exit,
    /// There was no more data.
    EndOfStream,
    /// A message was over the limit.
    TooLong,
    /// There was no complete message for too long.
    Idle,
    /// The client did not take its replies for too long.
    Unread,
    /// The server stopped.
    Shutdown,
    /// The connection broke.
    Lost,
}

impl Cause {
    pub(crate) fn name(self) -> &'static str {
        Counter::from(self).name()
    }
}

impl From<Cause> for Counter {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Exit => Self::Exit,
            Cause::EndOfStream => Self::EndOfStream,
            Cause::TooLong => Self::TooLong,
            Cause::Idle => Self::Idle,
            Cause::Unread => Self::Unread,
            Cause::Shutdown => Self::Shutdown,
            Cause::Lost => Self::Lost,
        }
    }
}

/// Defines the counters with the groups and the names under which the summary has them.
macro_rules! counters {
    ($($group:literal: { $($(#[$doc:meta])* $counter:ident = $name:literal,)* })*) => {
        /// What is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Counter {
            $($($(#[$doc])* $counter,)*)*
        }

        impl Counter {
            /// Each group's name, and its counters.
            const GROUPS: &[(&str, &[Self])] = &[$(($group, &[$(Self::$counter),*])),*];

            pub(crate) const COUNT: usize = [$($(Self::$counter),*),*].len();

            fn name(self) -> &'static str {
                match self {
                    $($(Self::$counter => $name,)*)*
                }
            }
        }
    };
}

counters! {
    "sessions": {
        /// Sessions that were admitted.
        Opened = "opened",
        /// Sessions that are over, whatever the cause.
        Ended = "ended",
        /// Sessions that the client ended with `exit`.
        Exit = "exit",
        /// Sessions that ended because there was no more data.
        EndOfStream = "end-of-stream",
        /// Sessions ended for a message over the limit.
        TooLong = "too-long",
        /// Sessions ended because there was no complete message for too long.
        Idle = "idle",
        /// Sessions ended because the client did not take its replies for too long.
        Unread = "unread",
        /// Sessions ended because the server stopped.
        Shutdown = "shutdown",
        /// Sessions whose connection broke.
        Lost = "lost",
        /// Clients told that the server is full.
        RejectedFull = "refused-full",
        /// Clients told that there are too many sessions from their address.
        RejectedAddress = "refused-address",
        /// Clients told, instead of being welcomed, that the server is shutting down.
        RejectedShutdown = "refused-shutdown",
        /// Times that accept(2) failed because a client had gone already.
        Aborted = "aborted",
        /// Times that accept(2) failed for another reason, most often a lack of descriptors.
        Starved = "starved",
        /// Connections closed because their PROXY protocol header was missing, wrong or late.
        RejectedProxyHeader = "refused-proxy-header",
    }
    "streams": {
        /// Messages answered on streams.
        Messages = "messages",
        /// Bytes received on streams.
        BytesIn = "bytes-in",
        /// Bytes sent on streams.
        BytesOut = "bytes-out",
    }
    "datagrams": {
        /// Datagrams received.
        Received = "received",
        /// Datagrams greeted.
        Greeted = "greeted",
        /// Datagrams dropped because they were over the limit.
        DatagramTooLong = "too-long",
        /// Datagrams dropped because they came from the server itself, or from nobody.
        BadSource = "bad-source",
        /// Greetings dropped because the system did not take them.
        Unsent = "unsent",
        /// Receives that failed.
        ReceiveErrors = "errors",
        /// Datagrams that the system dropped because the receive buffer was full.
        Overflowed = "overflowed",
    }
}

/// The figures of a thread, or of all of them, at one moment. Shown as `key=value` pairs in three
/// groups, for people and for scripts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats([u64; Counter::COUNT]);

impl Stats {
    /// The value of one counter.
    #[must_use]
    pub fn get(&self, counter: Counter) -> u64 {
        self.0[counter as usize]
    }

    pub(crate) fn set(&mut self, counter: Counter, count: u64) {
        self.0[counter as usize] = count;
    }

    /// Sessions that are open.
    pub(crate) fn open(&self) -> u64 {
        self.get(Counter::Opened).saturating_sub(self.get(Counter::Ended))
    }
}

/// The counters of one thread, which alone writes them. Aligned to the two cache lines that x86
/// fetches together, so that no other thread writes next to them.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counters([AtomicU64; Counter::COUNT]);

impl Counters {
    /// What has been counted up to now.
    pub(crate) fn read(&self) -> Stats {
        let mut stats = Stats::default();
        // From the last to the first: a session that ends meanwhile must not be one that has ended
        // without having been opened.
        for (count, counter) in stats.0.iter_mut().zip(&self.0).rev() {
            *count = counter.load(Ordering::Relaxed);
        }
        stats
    }
}

/// Counts, for one thread.
#[derive(Debug, Default)]
pub(crate) struct ThreadStats(Arc<Counters>);

impl ThreadStats {
    /// The counters, for others to read.
    pub(crate) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.0)
    }

    #[inline]
    pub(crate) fn add(&mut self, counter: Counter, amount: u64) {
        let counter = &self.0.0[counter as usize];
        // Nobody else writes, so this needs no locked instruction.
        counter.store(counter.load(Ordering::Relaxed) + amount, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn count(&mut self, counter: Counter) {
        self.add(counter, 1);
    }

    pub(crate) fn end(&mut self, cause: Cause) {
        self.count(Counter::Ended);
        self.count(cause.into());
    }

    pub(crate) fn reject(&mut self, reason: ErrorReason) {
        self.count(match reason {
            ErrorReason::Full => Counter::RejectedFull,
            ErrorReason::TooManyFromAddress => Counter::RejectedAddress,
            ErrorReason::ShuttingDown | ErrorReason::Decode(_) | ErrorReason::Idle(_) => {
                Counter::RejectedShutdown
            }
        });
    }
}

impl AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (group, counters)) in Counter::GROUPS.iter().enumerate() {
            write!(f, "{}{group}", if index == 0 { "" } else { "; " })?;
            for &counter in *counters {
                write!(f, " {}={}", counter.name(), self.get(counter))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_counted_apart_and_as_an_end() {
        let causes = [
            Cause::Exit,
            Cause::EndOfStream,
            Cause::TooLong,
            Cause::Idle,
            Cause::Unread,
            Cause::Shutdown,
            Cause::Lost,
        ];
        let mut stats = ThreadStats::default();
        for (times, cause) in causes.into_iter().enumerate() {
            (0..=times).for_each(|_| stats.end(cause));
        }
        assert_eq!(
            stats.counters().read().to_string(),
            "sessions opened=0 ended=28 exit=1 end-of-stream=2 too-long=3 idle=4 unread=5 \
             shutdown=6 lost=7 refused-full=0 refused-address=0 refused-shutdown=0 aborted=0 \
             starved=0 refused-proxy-header=0; streams messages=0 bytes-in=0 bytes-out=0; datagrams received=0 greeted=0 \
             too-long=0 bad-source=0 unsent=0 errors=0 overflowed=0"
        );
    }

    #[test]
    fn every_cause_has_the_name_that_the_summary_has_for_it() {
        assert_eq!(Cause::EndOfStream.name(), "end-of-stream");
        assert_eq!(Cause::Lost.name(), "lost");
    }

    #[test]
    fn every_client_that_is_rejected_is_counted_by_its_reason() {
        let mut stats = ThreadStats::default();
        for reason in [
            ErrorReason::Full,
            ErrorReason::TooManyFromAddress,
            ErrorReason::TooManyFromAddress,
            ErrorReason::ShuttingDown,
            ErrorReason::ShuttingDown,
            ErrorReason::ShuttingDown,
        ] {
            stats.reject(reason);
        }
        let stats = stats.counters().read();
        let counters = [Counter::RejectedFull, Counter::RejectedAddress, Counter::RejectedShutdown];
        assert_eq!(counters.map(|counter| stats.get(counter)), [1, 2, 3]);
    }

    #[test]
    fn the_figures_of_threads_are_added_up() {
        let mut sum = Stats::default();
        for (opened, ended) in [(7, 3), (5, 4)] {
            let mut stats = Stats::default();
            stats.set(Counter::Opened, opened);
            stats.set(Counter::Ended, ended);
            sum += stats;
        }
        assert_eq!((sum.get(Counter::Opened), sum.get(Counter::Ended)), (12, 7));
        assert_eq!((sum.open(), Stats::default().open()), (5, 0));
    }
}
