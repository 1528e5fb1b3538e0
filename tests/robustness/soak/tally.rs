//! What the clients of a soak test count.

use std::iter::Sum;

/// Counts of one client, or of all of them. Some cannot know what the server has done: what it may
/// have done is counted as `perhaps_`.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Sessions that were welcomed.
    pub(super) sessions: u64,
    /// Connections that were either welcomed or rejected.
    pub(super) perhaps_sessions: u64,
    /// Messages that were greeted.
    pub(super) messages: u64,
    /// Messages whose replies were not waited for.
    pub(super) perhaps_messages: u64,
    /// Connections that were rejected.
    pub(super) rejected: u64,
    /// Datagrams that were greeted.
    pub(super) datagrams: u64,
    /// Datagrams from sockets that were closed when the greeting came.
    pub(super) perhaps_datagrams: u64,
    /// Datagrams over the limit.
    pub(super) datagrams_too_long: u64,
    /// Datagrams with the address of the server as their forged source.
    pub(super) datagrams_forged: u64,
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |sum, tally| Self {
            sessions: sum.sessions + tally.sessions,
            perhaps_sessions: sum.perhaps_sessions + tally.perhaps_sessions,
            messages: sum.messages + tally.messages,
            perhaps_messages: sum.perhaps_messages + tally.perhaps_messages,
            rejected: sum.rejected + tally.rejected,
            datagrams: sum.datagrams + tally.datagrams,
            perhaps_datagrams: sum.perhaps_datagrams + tally.perhaps_datagrams,
            datagrams_too_long: sum.datagrams_too_long + tally.datagrams_too_long,
            datagrams_forged: sum.datagrams_forged + tally.datagrams_forged,
        })
    }
}
