//! What production code has from its own `sys`: here it is the simulated kernel's.

// Nothing hangs on when a thread reads a count, and so no other has its turn there.
pub(crate) use std::sync::atomic::AtomicUsize;

pub(crate) use shuttle::sync::atomic::AtomicBool;

pub(crate) use crate::kernel::channel::{Receiver, Sender, TryRecvError, bounded};
pub(crate) use crate::kernel::clock::{Instant, sleep};
pub(crate) use crate::kernel::poll::{Events, Poll, Registry, SourceFd, Waker};
pub(crate) use crate::kernel::socket::{
    OwnedFd, accept, getsockname, recv, send, shutdown, stop_listening,
};
