//! Readiness as epoll(7) has it with `EPOLLET`, under the names of mio.

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::task;
use std::time::Duration;

use mio::{Interest, Token};
use rustix::io::Errno;

use super::clock::{MILLISECOND, nanoseconds};
use super::{Kernel, block, enter, with};

pub(super) const IN: u32 = 1;
pub(super) const PRI: u32 = 2;
pub(super) const OUT: u32 = 4;
pub(super) const ERR: u32 = 8;
pub(super) const HUP: u32 = 16;
pub(super) const RDHUP: u32 = 32;

/// Which events of a socket go where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registration {
    epoll: usize,
    token: Token,
    events: u32,
    /// It is in the list of those that may be ready.
    queued: bool,
}

impl Registration {
    pub(crate) fn wants_input(&self) -> bool {
        self.events & IN != 0
    }

    pub(crate) fn wants_to_write(&self) -> bool {
        self.events & OUT != 0
    }
}

/// An instance of epoll.
#[derive(Debug, Default)]
pub(crate) struct Epoll {
    /// Looked at again when they are collected, so that some may not be ready any more.
    ready: VecDeque<RawFd>,
    /// The token of its waker, and whether that has an event.
    waker: Option<(Token, bool)>,
    /// When the call that waits ends by itself.
    pub(crate) deadline: Option<u64>,
    waiting: Option<task::Waker>,
    /// The most places that its sessions have needed.
    most_places: usize,
}

impl Epoll {
    pub(super) fn wake(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }
}

impl Kernel {
    /// Something has happened to a socket, of the kind of `event`.
    pub(super) fn notify(&mut self, fd: RawFd, event: u32) {
        if let Some(registration) = self.registration(fd)
            && event & registration.events != 0
            && !registration.queued
        {
            registration.queued = true;
            let epoll = registration.epoll;
            self.epolls[epoll].ready.push_back(fd);
            self.epolls[epoll].wake();
        }
    }

    /// A session moves to another token when a quarter is left of those that there is room for. There is
    /// room for twice as many as there have been, at most: a vector doubles when it grows.
    fn check_move(&self, epoll: usize) {
        let (sessions, most) = (self.sessions(epoll).count(), self.epolls[epoll].most_places);
        assert!(2 * sessions <= most, "one of {sessions} is moved, and there were but {most}");
    }

    /// The tokens of the connections that are registered there.
    pub(crate) fn sessions(&self, epoll: usize) -> impl Iterator<Item = usize> {
        let open = self.connections.iter().filter(|it| !it.closed);
        let here = open.filter_map(move |it| it.registration.filter(|it| it.epoll == epoll));
        here.map(|it| it.token.0)
    }

    /// Collects at most `max` events; each is reported once.
    fn collect(&mut self, epoll: usize, max: usize, events: &mut Vec<Event>) {
        if let Some((token, woken @ true)) = &mut self.epolls[epoll].waker {
            *woken = false;
            events.push(Event { token: *token, events: IN });
        }
        while events.len() < max
            && let Some(fd) = self.epolls[epoll].ready.pop_front()
        {
            let ready = self.readiness(fd);
            if let Some(registration) = self.registration(fd)
                && registration.queued
            {
                registration.queued = false;
                let ready = ready & registration.events;
                if ready != 0 {
                    events.push(Event { token: registration.token, events: ready });
                }
            }
        }
    }
}

/// As `mio::Registry`.
#[derive(Debug)]
pub(crate) struct Registry {
    epoll: usize,
}

/// As `mio::unix::SourceFd`.
#[derive(Debug)]
pub(crate) struct SourceFd<'a>(pub(crate) &'a RawFd);

impl Registry {
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { epoll: self.epoll })
    }

    pub(crate) fn register(
        &self,
        source: &mut SourceFd<'_>,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        enter();
        with(|kernel| {
            let slot = kernel.registration_slot(*source.0);
            assert!(slot.is_none(), "a socket is registered twice");
            self.set(kernel, *source.0, token, interest);
        });
        Ok(())
    }

    pub(crate) fn reregister(
        &self,
        source: &mut SourceFd<'_>,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        enter();
        with(|kernel| {
            let Some(registration) = kernel.registration_slot(*source.0) else {
                return Err(Errno::NOENT.into());
            };
            if registration.token != token {
                kernel.check_move(self.epoll);
            }
            self.set(kernel, *source.0, token, interest);
            Ok(())
        })
    }

    pub(crate) fn deregister(&self, source: &mut SourceFd<'_>) -> io::Result<()> {
        enter();
        with(|kernel| {
            *kernel.registration_slot(*source.0) = None;
            // It may be registered elsewhere.
            kernel.epolls[self.epoll].ready.retain(|fd| fd != source.0);
        });
        Ok(())
    }

    /// There is an event at once if there is something already.
    fn set(&self, kernel: &mut Kernel, fd: RawFd, token: Token, interest: Interest) {
        let mut events = ERR | HUP;
        if interest.is_readable() {
            events |= IN | RDHUP;
        }
        if interest.is_writable() {
            events |= OUT;
        }
        if interest.is_priority() {
            events |= PRI;
        }
        let places = &mut kernel.epolls[self.epoll].most_places;
        *places = (*places).max(token.0.saturating_add(1));
        let slot = kernel.registration_slot(fd);
        let queued = slot.is_some_and(|registration| registration.queued);
        *slot = Some(Registration { epoll: self.epoll, token, events, queued });
        kernel.log(|| format!("watches {fd} for {interest:?} as {}", token.0));
        let ready = kernel.readiness(fd);
        kernel.notify(fd, ready);
    }
}

/// As `mio::Event`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    token: Token,
    events: u32,
}

impl Event {
    pub(crate) fn token(&self) -> Token {
        self.token
    }

    pub(crate) fn is_read_closed(&self) -> bool {
        self.events & HUP != 0 || self.events & (IN | RDHUP) == IN | RDHUP
    }

    pub(crate) fn is_priority(&self) -> bool {
        self.events & PRI != 0
    }
}

/// As `mio::Events`.
#[derive(Debug)]
pub(crate) struct Events {
    list: Vec<Event>,
    capacity: usize,
}

impl Events {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { list: Vec::new(), capacity }
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Event> {
        self.list.iter()
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
    }
}

/// As `mio::Poll`.
#[derive(Debug)]
pub(crate) struct Poll {
    registry: Registry,
}

impl Poll {
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = with(|kernel| {
            kernel.epolls.push(Epoll::default());
            kernel.epolls.len() - 1
        });
        Ok(Self { registry: Registry { epoll } })
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) fn poll(
        &mut self,
        events: &mut Events,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        // mio rounds up to milliseconds. Between a look at the clock and this one no time passes here: a
        // machine that stands still just then makes a real call end that much later.
        let wait = |timeout| nanoseconds(timeout).div_ceil(MILLISECOND) * MILLISECOND;
        let deadline = timeout.map(|timeout| with(|kernel| kernel.now) + wait(timeout));
        enter();
        events.clear();
        let epoll = self.registry.epoll;
        with(|kernel| {
            if kernel.is_interrupted() {
                kernel.note_turn(false);
                return Err(Errno::INTR);
            }
            Ok(())
        })?;
        block(|kernel, waker| {
            kernel.collect(epoll, events.capacity, &mut events.list);
            let over = deadline.is_some_and(|deadline| deadline <= kernel.now);
            if events.list.is_empty() && !over {
                kernel.epolls[epoll].deadline = deadline;
                kernel.epolls[epoll].waiting = Some(waker.clone());
                return None;
            }
            kernel.epolls[epoll].deadline = None;
            kernel.note_turn(events.list.is_empty() && timeout == Some(Duration::ZERO));
            kernel.log(|| format!("polls for {timeout:?}: {:?}", events.list));
            Some(())
        });
        Ok(())
    }
}

/// As `mio::Waker`.
#[derive(Debug)]
pub(crate) struct Waker {
    epoll: usize,
}

impl Waker {
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let epoll = registry.epoll;
        with(|kernel| kernel.epolls[epoll].waker = Some((token, false)));
        Ok(Self { epoll })
    }

    pub(crate) fn wake(&self) -> io::Result<()> {
        enter();
        with(|kernel| {
            if kernel.faults.wake > 0 && kernel.random.percent(kernel.faults.wake) {
                return Err(Errno::NOMEM.into());
            }
            let epoll = &mut kernel.epolls[self.epoll];
            if let Some((_, woken)) = &mut epoll.waker {
                *woken = true;
            }
            epoll.wake();
            kernel.log(|| format!("wakes {}", self.epoll));
            Ok(())
        })
    }
}

impl Drop for Waker {
    /// The event goes with the descriptor.
    fn drop(&mut self) {
        with(|kernel| kernel.epolls[self.epoll].waker = None);
    }
}
