//! Why connections fail, and how often.

use std::collections::BTreeMap;

use serde::Serialize;
use thiserror::Error;

use crate::error::ErrorKind;

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum ConnectionError {
    /// It could not be opened.
    #[error("{}", match .0 {
        ErrorKind::Refused => "connection refused".to_owned(),
        ErrorKind::Timeout => "connection timed out".to_owned(),
        ErrorKind::Unreachable => "host or network unreachable".to_owned(),
        kind => format!("connecting failed ({kind})"),
    })]
    Connect(ErrorKind),
    /// It was lost, or for datagrams, the way to the server was.
    #[error("{}", match .0 {
        ErrorKind::Refused => "connection refused".to_owned(),
        ErrorKind::Timeout => "no reply in time".to_owned(),
        ErrorKind::Unreachable => "host or network unreachable".to_owned(),
        kind => format!("cut off ({kind})"),
    })]
    Lost(ErrorKind),
    /// The server ended it with this error.
    #[error("Error: {}", .0.escape_debug())]
    Server(String),
}

impl ConnectionError {
    /// How much of a server's reason is kept, in bytes.
    const MAX_REASON: usize = 128;

    /// The server ended a session for this `reason`.
    pub(super) fn server(reason: &[u8]) -> Self {
        let shown = &reason[..reason.len().min(Self::MAX_REASON)];
        Self::Server(String::from_utf8_lossy(shown).into_owned())
    }

    /// What went wrong, from the fixed list.
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::Connect(kind) | Self::Lost(kind) => *kind,
            Self::Server(_) => ErrorKind::Server,
        }
    }
}

/// How often each error happened.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ErrorCounts {
    /// Connections that could not be opened.
    failed_connections: BTreeMap<ErrorKind, u64>,
    /// Connections that were lost.
    cut_sessions: BTreeMap<ErrorKind, u64>,
    /// Errors of the server, by its reason.
    server_errors: BTreeMap<String, u64>,
}

impl ErrorCounts {
    /// How many reasons have a count of their own; a hostile server cannot fill the memory.
    const MAX_REASONS: usize = 32;

    /// Counts `error`, which happened this many `times`.
    pub(crate) fn count(&mut self, error: &ConnectionError, times: u64) {
        let is_full = self.server_errors.len() >= Self::MAX_REASONS;
        *match error {
            ConnectionError::Connect(kind) => self.failed_connections.entry(*kind).or_default(),
            ConnectionError::Lost(kind) => self.cut_sessions.entry(*kind).or_default(),
            ConnectionError::Server(reason) => {
                let is_known = self.server_errors.contains_key(reason);
                let key = if is_known || !is_full { reason } else { "other reasons" };
                self.server_errors.entry(key.to_owned()).or_default()
            }
        } += times;
    }

    /// How many there were.
    pub(crate) fn total(&self) -> u64 {
        self.iter().map(|(_, times)| times).sum()
    }

    /// Every error that happened, and how often.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ConnectionError, u64)> {
        let failed =
            self.failed_connections.iter().map(|(k, n)| (ConnectionError::Connect(*k), *n));
        let lost = self.cut_sessions.iter().map(|(k, n)| (ConnectionError::Lost(*k), *n));
        let server = self.server_errors.iter();
        failed.chain(lost).chain(server.map(|(r, n)| (ConnectionError::Server(r.clone()), *n)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_count() {
        let mut counts = ErrorCounts::default();
        counts.count(&ConnectionError::Connect(ErrorKind::Refused), 2);
        counts.count(&ConnectionError::Lost(ErrorKind::Closed), 1);
        counts.count(&ConnectionError::Lost(ErrorKind::Timeout), 1);
        counts.count(&ConnectionError::server(b"server is full"), 3);
        assert_eq!(counts.total(), 7);
        assert_eq!(
            serde_json::to_string(&counts).unwrap(),
            r#"{"failed_connections":{"refused":2},"cut_sessions":{"timeout":1,"closed":1},"server_errors":{"server is full":3}}"#
        );
    }

    #[test]
    fn reasons_without_end_are_counted_in_bounded_memory() {
        let mut counts = ErrorCounts::default();
        for number in 0..1000 {
            counts.count(&ConnectionError::server(format!("{number}").as_bytes()), 1);
        }
        assert_eq!((counts.total(), counts.server_errors.len()), (1000, 33));
    }
}
