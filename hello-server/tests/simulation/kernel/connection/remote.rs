//! The other end of a connection: what the client does to it.

use std::os::fd::RawFd;

use super::FIRST;
use crate::kernel::Kernel;
use crate::kernel::poll::{ERR, HUP, IN, OUT, PRI, RDHUP};

impl Kernel {
    /// Bytes arrive; whether the server's end was still there for them.
    pub(crate) fn deliver(&mut self, connection: usize, bytes: &[u8]) {
        if self.is_refused(connection) {
            return;
        }
        let it = &mut self.connections[connection];
        it.input.extend(bytes);
        it.counts.arrived += bytes.len();
        self.notify_connection(connection, IN);
    }

    /// An urgent byte arrives.
    pub(crate) fn deliver_urgent(&mut self, connection: usize) {
        if self.is_refused(connection) {
            return;
        }
        let it = &mut self.connections[connection];
        it.input.push_back(b'!');
        it.mark = Some(it.input.len() - 1);
        self.notify_connection(connection, IN | PRI);
    }

    /// A message with a descriptor ends here, and so does a read.
    pub(crate) fn cut(&mut self, connection: usize) {
        let it = &mut self.connections[connection];
        if !it.input.is_empty() {
            it.cuts.push_back(it.input.len());
        }
    }

    pub(crate) fn half_close(&mut self, connection: usize) {
        let it = &mut self.connections[connection];
        it.fin = true;
        self.notify_connection(connection, IN | RDHUP);
        if self.connections[connection].shut.is_some() {
            self.notify_connection(connection, HUP);
        }
    }

    pub(crate) fn reset(&mut self, connection: usize) {
        let it = &mut self.connections[connection];
        it.reset = true;
        it.output.clear();
        self.notify_connection(connection, IN | OUT | ERR | HUP | RDHUP);
    }

    /// The client takes some of what was written.
    pub(crate) fn take(&mut self, connection: usize, count: usize) -> usize {
        let it = &mut self.connections[connection];
        let count = count.min(it.output.len());
        it.output.drain(..count);
        it.space += count;
        // A window of a byte is worth a look, but not tens of thousands of them.
        if it.written > 4096 {
            it.space = it.space.max(4096);
        }
        if it.starved && it.space > 0 {
            it.starved = false;
            self.notify_connection(connection, OUT);
        }
        count
    }

    /// What arrives at a closed socket is answered with a reset, which overtakes nothing but what has
    /// not left.
    fn is_refused(&mut self, connection: usize) -> bool {
        let (now, over) = (self.now, self.grace_is_over());
        let it = &mut self.connections[connection];
        if it.closed {
            if !it.unix {
                let harmless = it.output.is_empty() || it.is_excused(now, over);
                assert!(harmless, "a reset destroys {} bytes on their way", it.output.len());
                it.output.clear();
            }
            it.lost = true;
        }
        it.closed
    }

    fn notify_connection(&mut self, connection: usize, event: u32) {
        let (fd, space) = (FIRST + connection as RawFd, self.connections[connection].space);
        self.log(|| format!("event {event} at {fd}, with space for {space}"));
        self.notify(fd, event);
    }
}
