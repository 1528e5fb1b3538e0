//! How a connection ends: who decides it, what is still delivered, and how long it may take.

use std::io;
use std::time::Duration;

use hello_proto::{End, Reason};
use log::trace;
use mio::Interest;

use super::{Connection, Fate, Lent, Out, State};
use crate::clock::{Tick, ticks};
use crate::stats::Cause;

/// How long a client has to take its last replies and close, once the server has ended its session.
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// After so many reads in a row another session has its turn.
const DISCARDS_PER_TURN: usize = 16;

impl Connection {
    /// Ends the session from the server's side, when the replies owed are delivered.
    pub(crate) fn end(&mut self, reason: Reason, out: &mut Out) -> Fate {
        let cause = match reason {
            Reason::Idle(_) if self.backlog.is_some() => Cause::Unread,
            Reason::Idle(_) => Cause::Idle,
            _ => Cause::Shutdown,
        };
        self.state = State::Ending(cause, Some(reason));
        self.active = out.now;
        let fate = self.settle(false, out);
        self.unless_broken(fate)
    }

    /// Answers what has arrived, then ends the session because the server stops.
    pub(crate) fn stop(&mut self, lent: &mut Lent) -> Fate {
        if !self.is_open() {
            return Fate::Keep;
        }
        let fate = self.proceed(false, lent);
        if fate != Fate::Keep || !self.is_open() {
            return fate;
        }
        self.end(Reason::ShuttingDown, &mut lent.out)
    }

    /// Whether the client has had its time: `patience` ticks without a message completed or a reply
    /// taken, or [`LINGER`] once it is ended for that, or has only to close.
    pub(crate) fn is_overdue(&self, patience: u32, now: Tick) -> bool {
        let patience = match self.state {
            State::Lingering(_) | State::Ending(Cause::Idle | Cause::Unread, _) => ticks(LINGER),
            State::Open | State::Ending(..) => patience,
        };
        now.since(self.active) >= patience
    }

    /// Why it is over if it is closed now, without waiting for the client any longer.
    pub(crate) fn cause(&self, if_open: Cause) -> Cause {
        match self.state {
            State::Open => if_open,
            State::Ending(cause, _) | State::Lingering(cause) => cause,
        }
    }

    pub(super) fn ended(&mut self, end: End) {
        let cause = match end {
            End::Exit => Cause::Exit,
            End::EndOfStream => Cause::EndOfStream,
            End::Told(_) => Cause::TooLong,
        };
        self.state = State::Ending(cause, None);
    }

    /// What comes next, once everything read is answered or the client is waited for.
    /// `unread`: there may be input that was not read.
    pub(super) fn settle(&mut self, unread: bool, out: &mut Out) -> io::Result<Fate> {
        if self.backlog.is_some() {
            return Ok(Fate::Keep);
        }
        match self.state {
            State::Open | State::Lingering(_) => Ok(Fate::Keep),
            State::Ending(cause, Some(reason)) => {
                self.state = State::Ending(cause, None);
                out.replies.clear();
                self.session.end(reason, &mut out.replies);
                self.deliver(out)?;
                self.settle(true, out)
            }
            State::Ending(Cause::EndOfStream, None) => Ok(Fate::Close(Cause::EndOfStream)),
            State::Ending(Cause::Exit, None) if !unread => Ok(Fate::Close(Cause::Exit)),
            State::Ending(cause, None) => {
                self.stream.finish_writing()?;
                self.state = State::Lingering(cause);
                self.active = out.now;
                self.watch(Interest::READABLE, out)?;
                Ok(Fate::Keep)
            }
        }
    }

    pub(super) fn discard(&mut self, cause: Cause, lent: &mut Lent) -> io::Result<Fate> {
        for _ in 0..DISCARDS_PER_TURN {
            match self.stream.read(&mut lent.input)? {
                Some(0) => return Ok(Fate::Close(cause)),
                Some(_) => {}
                None => return Ok(Fate::Keep),
            }
        }
        self.watch(Interest::READABLE, &lent.out)?;
        Ok(Fate::Keep)
    }

    pub(super) fn unless_broken(&self, fate: io::Result<Fate>) -> Fate {
        fate.unwrap_or_else(|error| {
            trace!("session {} broke: {error}", self.id);
            Fate::Close(self.cause(Cause::Lost))
        })
    }
}
