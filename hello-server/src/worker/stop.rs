//! The end of a worker: every session is ended at a message boundary, and given time to hear of it.

use std::io;
use std::time::Duration;

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
        let mut is_new = true;
        drop(self.giver.take());
        while !(self.sessions.is_empty() && self.pool.is_closed() && self.handed.is_empty()) {
            if self.adopt() || is_new {
                self.each(|session, shared, lent| match shared.left() {
                    Duration::ZERO => Fate::Keep,
                    _ => session.connection.stop(lent),
                });
            }
            let left = self.shared.left();
            if left.is_zero() {
                break;
            }
            is_new = self.turn(events, Some(left.min(TICK)))?;
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
