//! How a connection is opened, lost, and opened again, perhaps at another address.

use std::io;
use std::mem;
use std::os::fd::AsRawFd;
use std::time::Instant;

use hello_proto::{Endpoint, WELCOME};
use mio::Registry;
use mio::unix::SourceFd;
use socket2::Socket;

use super::super::engine::ThreadContext;
use super::super::session::Session;
use super::super::{ConnectionError, Event};
use super::{LoadConnection, State, failed, interest, lost};
use crate::error::ErrorKind;
use crate::net::{RETRY_INTERVAL, begin_connect, finish_connect};

impl<S: Session> LoadConnection<S> {
    pub(super) fn connect(
        &mut self,
        now: Instant,
        cx: &ThreadContext<'_>,
    ) -> Result<(), ConnectionError> {
        let address = cx.addresses.get(self.address);
        let socket = begin_connect(&cx.plan.target, address)
            .map_err(|error| ConnectionError::Connect(error.kind))?;
        if let Endpoint::Udp(_) = cx.plan.target.endpoint {
            socket.set_recv_buffer_size(cx.plan.udp_buffer).map_err(failed)?;
        }
        self.dropped_before = 0;
        self.set_connecting(socket, now, &cx.registry).map_err(failed)
    }

    /// Uses `socket`, which is connected, and on which the server has welcomed us.
    pub(in super::super) fn set_preconnected(
        &mut self,
        socket: Socket,
        now: Instant,
        registry: &Registry,
    ) -> io::Result<()> {
        self.is_preconnected = true;
        self.set_connecting(socket, now, registry)
    }

    /// Waits for `socket` to become writable, which it is once it is connected.
    fn set_connecting(
        &mut self,
        socket: Socket,
        now: Instant,
        registry: &Registry,
    ) -> io::Result<()> {
        let source = socket.as_raw_fd();
        registry.register(&mut SourceFd(&source), self.token, interest(true))?;
        self.state = State::Connecting(socket, now);
        Ok(())
    }

    /// Finishes what [`connect`](Self::connect) began.
    pub(super) fn establish(
        &mut self,
        cx: &mut ThreadContext<'_>,
    ) -> Result<Instant, ConnectionError> {
        let now = Instant::now();
        let backoff = State::Backoff(ConnectionError::Connect(ErrorKind::Closed), now);
        // If it was lost since, the next one has a welcome of its own.
        let is_preconnected = mem::take(&mut self.is_preconnected);
        if let State::Connecting(socket, _) = mem::replace(&mut self.state, backoff) {
            finish_connect(&socket).map_err(failed)?;
            self.reregister(&socket, false, cx).map_err(failed)?;
            self.state = State::Established(socket);
            self.is_blocked = false;
            self.session.start(cx.plan, now);
            self.variation.restart();
            self.note_connected(now);
            if is_preconnected {
                let mut welcome = Vec::new();
                cx.plan.target.framing.encode(WELCOME, &mut welcome);
                self.reached(now, cx);
                self.session.receive(&welcome, now, cx.observer)?;
            }
        }
        Ok(now)
    }

    /// Reports once a connection that something came back.
    pub(super) fn reached(&mut self, now: Instant, cx: &mut ThreadContext<'_>) {
        if !mem::replace(&mut self.is_reached, true) {
            cx.observer.on_event(Event::Reached, now);
        }
    }

    /// The connection was lost, or could not be opened.
    pub(super) fn disconnect(
        &mut self,
        error: ConnectionError,
        now: Instant,
        cx: &mut ThreadContext<'_>,
    ) {
        // A server that was there may come back; one that was not may have another address.
        if !mem::take(&mut self.is_reached) {
            self.address += 1;
        }
        let dropped = self.take_drops();
        cx.count_drops(dropped, now);
        if self.is_usable() || cx.plan.reconnect {
            self.lost_at = now;
        }
        self.sample_tcp(&mut cx.tcp);
        cx.addresses.look_up(now);
        self.put_back_unwritten(cx);
        self.give_up_session(cx);
        self.session.disconnect(&error, now, cx.observer);
        cx.observer.on_event(Event::Failed(&error), now);
        if cx.plan.drop_late {
            self.schedule.give_up(now, &error, cx.observer);
        }
        self.state = State::Backoff(error, now + RETRY_INTERVAL);
    }

    /// From a server that has fallen silent, goes to another address of its name, if it has one.
    pub(super) fn follow_name(
        &mut self,
        now: Instant,
        cx: &mut ThreadContext<'_>,
    ) -> Result<(), ConnectionError> {
        if !self.session.is_silent() {
            return Ok(());
        }
        cx.addresses.look_up(now);
        let before = mem::replace(&mut self.lookups, cx.addresses.lookups());
        if self.lookups == before {
            return Ok(());
        }
        let State::Established(socket) = &self.state else { return Ok(()) };
        let peer = socket.peer_addr().map_err(lost)?;
        if let Some(other) = cx.addresses.other_than(&peer, self.address) {
            self.address = other;
            self.is_reached = false;
            self.put_back_unwritten(cx);
            self.abandon(now, cx);
            self.connect(now, cx)?;
        }
        Ok(())
    }
}
