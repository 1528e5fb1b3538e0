//! Which of its addresses a server is at.

use std::time::{Duration, Instant};

use hello_proto::greeting;
use socket2::{SockAddr, Socket};

use super::connect::addresses;
use super::{Connection, connect, connect_each, retry_until, split};
use crate::error::{Error, ErrorKind, quoted};
use crate::options::Target;

/// How long a server that may not be there yet has to answer, before it is asked again.
const PROBE_TIMEOUT: Duration = Duration::from_millis(200);

/// What a measurement asks to find a server of datagrams.
const PROBE: &[u8] = b"?";

/// The way to a server.
#[derive(Debug)]
pub(crate) struct Route {
    /// Where it is, or if it is not there, may be.
    pub(crate) addresses: Vec<SockAddr>,
    /// A first connection to it.
    pub(crate) preconnected: Option<Socket>,
}

impl Route {
    /// All addresses of a server that is not there yet.
    ///
    /// # Errors
    ///
    /// The name has none.
    pub(crate) fn unverified(target: &Target) -> Result<Self, Error> {
        let addresses = addresses(target, Instant::now() + target.timeout())?;
        Ok(Self { addresses, preconnected: None })
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
    let lost = |error| Error::unreached(ErrorKind::from(&error), error.to_string());
    if !target.is_datagram() {
        let socket = connect(target)?.socket;
        socket.set_nonblocking(true).map_err(lost)?;
        let addresses = vec![socket.peer_addr().map_err(lost)?];
        return Ok(Route { addresses, preconnected: Some(socket) });
    }
    let mut candidates = connect_each(target)?;
    let server = if candidates.len() == 1 && target.wait.is_zero() {
        candidates.remove(0)
    } else {
        let expected = greeting(PROBE);
        let mut reply = vec![0; expected.len() + 1];
        let ask = |candidate: &mut Connection, deadline| {
            // Whatever it says, it is there; what is wrong with it will be counted.
            let sent = candidate.send(PROBE, deadline);
            let answered = sent.and_then(|()| candidate.receive(&mut reply, deadline));
            answered.map(drop).map_err(|error| {
                Error::instead_of(&quoted(&expected), &error, &candidate.peer, target.timeout())
            })
        };
        first_answering(candidates, target, target.wait, ask)?
    };
    Ok(Route { addresses: vec![server.socket.peer_addr().map_err(lost)?], preconnected: None })
}

/// Asks one candidate after the other, and again until `wait` is over, and returns the first that
/// answers.
///
/// # Errors
///
/// A wrong answer, or if there was none, why.
pub(crate) fn first_answering(
    mut candidates: Vec<Connection>,
    target: &Target,
    wait: Duration,
    mut ask: impl FnMut(&mut Connection, Instant) -> Result<(), Error>,
) -> Result<Connection, Error> {
    let count = candidates.len();
    let answered = retry_until(wait, |is_last| {
        let timeout = target.timeout();
        let deadline = Instant::now() + if is_last { timeout } else { PROBE_TIMEOUT.min(timeout) };
        let mut errors = Vec::new();
        for (index, candidate) in candidates.iter_mut().enumerate() {
            match ask(candidate, split(deadline, count - index)) {
                Ok(()) => return Ok(Ok(index)),
                Err(error) if error.reply.is_some() => return Ok(Err(error)),
                Err(error) => errors.push(error.before_any_reply()),
            }
        }
        Err(Error::join(errors))
    })?;
    let connection = candidates.swap_remove(answered?);
    connection.log_as("answered by");
    Ok(connection)
}
