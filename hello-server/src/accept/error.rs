//! What a failed accept(2) asks for.

use std::io;

use rustix::io::Errno;

use crate::net::os::ACCEPT_ERRORS;

/// Why no client was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AcceptError {
    /// Nobody waits.
    WouldBlock,
    /// An error of one connection, which Linux passes on from the new socket: accept(2) has it
    /// treated as though that client had not come.
    Aborted,
    /// Descriptors or memory have run out, or something that this list does not know. Accepting
    /// pauses, because trying again at once would only burn processor time.
    Exhausted,
}

impl From<&io::Error> for AcceptError {
    fn from(error: &io::Error) -> Self {
        match Errno::from_io_error(error) {
            Some(Errno::AGAIN) => Self::WouldBlock,
            Some(
                Errno::CONNABORTED
                | Errno::INTR
                | Errno::PERM
                | Errno::PROTO
                | Errno::NOPROTOOPT
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::OPNOTSUPP,
            ) => Self::Aborted,
            Some(error) if ACCEPT_ERRORS.contains(&error) => Self::Aborted,
            _ => Self::Exhausted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_is_not_known_pauses_accepting() {
        let class = |errno: Errno| AcceptError::from(&io::Error::from(errno));
        assert_eq!(class(Errno::AGAIN), AcceptError::WouldBlock);
        for errno in [Errno::CONNABORTED, Errno::HOSTUNREACH].iter().chain(ACCEPT_ERRORS) {
            assert_eq!(class(*errno), AcceptError::Aborted);
        }
        for errno in [Errno::MFILE, Errno::TIMEDOUT, Errno::ACCESS, Errno::INVAL] {
            assert_eq!(class(errno), AcceptError::Exhausted);
        }
    }
}
