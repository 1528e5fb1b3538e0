//! What goes wrong between the messages, counted by cause.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::failure::Kind;

/// Why a connection is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// It could not be opened.
    Connect(Kind),
    /// It was cut off, or for datagrams, the way to the server was.
    Cut(Kind),
    /// The server ended it with this error.
    Server(String),
}

impl Problem {
    /// The problem of a server that ends a session for this `reason`.
    pub(crate) fn server(reason: &[u8]) -> Self {
        let shown = &reason[..reason.len().min(Self::SHOWN)];
        Self::Server(String::from_utf8_lossy(shown).into_owned())
    }

    /// What went wrong, from the fixed list.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Connect(kind) | Self::Cut(kind) => *kind,
            Self::Server(_) => Kind::Server,
        }
    }

    /// How much of a server's reason is kept, in bytes.
    const SHOWN: usize = 128;
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(kind) => write!(f, "connecting failed ({})", kind.name()),
            Self::Cut(Kind::Timeout) => f.write_str("no reply in time"),
            Self::Cut(kind) => write!(f, "cut off ({})", kind.name()),
            Self::Server(reason) => write!(f, "Error: {}", reason.escape_debug()),
        }
    }
}

/// How often each problem was met.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Problems {
    /// Connections that could not be opened.
    pub(crate) failed_connections: BTreeMap<Kind, u64>,
    /// Connections that were cut off.
    pub(crate) cut_sessions: BTreeMap<Kind, u64>,
    /// Errors of the server, by its reason.
    pub(crate) server_errors: BTreeMap<String, u64>,
}

impl Problems {
    /// So many different reasons are told apart; a hostile server cannot fill the memory.
    const REASONS: usize = 32;

    /// Counts `problem`, met so many times.
    pub(crate) fn count(&mut self, problem: &Problem, times: u64) {
        let counter = match problem {
            Problem::Connect(kind) => self.failed_connections.entry(*kind).or_default(),
            Problem::Cut(kind) => self.cut_sessions.entry(*kind).or_default(),
            Problem::Server(reason) => {
                let known = self.server_errors.contains_key(reason);
                let key = if known || self.server_errors.len() < Self::REASONS {
                    reason
                } else {
                    "other reasons"
                };
                self.server_errors.entry(key.to_owned()).or_default()
            }
        };
        *counter += times;
    }

    /// How many there were.
    pub(crate) fn total(&self) -> u64 {
        self.each().map(|(_, times)| times).sum()
    }

    /// Every problem that was met, and how often.
    pub(crate) fn each(&self) -> impl Iterator<Item = (Problem, u64)> {
        let connects = self.failed_connections.iter().map(|(k, n)| (Problem::Connect(*k), *n));
        let cuts = self.cut_sessions.iter().map(|(k, n)| (Problem::Cut(*k), *n));
        let errors = self.server_errors.iter().map(|(r, n)| (Problem::Server(r.clone()), *n));
        connects.chain(cuts).chain(errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_count() {
        let mut problems = Problems::default();
        problems.count(&Problem::Connect(Kind::Refused), 2);
        problems.count(&Problem::Cut(Kind::Closed), 1);
        problems.count(&Problem::Cut(Kind::Timeout), 1);
        problems.count(&Problem::server(b"server is full"), 3);
        assert_eq!(problems.total(), 7);
        assert_eq!(
            serde_json::to_string(&problems).unwrap(),
            r#"{"failed_connections":{"refused":2},"cut_sessions":{"timeout":1,"closed":1},"server_errors":{"server is full":3}}"#
        );
    }

    #[test]
    fn reasons_without_end_are_counted_in_bounded_memory() {
        let mut problems = Problems::default();
        for number in 0..1000 {
            problems.count(&Problem::server(format!("{number}").as_bytes()), 1);
        }
        assert_eq!((problems.total(), problems.server_errors.len()), (1000, 33));
    }
}
