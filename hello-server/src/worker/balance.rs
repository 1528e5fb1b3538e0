//! Handing sessions on: what a worker does that has more to do than its core can.

use std::time::Duration;

use log::debug;

use super::{Session, Worker};
use crate::gauge::{Gauge, Reading};
use crate::pool::BUSY;
use crate::stats::Cause;

/// How often a worker looks whether it has too much to do.
const BALANCE: Duration = Duration::from_millis(500);

/// So much of a core must be idle, in percent, for another worker to be of use.
const SPARE: u32 = 50;

impl Worker {
    /// Tells the pool how busy this worker is, and if it is too busy, and the machine has a core to
    /// spare, hands sessions on.
    pub(super) fn balance(&mut self, gauge: &mut Gauge) {
        let Some(Reading { busy, machine_idle }) = gauge.read(BALANCE) else {
            return;
        };
        self.busy = busy;
        self.pool.set_busy(self.index, busy);
        let idlest = self.pool.idlest();
        if busy >= BUSY && machine_idle >= SPARE && idlest != self.index {
            self.hand_over_half(idlest);
        }
    }

    /// Hands every second session that is in use to another worker.
    pub(super) fn hand_over_half(&mut self, to: usize) {
        let in_use = |session: &Session| self.swept.since(session.connection.active) <= 1;
        let in_use = self.sessions.iter().filter(|(_, session)| in_use(session));
        let keys: Vec<_> = in_use.map(|(key, _)| key).skip(1).step_by(2).collect();
        debug!("worker {} is busy: hands {} sessions over", self.index + 1, keys.len());
        for key in keys {
            let mut session = self.sessions.remove(key);
            if session.connection.deregister(&self.lent.out).is_err() {
                self.close(&session, Cause::Lost);
            } else if let Err(session) = self.pool.offer(to, session) {
                self.take_over(*session);
                break;
            }
        }
    }
}
