//! An open connection over a stream.

use std::io::{Error, ErrorKind};
use std::mem;
use std::time::Instant;

use mio::Token;
use socket2::Socket;

use super::Io;
use super::io::{receive, send};
use crate::failure::Kind;
use crate::measure::{Listener, Problem, Session};

/// A session, and the socket that carries it.
#[derive(Debug)]
pub(super) struct Up {
    socket: Socket,
    /// What is on its way.
    pub(super) session: Session,
    /// Some of what was to be written is left, and readiness is waited for.
    is_blocked: bool,
}

impl Up {
    /// A session that begins.
    pub(super) fn new(socket: Socket, session: Session) -> Self {
        Self { socket, session, is_blocked: false }
    }

    /// Takes what came, or waits for it; returns when that was. At an end it reads up to that.
    pub(super) fn read(
        &mut self,
        is_patient: bool,
        is_ending: bool,
        io: &mut Io<impl Listener>,
    ) -> Result<Instant, Problem> {
        loop {
            match receive(&self.socket, &mut io.buffer, is_patient) {
                Ok(0) => return Err(Problem::Cut(Kind::Closed)),
                Ok(length) => {
                    let now = Instant::now();
                    io.heard = now;
                    self.session.receive(&io.buffer[..length], now, &mut io.listener)?;
                    // Less than there was room for is all there was, unless an end comes behind.
                    if is_patient || (length < io.buffer.len() && !is_ending) {
                        return Ok(now);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Instant::now()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Problem::Cut(Kind::from(&error))),
            }
        }
    }

    /// Writes what can be.
    pub(super) fn write(&mut self, token: Token, io: &Io<impl Listener>) -> Result<(), Problem> {
        let cut = |error: &Error| Problem::Cut(Kind::from(error));
        let was_blocked = mem::take(&mut self.is_blocked);
        while !self.session.outgoing().is_empty() {
            match send(&self.socket, self.session.outgoing()) {
                Ok(length) => self.session.written(length),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.is_blocked = true;
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(cut(&error)),
            }
        }
        if was_blocked != self.is_blocked {
            io.watch(&self.socket, token, self.is_blocked).map_err(|error| cut(&error))?;
        }
        Ok(())
    }
}
