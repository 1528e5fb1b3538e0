//! How a connection ends: who decides it, what is still delivered, and how long it may take.

use std::io;
use std::time::Duration;

use hello_proto::{DecodeError, ErrorReason, SessionEnd};
use log::trace;

use super::{Connection, Scratch, Status};
use crate::net::linger::{Discarded, LINGER, discard};
use crate::net::os::INPUT;
use crate::shared::Shared;
use crate::stats::Cause;
use crate::worker::deadlines::Time;

/// The turns that a session has at a stop, to send what waits and to answer what has arrived.
const STOP_TURNS: usize = 2;

/// More than a turn takes. A session that is active in a turn is stamped with the time at which that
/// began, and must not be ended early for it.
const TURN: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Messages are read and answered.
    Open,
    /// Nothing more is read; what is pending is still delivered.
    Closing(Cause),
    /// All output is sent; closing with unread input would send RST.
    Lingering(Cause),
}

impl Connection {
    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Ends the session for `reason`, when what is pending is delivered and answered.
    fn close_for(&mut self, reason: ErrorReason, cause: Cause, scratch: &mut Scratch) -> Status {
        self.state = State::Closing(cause);
        self.last_active = scratch.now;
        if let Some(pending) = &mut self.pending {
            pending.reason = Some(reason);
            return self.status();
        }
        let status = self.close_with(reason, scratch);
        self.or_lost(status)
    }

    /// Answers what has arrived, then ends the session because the server stops.
    pub(crate) fn stop(&mut self, scratch: &mut Scratch) -> Status {
        for _ in 0..STOP_TURNS {
            if !self.is_open() {
                break;
            }
            match self.on_ready(true, scratch) {
                Status::Ready => {}
                Status::Open => break,
                closed @ Status::Closed(_) => return closed,
            }
        }
        if self.is_open() {
            self.close_for(ErrorReason::ShuttingDown, Cause::Shutdown, scratch)
        } else {
            self.status()
        }
    }

    /// When its time is over unless it is active before.
    #[inline]
    pub(crate) fn deadline(&self, shared: &Shared) -> Time {
        let timeout = match self.state {
            State::Open => shared.idle_timeout,
            // Until the grace is over.
            State::Closing(Cause::Shutdown) => None,
            State::Closing(Cause::Idle | Cause::Unread) | State::Lingering(_) => Some(LINGER),
            State::Closing(_) => Some(shared.idle_timeout.unwrap_or(LINGER)),
        };
        timeout.map_or(Time::NEVER, |timeout| self.last_active.after(timeout + TURN))
    }

    /// Ends the session, or closes it at once if it has ended already, if its deadline has passed.
    pub(crate) fn expire(&mut self, shared: &Shared, scratch: &mut Scratch) -> Status {
        if self.deadline(shared) > scratch.now {
            return Status::Open;
        }
        // If this process stood still, what the client did meanwhile is still to be served. One
        // message may take several reads.
        loop {
            let status = self.on_ready(true, scratch);
            if matches!(status, Status::Closed(_)) || self.deadline(shared) > scratch.now {
                return status;
            }
            if status == Status::Open || !self.is_open() {
                break;
            }
        }
        match (self.state, shared.idle_timeout) {
            (State::Open, Some(limit)) => {
                let unread = self.pending.is_some();
                let cause = if unread { Cause::Unread } else { Cause::Idle };
                self.close_for(ErrorReason::Idle(limit), cause, scratch)
            }
            (State::Open, None) | (State::Closing(_) | State::Lingering(_), _) => {
                Status::Closed(self.cause(Cause::Shutdown))
            }
        }
    }

    /// Why it is over if it is closed now, without waiting for the client any longer.
    pub(crate) fn cause(&self, if_open: Cause) -> Cause {
        match self.state {
            State::Open => if_open,
            State::Closing(cause) | State::Lingering(cause) => cause,
        }
    }

    /// The client has ended the session. What it is owed has its own time to be taken.
    pub(super) fn begin_close(&mut self, end: SessionEnd, now: Time) {
        self.last_active = now;
        self.state = State::Closing(match end {
            SessionEnd::Exit => Cause::Exit,
            SessionEnd::EndOfStream => Cause::EndOfStream,
            SessionEnd::Error(DecodeError::TooLong { .. }) => Cause::TooLong,
        });
    }

    /// Tells the client `reason`, with nothing pending before it.
    pub(super) fn close_with(
        &mut self,
        reason: ErrorReason,
        scratch: &mut Scratch,
    ) -> io::Result<Status> {
        scratch.output.clear();
        self.session.close(reason, &mut scratch.output);
        self.send_or_buffer(&[], scratch)?;
        self.advance_close(scratch)
    }

    /// Goes on with a close once nothing is pending. A client that may still send is waited for: one
    /// message more, and it would lose its replies to a reset.
    pub(super) fn advance_close(&mut self, scratch: &mut Scratch) -> io::Result<Status> {
        if self.pending.is_some() {
            return Ok(Status::Open);
        }
        match self.state {
            State::Open | State::Lingering(_) => Ok(Status::Open),
            State::Closing(Cause::EndOfStream) => Ok(Status::Closed(Cause::EndOfStream)),
            State::Closing(cause) => {
                self.stream.shutdown_write()?;
                self.state = State::Lingering(cause);
                self.last_active = scratch.now;
                self.watch(INPUT, scratch)?;
                Ok(Status::Open)
            }
        }
    }

    pub(super) fn discard(&mut self, cause: Cause, scratch: &mut Scratch) -> io::Result<Status> {
        Ok(match discard(&self.stream, &mut scratch.input)? {
            Discarded::Closed => Status::Closed(cause),
            Discarded::Drained => Status::Open,
            Discarded::More => Status::Ready,
        })
    }

    /// An error ends the session; nobody else notices.
    pub(super) fn or_lost(&self, status: io::Result<Status>) -> Status {
        status.unwrap_or_else(|error| {
            trace!(id = self.id; "session {} lost: {error}", self.id);
            Status::Closed(self.cause(Cause::Lost))
        })
    }
}
