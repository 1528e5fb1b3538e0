//! System calls on sockets.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::task;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, SocketAddrAny};

use super::connection::{Connection, FIRST, Read};
use super::poll::{HUP, IN, Registration};
use super::{Backlog, Kernel, enter, with};

/// A descriptor, closed when it is dropped.
#[derive(Debug)]
pub(crate) struct OwnedFd(RawFd);

impl AsRawFd for OwnedFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

impl OwnedFd {
    /// Listens, for this process alone or for the next one, too.
    pub(crate) fn listener(inherited: bool) -> Self {
        with(|kernel| {
            kernel.listeners.push(Backlog { inherited, ..Backlog::default() });
            Self(kernel.listeners.len() as RawFd - 1)
        })
    }

    /// A stream whose client sends nothing, and has closed its direction or waits for the server to.
    pub(crate) fn silent(half_closed: bool) -> Self {
        with(|kernel| {
            let address = SocketAddr::from(([127, 0, 0, 1], 1));
            let mut it = Connection::new(false, address, usize::MAX, Some(0), kernel.limits);
            (it.accepted, it.fin, it.polite) = (true, half_closed, true);
            kernel.connections.push(it);
            Self(FIRST + kernel.connections.len() as RawFd - 1)
        })
    }

    fn connection<'a>(&self, kernel: &'a mut Kernel) -> &'a mut Connection {
        &mut kernel.connections[(self.0 - FIRST) as usize]
    }
}

impl Drop for OwnedFd {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        enter();
        with(|kernel| {
            kernel.log(|| format!("closes {}", self.0));
            kernel.turn().progress = true;
            if self.0 < FIRST {
                let over = kernel.grace_is_over();
                let listener = &mut kernel.listeners[self.0 as usize];
                listener.closed = true;
                if listener.inherited {
                    return;
                }
                let waiting = listener.waiting.len();
                let told = waiting == 0 || listener.drained || over;
                assert!(told, "{waiting} clients wait at a listener that is closed");
                for connection in std::mem::take(&mut listener.waiting) {
                    kernel.connections[connection].closed = true;
                    kernel.connections[connection].lost = true;
                }
                return;
            }
            let (now, over) = (kernel.now, kernel.grace_is_over());
            let it = self.connection(kernel);
            it.check_close(now, over);
            let (rejected, too_early) = (it.rejected, !it.may_be_forgotten(now));
            it.closed = true;
            it.registration = None;
            it.shut.get_or_insert(now);
            if !it.input.is_empty() {
                it.lost = true;
                if !it.unix {
                    it.output.clear();
                }
            }
            kernel.closing.drain(..).for_each(task::Waker::wake);
            if !rejected {
                return;
            }
            let lingering =
                kernel.connections.iter().filter(|it| it.rejected && !it.closed).count();
            let most = kernel.limits.max_rejections;
            assert!(
                !too_early || over || lingering >= most,
                "a rejected client has not closed yet"
            );
            // The newest one is told before the oldest one is closed.
            assert!(lingering <= most + 1, "{lingering} rejected clients linger, and not {most}");
        });
    }
}

/// Accepts one client, as `net::os::accept`.
pub(crate) fn accept(listener: &OwnedFd) -> rustix::io::Result<(OwnedFd, Option<SocketAddrAny>)> {
    enter();
    with(|kernel| {
        if kernel.faults.accept > 0 && kernel.random.percent(kernel.faults.accept) {
            let errors = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::TIMEDOUT];
            let aborted = [Errno::CONNABORTED, Errno::PROTO, Errno::INTR, Errno::HOSTUNREACH];
            let error = match kernel.random.percent(50) {
                true => kernel.random.pick(&errors),
                false => kernel.random.pick(&aborted),
            };
            kernel.log(|| format!("accept: {error}"));
            return Err(error);
        }
        let stopping = kernel.stop.is_some();
        let backlog = &mut kernel.listeners[listener.0 as usize];
        if backlog.inherited && stopping {
            // Once, if the stop came just then.
            let again = std::mem::replace(&mut backlog.asked_late, true);
            assert!(!again, "a client is taken from the next server");
        }
        let Some(connection) = backlog.waiting.pop_front() else {
            assert!(!backlog.found_empty || stopping, "an empty backlog is asked once more");
            (backlog.found_empty, backlog.drained) = (true, backlog.stopped);
            return Err(Errno::AGAIN);
        };
        let now = kernel.now;
        kernel.turn().progress = true;
        let it = &mut kernel.connections[connection];
        (it.accepted, it.active, it.touched) = (true, now, now);
        let address = (!it.unix).then(|| SocketAddrAny::from(it.address));
        let fd = FIRST + connection as RawFd;
        kernel.log(|| format!("accepts {fd}"));
        Ok((OwnedFd(fd), address))
    })
}

/// Takes no more connections, as `net::os::stop_listening`.
pub(crate) fn stop_listening(listener: &OwnedFd) -> std::io::Result<()> {
    enter();
    with(|kernel| kernel.listeners[listener.0 as usize].stopped = true);
    Ok(())
}

pub(crate) fn recv(
    socket: &OwnedFd,
    buffer: &mut [u8],
    flags: RecvFlags,
) -> rustix::io::Result<(usize, usize)> {
    enter();
    with(|kernel| {
        if kernel.is_interrupted() {
            return Err(Errno::INTR);
        }
        let now = kernel.turn_time();
        let peek = flags.contains(RecvFlags::PEEK);
        let read = socket.connection(kernel).read(buffer, now, peek);
        kernel.log(|| format!("reads {}: {read:?}", socket.0));
        let count = match read {
            Read::Data { count, counts } => {
                socket.connection(kernel).read += counts as u64;
                count
            }
            Read::End => 0,
            Read::Nothing => return Err(Errno::AGAIN),
            Read::Reset => return Err(Errno::CONNRESET),
        };
        kernel.turn().progress = true;
        Ok((count, count))
    })
}

pub(crate) fn send(socket: &OwnedFd, bytes: &[u8], _: SendFlags) -> rustix::io::Result<usize> {
    enter();
    with(|kernel| {
        if kernel.is_interrupted() {
            return Err(Errno::INTR);
        }
        let (now, turn, opened) = (kernel.now, kernel.turn_time(), kernel.turn().opened);
        let it = socket.connection(kernel);
        if it.written == 0 {
            it.active = opened;
        }
        assert!(it.shut.is_none(), "the server writes after its end of the stream");
        if it.reset {
            return Err(Errno::PIPE);
        }
        let count = it.write(bytes, now, turn);
        if it.is_served() && count == it.written {
            let host = it.host;
            kernel.check_host(host);
        }
        let told = bytes.trim_ascii_end().ends_with(b"Error: server is shutting down");
        let asked = kernel.stop.is_some_and(|stop| stop.drained <= now) || !kernel.preemptive;
        assert!(!told || asked, "a client is told of a stop that nobody has asked for");
        kernel.log(|| format!("writes {count} of {} to {}", bytes.len(), socket.0));
        if count == 0 {
            return Err(Errno::AGAIN);
        }
        kernel.turn().progress = true;
        Ok(count)
    })
}

pub(crate) fn shutdown(socket: &OwnedFd, _: Shutdown) -> rustix::io::Result<()> {
    enter();
    with(|kernel| {
        kernel.log(|| format!("shuts {} down", socket.0));
        kernel.turn().progress = true;
        let (now, turn) = (kernel.now, kernel.turn_time());
        let it = socket.connection(kernel);
        // The acceptor always knows what time it is.
        let now = if it.rejected { now } else { turn };
        if it.reset {
            return Err(Errno::NOTCONN);
        }
        (it.shut, it.touched) = (Some(now), now);
        it.fin |= it.polite;
        if it.fin {
            kernel.notify(socket.0, HUP);
        }
        Ok(())
    })
}

/// Only the log has it.
pub(crate) fn getsockname(_: &OwnedFd) -> rustix::io::Result<SocketAddrAny> {
    Ok(SocketAddrAny::from(SocketAddr::from(([127, 0, 0, 1], 9999))))
}

impl Kernel {
    /// A client connects; `None` if nobody listens any more.
    pub(crate) fn connect(&mut self, listener: usize, connection: Connection) -> Option<usize> {
        let backlog = &mut self.listeners[listener];
        // A Unix socket does not know that it is stopped.
        if backlog.closed || (backlog.stopped && !connection.unix) {
            return None;
        }
        backlog.found_empty = false;
        backlog.waiting.push_back(self.connections.len());
        self.connections.push(connection);
        let index = self.connections.len() - 1;
        self.notify(listener as RawFd, IN);
        Some(index)
    }

    /// No more sessions are served than one host may have.
    fn check_host(&self, host: Option<u8>) {
        let limit = self.limits.max_per_host;
        if limit == 0 || host.is_none() || self.grace_is_over() {
            return;
        }
        let served = self.connections.iter().filter(|it| it.host == host && it.is_served()).count();
        assert!(served <= limit, "{served} sessions are served of a host that may have {limit}");
    }

    pub(super) fn registration_slot(&mut self, fd: RawFd) -> &mut Option<Registration> {
        match usize::try_from(fd - FIRST) {
            Ok(connection) => &mut self.connections[connection].registration,
            Err(_) => &mut self.listeners[fd as usize].registration,
        }
    }

    pub(super) fn registration(&mut self, fd: RawFd) -> Option<&mut Registration> {
        self.registration_slot(fd).as_mut()
    }

    pub(super) fn readiness(&self, fd: RawFd) -> u32 {
        match usize::try_from(fd - FIRST) {
            Ok(connection) => self.connections[connection].readiness(),
            Err(_) if self.listeners[fd as usize].waiting.is_empty() => 0,
            Err(_) => IN,
        }
    }
}
