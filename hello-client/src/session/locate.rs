//! Which of its addresses a server is at.

use std::io::Read;
use std::net::Shutdown;
use std::time::Duration;

use socket2::{SockAddr, Socket};

use super::datagram::{DatagramSession, PROBE};
use super::{Candidates, StreamSession};
use crate::error::{Error, ErrorKind};
use crate::net::{Deadline, Timeout, addresses, retry_until};
use crate::options::Target;

/// The way to a server.
#[derive(Debug)]
pub(crate) struct Route {
    /// Where it is, or if it is not there, may be.
    pub(crate) addresses: Vec<SockAddr>,
    /// A first connection to it, whose welcome has been received.
    pub(crate) preconnected: Option<Socket>,
}

impl Route {
    /// All addresses of a server that is not there yet.
    ///
    /// # Errors
    ///
    /// The name has none.
    pub(crate) fn unverified(target: &Target) -> Result<Self, Error> {
        let addresses = addresses(target, Deadline::after(target.timeout()))?;
        Ok(Self { addresses, preconnected: None })
    }

    /// Ends the first session, and waits until the server has, so that no other is rejected for it.
    pub(crate) fn leave(&mut self, timeout: Duration) {
        let Some(mut socket) = self.preconnected.take() else { return };
        let closed = socket.set_nonblocking(false);
        let closed = closed.and_then(|()| socket.set_read_timeout(Some(timeout)));
        let closed = closed.and_then(|()| socket.shutdown(Shutdown::Write));
        // It has nothing more to say. If it does not close, its sessions will show that.
        let _ = closed.and_then(|()| socket.read(&mut [0]));
    }
}

/// Finds the server, with retries for the `--wait` of `target`.
///
/// Over datagrams only a reply tells where it is, so if there is a choice of addresses, or a time
/// to wait, each is asked. Otherwise nothing is sent.
///
/// # Errors
///
/// It could not be reached.
pub(crate) fn locate(target: &Target) -> Result<Route, Error> {
    retry_until(target, |timeout| {
        if target.is_datagram() {
            let server = find_answering(target, timeout)?;
            return Ok(Route { addresses: vec![server], preconnected: None });
        }
        let mut session = StreamSession::connect(target, timeout)?;
        match session.welcome(timeout.start()) {
            Ok(()) => {}
            // It is there. How often it rejects a connection will be counted.
            Err(error) if error.kind == ErrorKind::Server && target.wait.is_zero() => {
                return Route::unverified(target);
            }
            Err(error) => return Err(error),
        }
        let socket = session.into_socket()?;
        socket.set_nonblocking(true).map_err(Error::system)?;
        Ok(Route { addresses: vec![peer(&socket)?], preconnected: Some(socket) })
    })
}

/// The address of a server of datagrams that answers, or the only one.
fn find_answering(target: &Target, timeout: Timeout) -> Result<SockAddr, Error> {
    let mut candidates = Candidates::connect(target, timeout)?;
    let session = if candidates.sessions.len() == 1 && target.wait.is_zero() {
        candidates.sessions.remove(0)
    } else {
        let ask = |session: &mut DatagramSession, _, deadline| match session.say(PROBE, deadline) {
            // Whatever it says, it is there; what is wrong with it will be counted.
            Err(error) if error.reply.as_ref().is_some_and(|reply| !reply.is_empty()) => Ok(()),
            outcome => outcome,
        };
        let session = candidates.first_answering(timeout.resends(), ask)?;
        session.connection.log_as("answered by");
        session
    };
    peer(&session.connection.into_socket())
}

/// The other end of `socket`. A connection that was lost meanwhile has none.
fn peer(socket: &Socket) -> Result<SockAddr, Error> {
    let peer = socket.peer_addr();
    peer.map_err(|error| Error::unreached(ErrorKind::from(&error), format!("socket: {error}")))
}
