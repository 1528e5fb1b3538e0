//! What acceptor and workers have from outside that a simulation has to replace: the clock, events,
//! sockets, and what threads share. Only names stand here: `tests/simulation` compiles these same
//! modules with a `sys` of its own.

pub(crate) use std::os::fd::OwnedFd;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize};
pub(crate) use std::thread::sleep;
pub(crate) use std::time::Instant;

pub(crate) use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
pub(crate) use mio::unix::SourceFd;
pub(crate) use mio::{Events, Poll, Registry, Waker};
pub(crate) use rustix::net::{getsockname, recv, send, shutdown};
