//! One connection of a run: opened, measured, and opened again when it was lost.

mod opening;
mod whole_session;

use std::io::{self, Read};
use std::mem;
use std::os::fd::AsRawFd;
use std::time::Instant;

use mio::event::Event as Readiness;
use mio::unix::SourceFd;
use mio::{Interest, Token};
use socket2::Socket;

use super::engine::ThreadContext;
use super::jitter::{Jitter, Variation, Varying};
use super::schedule::Schedule;
use super::session::Session;
use super::{Batch, ConnectionError, Event, Plan, TcpTotals};
use crate::error::ErrorKind;
use crate::net::{dropped, is_too_long, tcp_info};
use whole_session::WholeSession;

/// A session, its schedule, and the socket that carries it.
#[derive(Debug)]
pub(super) struct LoadConnection<S> {
    pub(super) schedule: Schedule,
    session: S,
    variation: Variation,
    /// The session under way, if each message has one of its own.
    whole: Option<WholeSession>,
    state: State,
    token: Token,
    /// Which address to try, modulo their number.
    address: usize,
    /// How many lookups of the name the choice of this address takes into account.
    lookups: u64,
    /// The socket was connected before the run, and the server has welcomed it.
    is_preconnected: bool,
    is_reached: bool,
    /// When it was last lost, if it cannot be used.
    lost_at: Instant,
    /// The socket took only a part of what was to be written, and is registered for writing.
    is_blocked: bool,
    /// Not all that is due has left.
    is_behind: bool,
    /// A burst is over, and the next one comes with the next turn of the engine.
    is_paused: bool,
    /// What the system had dropped at the socket when that was last asked.
    dropped_before: u64,
}

#[derive(Debug)]
enum State {
    /// Not connected, because of this error; the next attempt is made at this time.
    Backoff(ConnectionError, Instant),
    /// Connecting since this time.
    Connecting(Socket, Instant),
    Established(Socket),
}

impl<S: Session> LoadConnection<S> {
    /// The connection with this number, to be opened with the first tick.
    pub(super) fn new(number: usize, token: Token, plan: &Plan) -> Self {
        Self {
            schedule: plan.schedule(number),
            session: S::new(plan),
            variation: Variation::default(),
            whole: None,
            state: State::Backoff(ConnectionError::Connect(ErrorKind::Closed), plan.start),
            token,
            address: 0,
            lookups: 0,
            is_preconnected: false,
            is_reached: false,
            lost_at: plan.start,
            is_blocked: false,
            is_behind: false,
            is_paused: false,
            dropped_before: 0,
        }
    }

    /// Whether nothing is due or in flight.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.whole.is_none() && self.session.in_flight() + self.schedule.backlog(now) == 0
    }

    /// How much its round trips varied.
    pub(super) fn jitter(&self) -> Jitter {
        self.variation.jitter()
    }

    /// Adds what TCP knows of the connection, if there is one.
    pub(super) fn sample_tcp(&self, totals: &mut TcpTotals) {
        if let State::Connecting(socket, _) | State::Established(socket) = &self.state
            && !S::IS_DATAGRAM
            && let Some(info) = tcp_info(socket)
        {
            totals.record(info);
        }
    }

    /// Since when a reply is owed, or a message has been due and could not leave.
    pub(super) fn owed_since(&self, now: Instant) -> Option<Instant> {
        let times =
            [self.session.expected_since(), self.session_since(), self.schedule.due_since(now)];
        times.into_iter().flatten().min()
    }

    /// Since when nothing can be sent, if that is so.
    pub(super) fn down_since(&self, now: Instant, plan: &Plan) -> Option<Instant> {
        let is_down = match self.state {
            // Between two sessions it is not connected, and need not be.
            State::Backoff(_, until) if plan.reconnect => until > now,
            State::Backoff(..) | State::Connecting(..) | State::Established(_) => {
                !self.is_usable() && !plan.reconnect
            }
        };
        is_down.then_some(self.lost_at)
    }

    fn is_usable(&self) -> bool {
        matches!(self.state, State::Established(_)) && self.session.is_ready()
    }

    /// Of the messages that are due from `from` until `now`, how many there are, and how many of
    /// them have left.
    pub(super) fn progress(&self, from: Instant, now: Instant) -> (u64, u64) {
        self.schedule.progress(from, now, self.session.unwritten())
    }

    /// Connects, reads and writes what can be.
    pub(super) fn on_ready(&mut self, ready: &Readiness, cx: &mut ThreadContext<'_>) {
        let outcome = match &self.state {
            State::Connecting(..) if ready.is_writable() || ready.is_error() => self.establish(cx),
            State::Established(_) => self.read(ready.is_read_closed() || ready.is_error(), cx),
            State::Connecting(..) | State::Backoff(..) => return,
        };
        match outcome {
            Ok(now) => self.send(now, cx),
            Err(error) => self.disconnect(error, Instant::now(), cx),
        }
    }

    /// Connects if it is time to, and gives up what has timed out.
    pub(super) fn on_tick(&mut self, now: Instant, cx: &mut ThreadContext<'_>) {
        let timeout = cx.plan.target.timeout();
        let outcome = match &self.state {
            State::Backoff(_, until) if now >= *until => {
                if cx.plan.reconnect {
                    self.advance_session(now, cx)
                } else {
                    self.connect(now, cx)
                }
            }
            State::Connecting(_, since) if now.saturating_duration_since(*since) > timeout => {
                Err(ConnectionError::Connect(ErrorKind::Timeout))
            }
            State::Established(_) => {
                let expired = self.session.expire(now, cx.observer);
                expired.and_then(|()| self.follow_name(now, cx))
            }
            State::Connecting(..) | State::Backoff(..) => Ok(()),
        };
        match outcome {
            Err(error) => self.disconnect(error, now, cx),
            Ok(()) if S::IS_DATAGRAM => self.send(now, cx),
            Ok(()) => {}
        }
    }

    /// Whether not all that is due has left.
    pub(super) fn is_behind(&self) -> bool {
        self.is_behind
    }

    fn note_backlog(&mut self, now: Instant, cx: &mut ThreadContext<'_>) {
        let was_behind = mem::replace(&mut self.is_behind, self.schedule.backlog(now) > 0);
        cx.behind -= usize::from(was_behind);
        cx.behind += usize::from(self.is_behind);
    }

    /// Sends what may be sent, up to a burst.
    pub(super) fn send(&mut self, now: Instant, cx: &mut ThreadContext<'_>) {
        self.try_send(now, cx);
        self.note_backlog(now, cx);
    }

    fn try_send(&mut self, now: Instant, cx: &mut ThreadContext<'_>) {
        if cx.plan.reconnect {
            if let Err(error) = self.advance_session(now, cx) {
                self.fail(error, now, cx);
            }
            return;
        }
        match &self.state {
            State::Established(_) if self.session.is_ready() && !self.is_paused => {}
            State::Backoff(why, _) if cx.plan.drop_late => {
                return self.schedule.give_up(now, why, cx.observer);
            }
            State::Established(_) | State::Connecting(..) | State::Backoff(..) => return,
        }
        match self.send_burst(now, cx) {
            Ok(true) => self.pause(cx),
            Ok(false) => {}
            Err(error) => self.fail(error, now, cx),
        }
    }

    /// Nothing more can be written.
    fn fail(&mut self, error: ConnectionError, now: Instant, cx: &mut ThreadContext<'_>) {
        // What the server said before it closed can still be read, and tells why.
        let error = match self.read(true, cx) {
            Err(error) => error,
            // The session has ended as it should, without our `exit`.
            Ok(_) if cx.plan.reconnect && self.whole.is_none() => return,
            Ok(_) => error,
        };
        self.disconnect(error, now, cx);
    }

    /// Lets the other connections, and a stop, have their turn first.
    fn pause(&mut self, cx: &mut ThreadContext<'_>) {
        if !mem::replace(&mut self.is_paused, true) {
            cx.paused.push(self.token);
        }
    }

    /// Goes on after a pause: reads what has come meanwhile, and sends.
    pub(super) fn resume(&mut self, now: Instant, cx: &mut ThreadContext<'_>) {
        self.is_paused = false;
        match self.read(false, cx) {
            Ok(_) => self.send(now, cx),
            Err(error) => self.disconnect(error, now, cx),
        }
    }

    /// Returns whether more could be sent at once.
    fn send_burst(
        &mut self,
        now: Instant,
        cx: &mut ThreadContext<'_>,
    ) -> Result<bool, ConnectionError> {
        for _ in 0..S::BURST {
            let is_more = self.is_blocked || self.fill(now, cx);
            self.write(now, cx)?;
            if self.is_blocked || !is_more {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives the session what may be sent, and returns whether it has no room for all of it. Sent
    /// late, messages are timed from when they were due, unless the plan drops what is late.
    fn fill(&mut self, now: Instant, cx: &mut ThreadContext<'_>) -> bool {
        let ready = self.schedule.ready(self.session.in_flight(), now);
        let mut wanted = ready.min(self.session.room());
        let is_more = ready > wanted;
        if !self.schedule.is_open() {
            wanted = cx.quota.take_quota(wanted, now);
        }
        while wanted > 0 {
            let mut batch = self.schedule.next_batch(wanted, now);
            if cx.plan.drop_late {
                batch.since = now;
            }
            self.session.send(batch, now);
            wanted -= batch.count;
        }
        is_more
    }

    /// Sends nothing more: what is due and has not left is unsent.
    pub(super) fn close(&mut self, now: Instant, cx: &mut ThreadContext<'_>) {
        self.put_back_unwritten(cx);
        self.give_up_session(cx);
        if cx.plan.drop_late {
            let why = ConnectionError::Lost(ErrorKind::Timeout);
            self.schedule.give_up(now, &why, cx.observer);
        }
        let (due, sent) = self.progress(cx.plan.warm_until, now);
        if due > sent {
            cx.observer.on_event(Event::Unsent(due - sent), now);
        }
        self.schedule.close();
    }

    /// Gives up what is in flight.
    pub(super) fn abandon(&mut self, now: Instant, cx: &mut ThreadContext<'_>) {
        let why = ConnectionError::Lost(ErrorKind::Timeout);
        self.session.disconnect(&why, now, cx.observer);
    }

    /// What has not left may be sent later.
    fn put_back_unwritten(&mut self, cx: &mut ThreadContext<'_>) {
        while let Some(batch) = self.session.take_unwritten() {
            self.put_back(batch, cx);
        }
    }

    fn put_back(&mut self, batch: Batch, cx: &mut ThreadContext<'_>) {
        self.schedule.put_back(batch.count);
        if !self.schedule.is_open() {
            cx.quota.put_back(batch.count, batch.since);
        }
    }

    /// What the system has dropped of the replies since it was last asked, because the receive
    /// buffer of the socket was full.
    pub(super) fn take_drops(&mut self) -> u64 {
        let (State::Connecting(socket, _) | State::Established(socket)) = &self.state else {
            return 0;
        };
        let dropped = if S::IS_DATAGRAM { dropped(socket) } else { 0 };
        dropped.saturating_sub(mem::replace(&mut self.dropped_before, dropped))
    }

    /// Takes what came, and returns when that was. If the stream `is_ending`, it reads up to that
    /// end; of datagrams, which may come without end, a number.
    fn read(
        &mut self,
        is_ending: bool,
        cx: &mut ThreadContext<'_>,
    ) -> Result<Instant, ConnectionError> {
        /// How many datagrams are taken at once: more than the answers to a burst.
        const DATAGRAMS: usize = 1024;
        let mut last = None;
        for count in 1.. {
            let State::Established(socket) = &self.state else { break };
            let length = match (&*socket).read(&mut cx.buffer) {
                Ok(0) if !S::IS_DATAGRAM => {
                    self.session.receive_end()?;
                    let now = Instant::now();
                    self.end_session(now, cx);
                    return Ok(now);
                }
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // The system has learned the path's MTU from a datagram that will time out.
                Err(error) if S::IS_DATAGRAM && is_too_long(&error) => continue,
                Err(error) => return Err(lost(error)),
            };
            let now = *last.insert(Instant::now());
            cx.last_received = now;
            self.reached(now, cx);
            let mut varying = Varying {
                variation: &mut self.variation,
                warm_until: cx.plan.warm_until,
                observer: cx.observer,
            };
            self.session.receive(&cx.buffer[..length], now, &mut varying)?;
            if S::IS_DATAGRAM && count == DATAGRAMS {
                self.pause(cx);
                break;
            }
            // A read that did not fill the buffer has emptied a stream, unless its end is behind
            // the data.
            if !S::IS_DATAGRAM && length < cx.buffer.len() && !is_ending {
                break;
            }
        }
        Ok(last.unwrap_or_else(Instant::now))
    }

    /// Writes what can be written without blocking.
    fn write(&mut self, now: Instant, cx: &ThreadContext<'_>) -> Result<(), ConnectionError> {
        let State::Established(socket) = &self.state else { return Ok(()) };
        let was_blocked = mem::take(&mut self.is_blocked);
        while let Some(bytes) = self.session.outgoing() {
            let sent = match socket.send(bytes) {
                // It may be about an earlier datagram; from now on such ones leave as fragments.
                Err(error) if S::IS_DATAGRAM && is_too_long(&error) => socket.send(bytes),
                sent => sent,
            };
            match sent {
                Ok(length) => self.session.advance(length, now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.is_blocked = true;
                    break;
                }
                Err(error) => return Err(lost(error)),
            }
        }
        if was_blocked != self.is_blocked {
            self.reregister(socket, self.is_blocked, cx).map_err(lost)?;
        }
        Ok(())
    }

    /// Registers `socket` for reading, and if `write`, for writing too. While nothing waits to be
    /// written that would only be a wakeup for each message that the server reads.
    fn reregister(&self, socket: &Socket, write: bool, cx: &ThreadContext<'_>) -> io::Result<()> {
        let source = socket.as_raw_fd();
        cx.registry.reregister(&mut SourceFd(&source), self.token, interest(write))
    }
}

fn interest(write: bool) -> Interest {
    if write { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE }
}

fn failed(error: io::Error) -> ConnectionError {
    ConnectionError::Connect(ErrorKind::from(&error))
}

fn lost(error: io::Error) -> ConnectionError {
    ConnectionError::Lost(ErrorKind::from(&error))
}
