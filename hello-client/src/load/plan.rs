//! What a run is to do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hello_proto::MessageError;
use socket2::{SockAddr, Socket};

use super::datagram::NUMBER_SIZE;
use super::schedule::{Quota, Rate, Schedule, Timetable};
use crate::error::advise;
use crate::options::Target;

/// A run, the same for all its threads.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The server, and how to talk to it.
    pub(crate) target: Target,
    /// The addresses to try: of a server that was reached, only the one it was reached at.
    pub(crate) addresses: Vec<SockAddr>,
    /// Whether the name is looked up again when the server has gone.
    pub(crate) follows_name: bool,
    /// The messages on a stream, which repeat.
    pub(crate) pattern: Arc<[Vec<u8>]>,
    /// The bytes of a message.
    pub(crate) size: usize,
    /// How many connections there are, over all threads.
    pub(crate) connections: usize,
    /// The most messages in flight on one of them.
    pub(crate) window: u64,
    /// Each message has a session of its own.
    pub(crate) reconnect: bool,
    /// When messages are due; without it, one is sent for each reply.
    pub(crate) rate: Option<Rate>,
    /// The receive buffer of each UDP socket, in bytes.
    pub(crate) udp_buffer: usize,
    /// A message that cannot leave when it is due is lost, rather than sent late.
    pub(crate) drop_late: bool,
    /// When the first message is due.
    pub(crate) start: Instant,
    /// When the warm-up ends.
    pub(crate) warm_until: Instant,
    /// When the last message is due, in a run that ends by the clock.
    pub(crate) end: Option<Instant>,
    /// How many messages there are after the warm-up, in a run that ends by their number.
    pub(crate) messages: Option<u64>,
}

/// One thread's part of a run.
#[derive(Debug)]
pub(crate) struct Partition {
    /// From 0.
    pub(crate) index: usize,
    /// How many threads there are.
    pub(crate) count: usize,
    /// A socket that is connected already, for one of its connections.
    pub(crate) preconnected: Option<Socket>,
}

impl Plan {
    /// After this long without a reply a run that ends by the number of its messages is abandoned.
    pub(super) const STALL_TIMEOUT: Duration = Duration::from_secs(30);

    /// The most messages in flight, over all connections: what is known of them takes half a GiB.
    const MAX_IN_FLIGHT: u64 = 1 << 24;

    /// The receive buffer of a UDP socket unless another is asked for: for bursts of replies, and for
    /// what comes while another program has the processor.
    pub(crate) const UDP_BUFFER: usize = 4 * 1024 * 1024;

    /// A closed loop without an end, of one connection with one message in flight, that starts now.
    pub(crate) fn new(target: Target, addresses: Vec<SockAddr>, size: usize) -> Self {
        let start = Instant::now();
        Self {
            target,
            addresses,
            follows_name: false,
            pattern: pattern(size).collect(),
            size,
            connections: 1,
            window: 1,
            reconnect: false,
            rate: None,
            udp_buffer: Self::UDP_BUFFER,
            drop_late: false,
            start,
            warm_until: start,
            end: None,
            messages: None,
        }
    }

    /// The numbers of the connections of this partition; partitions take turns.
    pub(super) fn connections_of(&self, partition: &Partition) -> impl Iterator<Item = usize> {
        (partition.index..self.connections).step_by(partition.count)
    }

    /// When messages are due, in an open loop.
    pub(super) fn timetable(&self) -> Option<Timetable> {
        let moments = (self.start, self.warm_until);
        self.rate.map(|rate| Timetable::new(rate, moments, self.end, self.messages))
    }

    /// The schedule of one connection.
    pub(super) fn schedule(&self, connection: usize) -> Schedule {
        let window = self.window.min(Self::MAX_IN_FLIGHT.div_ceil(self.connections as u64));
        match self.timetable() {
            Some(timetable) => {
                let turn = (connection as u64, self.connections as u64);
                Schedule::open(timetable, turn, window)
            }
            None => Schedule::closed(window),
        }
    }

    /// How many messages this partition may send in a closed loop.
    pub(super) fn quota(&self, partition: &Partition) -> Quota {
        let count = partition.count as u64;
        let left_over = |all: u64| u64::from((partition.index as u64) < all % count);
        let messages = self.messages.map(|all| all / count + left_over(all));
        Quota::new(self.warm_until, self.end, messages)
    }
}

/// Messages of `size` bytes that all differ, so that a reply out of place is seen, unless they are
/// empty.
fn pattern(size: usize) -> impl Iterator<Item = Vec<u8>> {
    (b'a'..=b'z').map(move |letter| vec![letter; size])
}

/// Checks that messages of this `--size` can be measured.
pub(crate) fn validate_size(size: usize, target: &Target) -> Result<(), String> {
    if target.is_datagram() && size < NUMBER_SIZE {
        return Err(format!(
            "--size {size} is too small for the number of a message, which takes at least \
             {NUMBER_SIZE} bytes"
        ));
    }
    if size > target.limit {
        // A pattern of that size may not even fit into memory.
        let error = MessageError::TooLong { length: size, limit: target.limit };
        return Err(format!("--size {size}: {}", advise(error)));
    }
    let checked = pattern(size).try_for_each(|message| target.check(&message));
    checked.map_err(|error| format!("--size {size}: {}", advise(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::target;
    use proptest::prelude::*;

    fn plan() -> Plan {
        Plan::new(target(&[]), vec![], 16)
    }

    #[test]
    fn with_a_rate_messages_are_due_by_the_clock() {
        assert!(!plan().schedule(0).is_open());
        let rate = Some(Rate { period: Duration::from_secs(1), messages: 10 });
        assert!(Plan { rate, ..plan() }.schedule(0).is_open());
    }

    #[test]
    fn all_connections_together_have_a_bounded_number_of_messages_in_flight() {
        let plan = Plan { connections: 4096, window: u64::MAX, ..plan() };
        assert_eq!(plan.schedule(0).ready(0, plan.start), 4096);
        assert_eq!(plan.schedule(0).ready(4096, plan.start), 0);
    }

    #[test]
    fn a_size_that_cannot_be_measured_is_refused() {
        let check = |size, words: &[&str]| validate_size(size, &target(words));
        assert_eq!(check(0, &[]), Ok(()));
        assert_eq!(check(NUMBER_SIZE, &["-s", "udp://localhost:1"]), Ok(()));
        let error = check(NUMBER_SIZE - 1, &["-s", "udp://localhost:1"]).unwrap_err();
        assert!(error.starts_with("--size 11 is too small"), "{error}");
        assert_eq!(check(10, &["--max-message", "10"]), Ok(()));
        let error = check(11, &["--max-message", "10"]).unwrap_err();
        assert!(error.starts_with("--size 11: "), "{error}");
    }

    proptest! {
        #[test]
        fn threads_share_the_connections_and_the_messages(
            count in 1..9_usize, connections in 1..40_usize, messages in 0..1000_u64,
        ) {
            let plan = Plan { connections, messages: Some(messages), ..plan() };
            let partition = |index| Partition { index, count, preconnected: None };
            let partitions: Vec<_> = (0..count).map(partition).collect();
            let mut shared: Vec<_> =
                partitions.iter().flat_map(|partition| plan.connections_of(partition)).collect();
            shared.sort_unstable();
            prop_assert_eq!(shared, (0..connections).collect::<Vec<_>>());
            let share = |partition| plan.quota(partition).take_quota(u64::MAX, plan.start);
            let shares: Vec<u64> = partitions.iter().map(share).collect();
            prop_assert_eq!(shares.iter().sum::<u64>(), messages);
            prop_assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
        }
    }
}
