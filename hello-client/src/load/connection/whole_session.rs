//! Sessions of one message each: connect, welcome, message, exit, end of stream.

use std::time::{Duration, Instant};

use super::super::engine::ThreadContext;
use super::super::session::Session;
use super::super::{Batch, ConnectionError, Event};
use super::{LoadConnection, State};
use crate::error::ErrorKind;

/// A session under way that is measured as a whole.
#[derive(Debug)]
pub(super) struct WholeSession {
    /// Its message, timed from when the session was due, or began.
    batch: Batch,
    /// When it began to connect, and how long that took.
    began: Instant,
    connected_in: Duration,
    step: Step,
}

/// What is to be said next.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Message,
    Exit,
    Nothing,
}

impl<S: Session> LoadConnection<S> {
    /// Does what can be done for the next session: connects, says the message, says `exit`.
    ///
    /// # Errors
    ///
    /// The session has failed.
    pub(super) fn advance_session(
        &mut self,
        now: Instant,
        cx: &mut ThreadContext<'_>,
    ) -> Result<(), ConnectionError> {
        match &self.state {
            State::Backoff(_, until) if now >= *until => {
                if self.begin_session(now, cx) {
                    self.connect(now, cx)?;
                }
                Ok(())
            }
            State::Established(_) if self.session.is_ready() => {
                self.say_next(now, cx);
                if self.is_blocked { Ok(()) } else { self.write(now, cx) }
            }
            State::Established(_) | State::Connecting(..) | State::Backoff(..) => Ok(()),
        }
    }

    /// Takes the next message, if there is one. It is taken before connecting, so that there are no
    /// more sessions than messages.
    fn begin_session(&mut self, now: Instant, cx: &mut ThreadContext<'_>) -> bool {
        let mut ready = self.schedule.ready(0, now).min(1);
        if !self.schedule.is_open() {
            ready = cx.quota.take_quota(ready, now);
        }
        if ready == 0 {
            return false;
        }
        let batch = self.schedule.next_batch(1, now);
        let (connected_in, step) = (Duration::ZERO, Step::Message);
        self.whole = Some(WholeSession { batch, began: now, connected_in, step });
        true
    }

    /// Since when its end is owed.
    pub(super) fn session_since(&self) -> Option<Instant> {
        self.whole.as_ref().map(|whole| whole.batch.since)
    }

    /// The socket of the session is connected.
    pub(super) fn note_connected(&mut self, now: Instant) {
        if let Some(whole) = &mut self.whole {
            whole.connected_in = now - whole.began;
        }
    }

    fn say_next(&mut self, now: Instant, cx: &ThreadContext<'_>) {
        let Some(whole) = &mut self.whole else { return };
        match whole.step {
            Step::Message => {
                // Its round trip is timed from here; whether it is measured, like its session.
                let is_measured = whole.batch.since >= cx.plan.warm_until;
                let since = if is_measured { now } else { whole.batch.since };
                self.session.send(Batch { since, ..whole.batch }, now);
                whole.step = Step::Exit;
            }
            Step::Exit if self.session.in_flight() == 0 => {
                self.session.exit(now);
                whole.step = Step::Nothing;
            }
            Step::Exit | Step::Nothing => {}
        }
    }

    /// The stream has ended, as it should after `exit`: the server closes first, so that the system
    /// keeps the port in TIME_WAIT on its side.
    pub(super) fn end_session(&mut self, now: Instant, cx: &mut ThreadContext<'_>) {
        self.sample_tcp(&mut cx.tcp);
        if let Some(WholeSession { batch, connected_in, .. }) = self.whole.take() {
            cx.observer.on_event(Event::SessionEnded { since: batch.since, connected_in }, now);
        }
        self.state = State::Backoff(ConnectionError::Lost(ErrorKind::Closed), now);
    }

    /// The session is over before its end. If its message was not said, it may be said later.
    pub(super) fn give_up_session(&mut self, cx: &mut ThreadContext<'_>) {
        if let Some(WholeSession { batch, step: Step::Message, .. }) = self.whole.take() {
            self.put_back(batch, cx);
        }
    }
}
