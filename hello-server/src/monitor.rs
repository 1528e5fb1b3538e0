//! What a server can say of itself while it runs.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::SystemTime;

use crate::net::os::dropped;
use crate::stats::{Counter, Counters, Stats, ThreadStats};

/// Where the figures of a server are.
#[derive(Debug)]
pub(crate) struct Monitor {
    threads: Vec<Arc<Counters>>,
    /// The sockets whose dropped datagrams are counted, while they are open.
    datagram_sockets: Vec<Weak<OwnedFd>>,
    /// What had been dropped at an inherited socket before this server started.
    dropped_before: u64,
    /// The highest count yet: that of a socket which has just been closed may still be missing, and a
    /// counter must not go back.
    overflowed: AtomicU64,
    dropped_log_lines: Arc<AtomicU64>,
    /// Connections that wait for their PROXY protocol header.
    waiting: Arc<AtomicU64>,
    started: SystemTime,
}

impl Monitor {
    /// Of a server that starts now, and whose log counts in `dropped_log_lines`.
    pub(crate) fn new(dropped_log_lines: Arc<AtomicU64>) -> Self {
        Self {
            threads: Vec::new(),
            datagram_sockets: Vec::new(),
            dropped_before: 0,
            overflowed: AtomicU64::new(0),
            dropped_log_lines,
            waiting: Arc::default(),
            started: SystemTime::now(),
        }
    }

    /// Counters for one more thread.
    pub(crate) fn thread(&mut self) -> ThreadStats {
        let stats = ThreadStats::default();
        self.threads.push(stats.counters());
        stats
    }

    /// One more socket whose dropped datagrams are counted.
    pub(crate) fn watch(&mut self, socket: &Arc<OwnedFd>) {
        self.dropped_before += dropped(socket);
        self.datagram_sockets.push(Arc::downgrade(socket));
    }

    /// What has been counted up to now, by all threads, whether they have ended or not.
    pub(crate) fn stats(&self) -> Stats {
        let mut total = Stats::default();
        self.threads.iter().for_each(|counters| total += counters.read());
        // A thread counts what was dropped at a socket that it has closed; the others are asked.
        let open = self.datagram_sockets.iter().filter_map(Weak::upgrade);
        let overflowed = total.get(Counter::Overflowed) + open.map(|it| dropped(&it)).sum::<u64>();
        let overflowed = overflowed.saturating_sub(self.dropped_before);
        let before = self.overflowed.fetch_max(overflowed, Ordering::Relaxed);
        total.set(Counter::Overflowed, overflowed.max(before));
        total
    }

    /// Where the acceptor says how many connections wait for their header.
    pub(crate) fn waiting_gauge(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.waiting)
    }

    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(crate) fn dropped_log_lines(&self) -> u64 {
        self.dropped_log_lines.load(Ordering::Relaxed)
    }

    /// When the server started, in seconds since 1970.
    pub(crate) fn started(&self) -> f64 {
        let since = self.started.duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(0.0, |since| since.as_secs_f64())
    }
}
