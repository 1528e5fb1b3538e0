//! Everything that can go wrong, and the exit code that says so.

use std::fmt;
use std::io;
use std::time::Duration;

use hello_proto::{Framing, MessageError, ReplyError};
use serde::Serialize;
use thiserror::Error;

/// What went wrong, from the short fixed list that scripts may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ErrorKind {
    /// Nothing listens at the endpoint, or a firewall rejects the connection.
    Refused,
    /// Something did not happen in time.
    Timeout,
    /// The name has no address that may be used.
    Unresolved,
    /// The network has no route to the endpoint, or refuses to use it.
    Unreachable,
    /// The connection was closed, by the server or by whoever reads standard output.
    Closed,
    /// A reply was a wrong one.
    Mismatch,
    /// The server ended the session with an error.
    Server,
    /// The command line or the script asks for what cannot be done.
    Usage,
    /// A figure is over a threshold that the user has set.
    Threshold,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl From<&io::Error> for ErrorKind {
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Self::Refused,
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Self::Timeout,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected => Self::Closed,
            _ => Self::Unreachable,
        }
    }
}

/// Why a run failed, in one sentence; serialized, the `error` of a report.
#[derive(Debug, Error, Serialize)]
#[error("{message}")]
pub(crate) struct Error {
    /// What went wrong.
    pub(crate) kind: ErrorKind,
    message: String,
    /// What the server said instead of the right reply, if it said anything.
    #[serde(skip)]
    pub(crate) reply: Option<Vec<u8>>,
    /// Whether the server was reached before it went wrong.
    #[serde(skip)]
    is_reached: bool,
    /// Whether it is no failure, but the end: nobody reads standard output any more.
    #[serde(skip)]
    is_reader_gone: bool,
}

impl Error {
    /// The command line or the script asks for what cannot be done.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        /// In characters: what was given may be a whole file.
        const MAX_LENGTH: usize = 1000;
        let mut message = message.into();
        if let Some((end, _)) = message.char_indices().nth(MAX_LENGTH) {
            message.replace_range(end.., "...");
        }
        Self::unreached(ErrorKind::Usage, message)
    }

    /// Nothing ever came back from the server.
    pub(crate) fn unreached(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            reply: None,
            is_reached: false,
            is_reader_gone: false,
        }
    }

    /// The server answered, and its replies are not what they should be.
    pub(crate) fn unanswered(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { is_reached: true, ..Self::unreached(kind, message) }
    }

    /// The system refuses what every run needs.
    pub(crate) fn system(error: io::Error) -> Self {
        Self::unreached(ErrorKind::Unreachable, error.to_string())
    }

    /// The server's welcome is in `framing`, and what we took it for is this `reply`.
    pub(crate) fn other_framing(framing: Framing, reply: Option<Vec<u8>>) -> Self {
        let message = format!("the server speaks another framing: try --framing {framing}");
        Self { reply, ..Self::unanswered(ErrorKind::Mismatch, message) }
    }

    /// Standard output cannot be written.
    pub(crate) fn output(error: io::Error) -> Self {
        let is_reader_gone = error.kind() == io::ErrorKind::BrokenPipe;
        let failed = Self::unanswered(ErrorKind::Closed, format!("standard output: {error}"));
        Self { is_reader_gone, ..failed }
    }

    /// Whether whoever read standard output has seen enough, as `head` does. The run then ends with
    /// what it has found until then: a script that asks for the exit code wants to know about the
    /// path, so that it is not the 141 of a program that SIGPIPE kills.
    pub(crate) fn is_reader_gone(&self) -> bool {
        self.is_reader_gone
    }

    /// All errors of one attempt, on one address after the other. There is at least one.
    pub(crate) fn join(errors: Vec<Self>) -> Self {
        let join = |first: Self, next: Self| Self {
            message: format!("{}; {}", first.message, next.message),
            is_reached: first.is_reached || next.is_reached,
            ..first
        };
        errors.into_iter().reduce(join).expect("a name that resolves has an address to fail on")
    }

    /// The same error, of a server that has answered before, or that has not.
    pub(crate) fn of_server(self, is_reached: bool) -> Self {
        Self { is_reached, ..self }
    }

    /// The same error, with `context` before its message.
    pub(crate) fn in_context(self, context: &str) -> Self {
        Self { message: format!("{context}: {}", self.message), ..self }
    }

    /// The same error, in other words.
    pub(crate) fn replaced(self, message: String) -> Self {
        Self { message, ..self }
    }

    /// Whether anything ever came back.
    pub(crate) fn is_reached(&self) -> bool {
        self.is_reached
    }

    /// The same error, with what it probably means.
    pub(crate) fn with_hint(mut self, hint: &str) -> Self {
        self.message += &format!(" ({hint})");
        self
    }

    /// The same error, after retries that took this long.
    pub(crate) fn after_retries(mut self, waited: Duration) -> Self {
        self.message += &format!(" (tried for {:.1} s)", waited.as_secs_f64());
        self
    }

    /// Whether it may pass by itself while a server starts, or the backend of a balancer.
    pub(crate) fn is_temporary(&self) -> bool {
        match self.kind {
            ErrorKind::Usage | ErrorKind::Threshold => false,
            ErrorKind::Mismatch => self.reply.as_ref().is_some_and(Vec::is_empty),
            // The server will be there again, or have a place; a message does not get shorter.
            ErrorKind::Server => !self
                .reply
                .as_ref()
                .is_some_and(|reply| reply.starts_with(b"Error: message longer")),
            ErrorKind::Refused
            | ErrorKind::Timeout
            | ErrorKind::Unresolved
            | ErrorKind::Unreachable
            | ErrorKind::Closed => true,
        }
    }

    /// 1: something answered, but not as it should; 2: usage; 3: nothing ever came back.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.kind {
            ErrorKind::Usage => 2,
            _ if self.is_reached => 1,
            _ => 3,
        }
    }
}

impl From<ReplyError> for Error {
    fn from(error: ReplyError) -> Self {
        let kind = match error {
            ReplyError::Server(_) => ErrorKind::Server,
            ReplyError::Closed { .. } => ErrorKind::Closed,
            ReplyError::Mismatch { .. } | ReplyError::Decode(_) => ErrorKind::Mismatch,
        };
        Self { reply: error.clone().into_reply(), ..Self::unanswered(kind, error.to_string()) }
    }
}

/// What is wrong with a message, and what the user can do about it.
pub(crate) fn advise(error: MessageError) -> String {
    let advice = match error {
        MessageError::TooLong { .. } => " (--max-message)",
        MessageError::LineFeed | MessageError::TrailingCarriageReturn => {
            "; use --framing length on both sides"
        }
        MessageError::Exit => "; the client sends it itself at the end",
        MessageError::Empty | MessageError::SessionClosed => "",
    };
    format!("{error}{advice}")
}
