//! What production code has from its own `sys`: here it is the simulated kernel's.

pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicUsize};

pub(crate) use crate::kernel::channel::{Receiver, Sender, TryRecvError, bounded};
pub(crate) use crate::kernel::clock::{Instant, sleep};
pub(crate) use crate::kernel::poll::{Events, Poll, Registry, SourceFd, Waker};
pub(crate) use crate::kernel::socket::{
    OwnedFd, accept, getsockname, recv, send, shutdown, stop_listening,
};
