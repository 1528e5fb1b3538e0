//! The counters that a server prints when it stops.

use std::collections::BTreeMap;

/// Why a session ends; each session is counted under one of them.
const CAUSES: [&str; 7] =
    ["exit", "end-of-stream", "sessions too-long", "idle", "unread", "shutdown", "lost"];

/// The `key=value` pairs of the line with `stopped: `, by `group key`.
#[derive(Debug)]
pub(crate) struct Summary(BTreeMap<String, u64>);

impl Summary {
    #[track_caller]
    pub(crate) fn of(log: &str) -> Self {
        let mut lines = log.lines().filter_map(|line| line.split_once("stopped: "));
        let (_, groups) = lines.next().unwrap_or_else(|| panic!("no summary in:\n{log}"));
        let mut counts = BTreeMap::new();
        for group in groups.split("; ") {
            let (name, pairs) = group.split_once(' ').expect("a group has a name");
            for pair in pairs.split(' ') {
                let (key, count) = pair.split_once('=').expect("key=value");
                counts.insert(format!("{name} {key}"), count.parse().expect("a number"));
            }
        }
        Self(counts)
    }

    /// The counter `key`, which is in one group only or stands behind the name of its group.
    #[track_caller]
    pub(crate) fn count(&self, key: &str) -> u64 {
        let of_key = |name: &str| name == key || name.split(' ').nth(1) == Some(key);
        let mut found = self.0.iter().filter(|(name, _)| of_key(name));
        match (found.next(), found.next()) {
            (Some((_, count)), None) => *count,
            _ => panic!("not exactly one counter '{key}' in {self:?}"),
        }
    }

    /// Asserts each of `counts`.
    #[track_caller]
    pub(crate) fn expect(&self, counts: &[(&str, u64)]) {
        for (key, expected) in counts {
            assert_eq!(self.count(key), *expected, "{key} in {self:?}");
        }
    }

    /// Asserts that every session that was opened has ended, for one cause.
    #[track_caller]
    pub(crate) fn expect_all_ended(&self) {
        let by_cause: u64 = CAUSES.iter().map(|cause| self.count(cause)).sum();
        let (opened, ended) = (self.count("opened"), self.count("ended"));
        assert_eq!((opened, opened), (ended, by_cause), "{self:?}");
    }
}
