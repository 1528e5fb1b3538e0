//! Everything that can go wrong, and the exit code that tells of it.

use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use hello_proto::Unexpected;
use serde::Serialize;

/// What went wrong, from the short fixed list that scripts may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Nothing listens at the endpoint.
    Refused,
    /// Something did not happen in time.
    Timeout,
    /// The name has no address that may be used.
    Unresolved,
    /// There is no way to the endpoint.
    Unreachable,
    /// The session was cut off, by the server or by whoever reads standard output.
    Closed,
    /// A reply was a wrong one.
    Mismatch,
    /// The server ended the session with an error.
    Server,
    /// The command line or the script asks for what cannot be done.
    Usage,
}

impl Kind {
    /// Its name, as in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Unresolved => "unresolved",
            Self::Unreachable => "unreachable",
            Self::Closed => "closed",
            Self::Mismatch => "mismatch",
            Self::Server => "server",
            Self::Usage => "usage",
        }
    }
}

impl From<&io::Error> for Kind {
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::NotFound => Self::Refused,
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::Timeout,
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected => Self::Closed,
            _ => Self::Unreachable,
        }
    }
}

/// Why a run failed. Shown as one sentence that says what was expected.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What went wrong.
    pub(crate) kind: Kind,
    /// What the server said in place of what was expected, if it said anything.
    pub(crate) said: Option<Vec<u8>>,
    /// Whether the server was reached before it went wrong.
    reached: bool,
    message: String,
}

impl Failure {
    /// The command line or the script asks for what cannot be done.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, said: None, reached: false, message: message.into() }
    }

    /// The server could not be reached.
    pub(crate) fn unreached(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, said: None, reached: false, message: message.into() }
    }

    /// The server was reached, and its replies are not what they should be.
    pub(crate) fn unanswered(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, said: None, reached: true, message: message.into() }
    }

    /// All of one attempt, on one address after the other. There is at least one.
    pub(crate) fn all(failures: Vec<Self>) -> Self {
        let join = |first: Self, next: Self| Self {
            message: format!("{}; {}", first.message, next.message),
            ..first
        };
        failures.into_iter().reduce(join).expect("a name that resolves has an address to fail on")
    }

    /// `error` came instead of what was `expected` of the server at `peer` within `timeout`.
    pub(crate) fn instead_of(
        expected: &dyn fmt::Display,
        error: &io::Error,
        peer: &str,
        timeout: Duration,
    ) -> Self {
        let kind = Kind::from(error);
        let happened = match kind {
            Kind::Timeout => format!("nothing came from {peer} within {timeout:?}"),
            Kind::Refused => format!("nothing listens at {peer}"),
            Kind::Closed => format!("{peer} cut the connection off"),
            _ => format!("{peer}: {error}"),
        };
        let message = format!("{happened}, expected {expected}");
        Self { kind, said: None, reached: true, message }
    }

    /// Standard output cannot be written.
    pub(crate) fn output(error: &io::Error) -> Self {
        let message = format!("standard output: {error}, expected it to take every reply");
        Self { kind: Kind::Closed, said: None, reached: true, message }
    }

    /// The same, before the server was known to be there.
    pub(crate) fn before_any_reply(self) -> Self {
        // Silence is a late reply; only an error from the network says that nobody is there.
        Self { reached: !matches!(self.kind, Kind::Refused | Kind::Unreachable), ..self }
    }

    /// The same, after it was tried for so long.
    pub(crate) fn after_trying(mut self, waited: Duration) -> Self {
        self.message += &format!(" (tried for {:.1} s)", waited.as_secs_f64());
        self
    }

    /// 1: a reply was wrong, missing or late; 2: usage; 3: the server could not be reached.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Usage => 2,
            _ if self.reached => 1,
            _ => 3,
        }
    }
}

impl From<Unexpected> for Failure {
    fn from(unexpected: Unexpected) -> Self {
        let kind = match unexpected {
            Unexpected::Error(_) => Kind::Server,
            Unexpected::Closed { .. } => Kind::Closed,
            Unexpected::Reply { .. } | Unexpected::TooLong { .. } => Kind::Mismatch,
        };
        Self { kind, reached: true, message: unexpected.to_string(), said: unexpected.into_said() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Bytes from outside, as a failure shows them.
#[derive(Debug)]
pub(crate) struct Quoted<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}
