//! Why a server does not run.

use std::io::{self, ErrorKind};

use hello_proto::Endpoint;
use thiserror::Error;

/// Why a server did not start, or did not run until it was told to stop.
#[derive(Debug, Error)]
pub enum Error {
    /// An endpoint cannot be served.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The number of sockets that were handed over is none.
    #[error("invalid LISTEN_FDS '{}': expected the number of sockets handed over", .value.escape_debug())]
    ListenFds {
        /// What stands there instead.
        value: String,
    },
    /// A socket that was handed over cannot be served.
    #[error("cannot serve file descriptor {descriptor}, which LISTEN_FDS hands over: {source}")]
    Inherited {
        /// Its number.
        descriptor: usize,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The limit of open files is too low for even one session.
    #[error("the limit of open files is {limit}, and one session needs {needed} (ulimit -n)")]
    OpenFiles {
        /// The limit, raised as far as the system allows.
        limit: usize,
        /// The lowest limit that would do.
        needed: usize,
    },
    /// Threads or their resources could not be had.
    #[error("cannot start: {0}")]
    Start(#[source] io::Error),
    /// A thread failed.
    #[error("the thread '{name}' failed: {message}")]
    Thread {
        /// The name of the thread.
        name: String,
        /// What was wrong.
        message: String,
    },
}

/// Why an endpoint cannot be served.
#[derive(Debug, Error)]
#[error("cannot listen on {endpoint}: {}", reason(endpoint, source))]
pub struct BindError {
    pub(crate) endpoint: Endpoint,
    pub(crate) source: io::Error,
}

/// The system's words, and a hint where the user can act on it.
fn reason(endpoint: &Endpoint, error: &io::Error) -> String {
    let unix = matches!(endpoint, Endpoint::Unix(_) | Endpoint::Unixgram(_));
    match error.kind() {
        ErrorKind::AddrInUse if unix => "another server is listening on this path".to_owned(),
        ErrorKind::AddrInUse => "address already in use (port 0 picks a free port)".to_owned(),
        ErrorKind::AlreadyExists => "there is a file that is not a socket".to_owned(),
        ErrorKind::AddrNotAvailable => "not an address of this machine".to_owned(),
        ErrorKind::PermissionDenied if is_privileged(endpoint) => {
            "permission denied: ports below 1024 need CAP_NET_BIND_SERVICE".to_owned()
        }
        _ => error.to_string(),
    }
}

/// Whether its port is one that not everybody may have. Who may have none, as in a sandbox, is told
/// what the system says.
fn is_privileged(endpoint: &Endpoint) -> bool {
    match endpoint {
        Endpoint::Tcp(address) | Endpoint::Udp(address) => (1..1024).contains(&address.port),
        Endpoint::Unix(_) | Endpoint::Unixgram(_) => false,
    }
}
