//! What a server counts. Each thread counts for itself and hands its figures in when it ends, so
//! that counting costs no lock and no shared cache line.

use std::fmt;
use std::ops::AddAssign;

use hello_proto::Reason;

/// Why a session was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The client said `exit`.
    Exit,
    /// There was no more data.
    EndOfStream,
    /// A message was over the limit.
    TooLong,
    /// There was no complete message for too long.
    Idle,
    /// The client did not take its replies for too long.
    Unread,
    /// The server stopped.
    Shutdown,
    /// The connection broke.
    Lost,
}

impl Cause {
    const ALL: [Self; 7] = [
        Self::Exit,
        Self::EndOfStream,
        Self::TooLong,
        Self::Idle,
        Self::Unread,
        Self::Shutdown,
        Self::Lost,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Exit => "exit",
            Self::EndOfStream => "end-of-stream",
            Self::TooLong => "too-long",
            Self::Idle => "idle",
            Self::Unread => "unread",
            Self::Shutdown => "shutdown",
            Self::Lost => "lost",
        }
    }
}

/// The counters of a thread, or of all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Sessions that were let in.
    pub opened: u64,
    ended: [u64; Cause::ALL.len()],
    /// Clients told that the server is full.
    pub refused_full: u64,
    /// Clients told that there are too many sessions from their address.
    pub refused_address: u64,
    /// Clients told, instead of being welcomed, that the server is shutting down.
    pub refused_shutdown: u64,
    /// Times that `accept` failed because a client had gone already.
    pub aborted: u64,
    /// Times that `accept` failed for want of descriptors or memory.
    pub starved: u64,
    /// Messages answered on streams.
    pub messages: u64,
    /// Bytes received on streams.
    pub bytes_in: u64,
    /// Bytes sent on streams.
    pub bytes_out: u64,
    /// Datagrams received.
    pub datagrams: u64,
    /// Datagrams greeted.
    pub greeted: u64,
    /// Datagrams dropped because they were over the limit.
    pub dropped_too_long: u64,
    /// Datagrams dropped because they came from the server itself, or from nobody.
    pub dropped_source: u64,
    /// Greetings dropped because the system did not take them.
    pub dropped_unsent: u64,
    /// Receives that failed.
    pub receive_errors: u64,
}

impl Stats {
    pub(crate) fn end(&mut self, cause: Cause) {
        self.ended[cause as usize] += 1;
    }

    pub(crate) fn refuse(&mut self, reason: Reason) {
        match reason {
            Reason::Full => self.refused_full += 1,
            Reason::TooManyFromAddress => self.refused_address += 1,
            _ => self.refused_shutdown += 1,
        }
    }

    /// Sessions that are over, whatever the cause.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.ended.iter().sum()
    }
}

impl AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        for (mine, theirs) in self.ended.iter_mut().zip(other.ended) {
            *mine += theirs;
        }
        self.opened += other.opened;
        self.refused_full += other.refused_full;
        self.refused_address += other.refused_address;
        self.refused_shutdown += other.refused_shutdown;
        self.aborted += other.aborted;
        self.starved += other.starved;
        self.messages += other.messages;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.datagrams += other.datagrams;
        self.greeted += other.greeted;
        self.dropped_too_long += other.dropped_too_long;
        self.dropped_source += other.dropped_source;
        self.dropped_unsent += other.dropped_unsent;
        self.receive_errors += other.receive_errors;
    }
}

/// `key=value` pairs in three groups, for people and for scripts.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sessions opened={} ended={}", self.opened, self.ended())?;
        for cause in Cause::ALL {
            write!(f, " {}={}", cause.name(), self.ended[cause as usize])?;
        }
        write!(
            f,
            " refused-full={} refused-address={} refused-shutdown={} aborted={} starved={}",
            self.refused_full,
            self.refused_address,
            self.refused_shutdown,
            self.aborted,
            self.starved
        )?;
        write!(
            f,
            "; streams messages={} bytes-in={} bytes-out={}",
            self.messages, self.bytes_in, self.bytes_out
        )?;
        write!(
            f,
            "; datagrams received={} greeted={} too-long={} bad-source={} unsent={} errors={}",
            self.datagrams,
            self.greeted,
            self.dropped_too_long,
            self.dropped_source,
            self.dropped_unsent,
            self.receive_errors
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_counted_apart() {
        let mut stats = Stats::default();
        for (times, cause) in Cause::ALL.into_iter().enumerate() {
            (0..=times).for_each(|_| stats.end(cause));
        }
        assert_eq!(stats.ended(), 28);
        let text = stats.to_string();
        assert!(
            text.contains("exit=1 end-of-stream=2 too-long=3 idle=4 unread=5 shutdown=6 lost=7"),
            "{text}"
        );
    }
}
