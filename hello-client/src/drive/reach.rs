//! Which of its addresses a server is at.

use socket2::{SockAddr, Socket};

use crate::config::Target;
use crate::failure::{Failure, Kind, Quoted};
use crate::transport::{Connection, Deadline, addresses, connect, connect_each, patiently};

/// What a first try asks, and is told.
const PROBE: (&[u8], &[u8]) = (b"?", b"Hello, ?!");

/// The way to a server.
#[derive(Debug)]
pub(crate) struct Route {
    /// Where it is, or if it is not there, may be.
    pub(crate) addresses: Vec<SockAddr>,
    /// A first connection to it.
    pub(crate) first: Option<Socket>,
}

impl Route {
    /// All addresses of a server that is not there yet.
    ///
    /// # Errors
    ///
    /// The name has none.
    pub(crate) fn to_all(target: &Target) -> Result<Self, Failure> {
        let addresses = addresses(target, Deadline::after(target.timeout))?;
        Ok(Self { addresses, first: None })
    }
}

/// Finds the server, for as long as `target` says.
///
/// Over datagrams only a reply tells where it is, so if there is a choice of addresses, or a time
/// to wait, each is asked; if there is not, nothing is sent.
///
/// # Errors
///
/// It could not be reached.
pub(crate) fn reach(target: &Target) -> Result<Route, Failure> {
    let lost = |error| Failure::unreached(Kind::from(&error), error.to_string());
    if !target.is_datagram() {
        let connection = connect(target)?;
        let addresses = vec![connection.address().map_err(lost)?];
        return Ok(Route { addresses, first: Some(connection.into_socket().map_err(lost)?) });
    }
    let mut candidates = connect_each(target)?;
    let answering = if candidates.len() == 1 && target.wait.is_zero() {
        0
    } else {
        patiently(target.wait, || ask_each(&mut candidates, target))?
    };
    let addresses = vec![candidates[answering].address().map_err(lost)?];
    Ok(Route { addresses, first: None })
}

/// The index of the first candidate that answers.
fn ask_each(candidates: &mut [Connection], target: &Target) -> Result<usize, Failure> {
    let deadline = Deadline::after(target.timeout);
    let count = candidates.len();
    let mut failures = Vec::new();
    for (index, candidate) in candidates.iter_mut().enumerate() {
        let (question, answer) = PROBE;
        let share = deadline.share_of(count - index);
        let mut said = vec![0; answer.len() + 1];
        let heard =
            candidate.send(question, share).and_then(|()| candidate.receive(&mut said, share));
        match heard {
            // Whatever it says, it is there; what is wrong with it will be counted.
            Ok(_) => {
                candidate.log_as("answered by");
                return Ok(index);
            }
            Err(error) => {
                let expected = Quoted(answer);
                let peer = &candidate.peer;
                let failure = Failure::instead_of(&expected, &error, peer, target.timeout);
                failures.push(failure.before_any_reply());
            }
        }
    }
    Err(Failure::all(failures))
}
