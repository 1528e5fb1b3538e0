//! What the clients of a soak know of what they did.

use std::iter::Sum;

/// Figures of one client, or of all of them. Some cannot know how far they came: what they may have
/// done is counted apart.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Sessions that were welcomed.
    pub(super) sessions: u64,
    /// Connections that were either welcomed or turned away.
    pub(super) perhaps_sessions: u64,
    /// Messages that were greeted.
    pub(super) messages: u64,
    /// Messages that were sent, and not waited for.
    pub(super) perhaps_messages: u64,
    /// Connections that were told that there are too many.
    pub(super) turned_away: u64,
    /// Datagrams that were greeted.
    pub(super) datagrams: u64,
    /// Datagrams that were sent by somebody who had gone when the greeting came.
    pub(super) datagrams_unheard: u64,
    /// Datagrams over the limit.
    pub(super) datagrams_too_long: u64,
    /// Datagrams in the name of the server.
    pub(super) datagrams_forged: u64,
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |sum, tally| Self {
            sessions: sum.sessions + tally.sessions,
            perhaps_sessions: sum.perhaps_sessions + tally.perhaps_sessions,
            messages: sum.messages + tally.messages,
            perhaps_messages: sum.perhaps_messages + tally.perhaps_messages,
            turned_away: sum.turned_away + tally.turned_away,
            datagrams: sum.datagrams + tally.datagrams,
            datagrams_unheard: sum.datagrams_unheard + tally.datagrams_unheard,
            datagrams_too_long: sum.datagrams_too_long + tally.datagrams_too_long,
            datagrams_forged: sum.datagrams_forged + tally.datagrams_forged,
        })
    }
}
