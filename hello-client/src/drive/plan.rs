//! What a run is to do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::SockAddr;

use crate::config::Target;
use crate::measure::{Allowance, Pace, Schedule, Tape};

/// A run, the same for all its threads.
#[derive(Debug)]
pub(crate) struct Plan {
    /// With whom, and how.
    pub(crate) target: Target,
    /// Where the server may be; the first one has been reached, if any has.
    pub(crate) addresses: Vec<SockAddr>,
    /// The messages on a stream.
    pub(crate) tape: Arc<Tape>,
    /// The bytes of a message.
    pub(crate) size: usize,
    /// How many connections there are, over all threads.
    pub(crate) connections: u64,
    /// The most messages in flight on one of them.
    pub(crate) window: u64,
    /// When messages are due; without it, one is sent for each reply.
    pub(crate) pace: Option<Pace>,
    /// A message that cannot leave when it is due is lost, rather than sent late.
    pub(crate) is_punctual: bool,
    /// When the first message is due.
    pub(crate) start: Instant,
    /// When the warm-up ends.
    pub(crate) warm_until: Instant,
    /// When the last message is due, if the clock says.
    pub(crate) end: Option<Instant>,
    /// How many messages there are after the warm-up, if their number says.
    pub(crate) messages: Option<u64>,
}

/// One thread's part of a run: `index` of so many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    /// From 0.
    pub(crate) index: u64,
    /// How many threads there are.
    pub(crate) of: u64,
}

impl Plan {
    /// Without a reply for so long a run that ends by the number of its messages is given up.
    pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

    /// The connections of this share; shares take turns.
    pub(crate) fn connections_of(&self, share: Share) -> impl Iterator<Item = u64> + use<> {
        (share.index..self.connections).step_by(usize::try_from(share.of).unwrap_or(usize::MAX))
    }

    /// The schedule of one connection.
    pub(crate) fn schedule(&self, connection: u64) -> Schedule {
        match self.pace {
            Some(pace) => {
                let turn = (connection, self.connections);
                Schedule::open(pace, self.start, turn, self.window)
            }
            None => Schedule::closed(self.window),
        }
    }

    /// How many messages this share may send.
    pub(crate) fn allowance(&self, share: Share) -> Allowance {
        let extra = |messages: u64| u64::from(share.index < messages % share.of);
        let messages = self.messages.map(|messages| messages / share.of + extra(messages));
        Allowance::new(self.warm_until, self.end, messages)
    }
}
