//! The end of a worker: every session is ended at a message boundary, and given time to hear of it.

use std::io;
use std::time::Instant;

use log::warn;
use mio::Events;

use super::Worker;
use crate::clock::{TICK, ticks};
use crate::connection::Fate;
use crate::stats::Cause;

impl Worker {
    /// Ends every session, those still on their way here included, and waits until the clients have
    /// taken that in, or the grace is over.
    pub(super) fn stop(&mut self, events: &mut Events) -> io::Result<()> {
        let deadline = Instant::now() + self.shared.grace;
        drop(self.giver.take());
        while !(self.sessions.is_empty() && self.pool.is_closed() && self.handed.is_empty()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.adopt();
            self.each(|session, _, lent| session.connection.stop(lent));
            self.turn(events, Some(left.min(TICK)))?;
            if self.tick() {
                self.sweep(ticks(self.shared.grace));
            }
        }
        if !self.sessions.is_empty() {
            warn!("{} sessions were cut off: the grace is over", self.sessions.len());
        }
        self.each(|session, _, _| Fate::Close(session.connection.cause(Cause::Shutdown)));
        Ok(())
    }
}
