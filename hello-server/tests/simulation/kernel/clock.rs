//! The clock, which goes on only where the simulation says so.

use std::ops::Add;
use std::time::Duration;

use super::{Kernel, block, with};

pub(crate) const MILLISECOND: u64 = 1_000_000;
pub(crate) const SECOND: u64 = 1_000 * MILLISECOND;

/// As `std::time::Instant`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(u64);

impl Instant {
    pub(crate) fn now() -> Self {
        Self(with(|kernel| kernel.now))
    }

    pub(crate) fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    pub(crate) fn duration_since(self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }

    pub(crate) fn elapsed(self) -> Duration {
        Self::now().saturating_duration_since(self)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.checked_add(nanoseconds(duration)).expect("no deadline is that far off"))
    }
}

pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).expect("no duration is that long")
}

/// Sleeps.
pub(crate) fn sleep(duration: Duration) {
    let until = with(|kernel| kernel.now) + nanoseconds(duration);
    block(|kernel, waker| {
        if kernel.now >= until {
            return Some(());
        }
        kernel.sleeping.push((until, waker.clone()));
        None
    });
}

impl Kernel {
    /// When the next thread is to run again, if it is not woken before.
    pub(crate) fn next_timer(&self) -> Option<u64> {
        let polls = self.epolls.iter().filter_map(|epoll| epoll.deadline);
        polls.chain(self.sleeping.iter().map(|(until, _)| *until)).min()
    }

    /// Lets time go on.
    pub(crate) fn advance(&mut self, to: u64) {
        self.now = self.now.max(to);
        let now = self.now;
        for epoll in &mut self.epolls {
            if epoll.deadline.is_some_and(|deadline| deadline <= now) {
                epoll.wake();
            }
        }
        self.sleeping.retain(|(until, waker)| {
            if *until <= now {
                waker.wake_by_ref();
            }
            *until > now
        });
    }
}
