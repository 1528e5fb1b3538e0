//! What TCP knew of the connections of a run.

use std::time::Duration;

use crate::net::TcpInfo;

/// The sum of what TCP knew of each connection at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TcpTotals {
    /// How many connections there were.
    connections: u64,
    retransmits: u64,
    /// The round trips of those connections that had one, and how many that are.
    round_trips: (Duration, u64),
}

impl TcpTotals {
    /// Adds one connection.
    pub(super) fn record(&mut self, info: TcpInfo) {
        self.connections += 1;
        self.retransmits += info.retransmits;
        if let Some(round_trip) = info.round_trip {
            self.round_trips.0 += round_trip;
            self.round_trips.1 += 1;
        }
    }

    /// Adds those of another thread.
    pub(crate) fn add(&mut self, other: Self) {
        self.connections += other.connections;
        self.retransmits += other.retransmits;
        self.round_trips.0 += other.round_trips.0;
        self.round_trips.1 += other.round_trips.1;
    }

    /// How many segments were sent again, if there were connections.
    pub(crate) fn retransmits(&self) -> Option<u64> {
        (self.connections > 0).then_some(self.retransmits)
    }

    /// The mean of their round trips, in microseconds, if there was one.
    pub(crate) fn round_trip(&self) -> Option<f64> {
        let (sum, count) = self.round_trips;
        (count > 0).then(|| sum.as_secs_f64() * 1e6 / count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retransmits_are_added_up_and_round_trips_are_averaged() {
        let mut totals = TcpTotals::default();
        assert_eq!((totals.retransmits(), totals.round_trip()), (None, None));
        totals.record(TcpInfo { retransmits: 3, round_trip: None });
        assert_eq!((totals.retransmits(), totals.round_trip()), (Some(3), None));
        let mut sum = TcpTotals::default();
        sum.add(totals);
        assert_eq!(sum.retransmits(), Some(3));
        for micros in [100, 200] {
            let mut other = TcpTotals::default();
            let round_trip = Some(Duration::from_micros(micros));
            other.record(TcpInfo { retransmits: 1, round_trip });
            totals.add(other);
        }
        assert_eq!((totals.retransmits(), totals.round_trip()), (Some(5), Some(150.0)));
    }
}
