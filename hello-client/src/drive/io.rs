//! What the connections of one thread share.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Instant;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::net::{self, RecvFlags, SendFlags};
use socket2::Socket;

use super::worker::SWEEP;
use super::{Plan, Share};
use crate::measure::{Allowance, Batch, Listener, Schedule};

/// A thread's buffer, its part of the messages, and who is told what happens to them.
#[derive(Debug)]
pub(crate) struct Io<S> {
    pub(super) plan: Arc<Plan>,
    pub(super) allowance: Allowance,
    pub(super) listener: S,
    pub(super) buffer: Vec<u8>,
    /// When something was last received.
    pub(super) heard: Instant,
    /// There is one connection in a closed loop: it is read without a poll, as nothing else is to
    /// be waited for. That saves a system call for each message, and shows in the round trip.
    pub(super) is_alone: bool,
    registry: Registry,
}

impl<S: Listener> Io<S> {
    /// Room for the largest datagram, and for the replies of a long pipeline.
    const BUFFER: usize = 256 * 1024;

    pub(super) fn new(plan: Arc<Plan>, share: Share, registry: Registry, listener: S) -> Self {
        let (allowance, heard) = (plan.allowance(share), plan.start);
        let is_alone = plan.pace.is_none() && plan.connections_of(share).count() == 1;
        let buffer = vec![0; Self::BUFFER];
        Self { plan, allowance, listener, buffer, heard, is_alone, registry }
    }

    /// Lets reads of `socket` wait, for as long as nothing is to be looked for, if it is alone.
    pub(super) fn let_wait(&self, socket: &Socket) -> io::Result<()> {
        if self.is_alone {
            socket.set_read_timeout(Some(SWEEP))?;
            socket.set_nonblocking(false)?;
        }
        Ok(())
    }

    /// Uses up the allowance for messages of a connection that are sent now, and returns how many
    /// of them are. In an open loop it was used up when they became due.
    pub(super) fn granted(&mut self, schedule: &Schedule, ready: u64, now: Instant) -> u64 {
        if schedule.is_open() || ready == 0 { ready } else { self.allowance.take(ready, now) }
    }

    /// The next messages of a connection, at most so many; sent late, they are timed from when they
    /// were due, if that is what the plan says.
    pub(super) fn take(&self, schedule: &mut Schedule, wanted: u64, now: Instant) -> Batch {
        let batch = schedule.take(wanted, now);
        if self.plan.is_punctual { Batch { since: now, ..batch } } else { batch }
    }

    pub(super) fn register(
        &self,
        socket: &Socket,
        token: Token,
        is_writer: bool,
    ) -> io::Result<()> {
        self.registry.register(&mut SourceFd(&socket.as_raw_fd()), token, interest(is_writer))
    }

    /// Asks to be told when `socket` can be written, or not to. While nothing waits to be written
    /// that would only be a wakeup for each message the server took.
    pub(super) fn watch(&self, socket: &Socket, token: Token, is_writer: bool) -> io::Result<()> {
        self.registry.reregister(&mut SourceFd(&socket.as_raw_fd()), token, interest(is_writer))
    }
}

/// Receives into `buffer`; whether it waits for something to come, the caller says.
pub(super) fn receive(socket: &Socket, buffer: &mut [u8], is_patient: bool) -> io::Result<usize> {
    let flags = if is_patient { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
    let (length, _) = net::recv(socket, buffer, flags)?;
    Ok(length)
}

/// Sends what can be sent at once.
pub(super) fn send(socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
    Ok(net::send(socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
}

fn interest(is_writer: bool) -> Interest {
    if is_writer { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE }
}
