//! Where the server is, as far as is known.

use std::fmt;
use std::net::IpAddr;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use hello_proto::Endpoint;
use log::{debug, info};
use socket2::SockAddr;

use super::Plan;
use crate::error::Error;
use crate::net::{Deadline, address_text, addresses};
use crate::options::Target;

/// From one lookup of a name to the next, at least.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(1);

/// When a lookup is given up. The resolver has timeouts of its own, which are shorter.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(60);

/// Finds the addresses of a server.
type Resolve = fn(&Target, Deadline) -> Result<Vec<SockAddr>, Error>;

/// The addresses to try, of which there is at least one. Where a plan asks for it, the name is looked
/// up again when the server has gone: it may have moved.
#[derive(Debug)]
pub(super) struct Addresses {
    list: Vec<SockAddr>,
    /// How many lookups have brought addresses.
    lookups: u64,
    lookup: Option<Lookup>,
}

#[derive(Debug)]
struct Lookup {
    target: Target,
    resolve: Resolve,
    /// The lookup that is under way: at most one, and nobody waits for it.
    pending: Option<Receiver<Result<Vec<SockAddr>, Error>>>,
    /// When the next one may begin.
    next: Instant,
}

impl Addresses {
    pub(super) fn new(plan: &Plan) -> Self {
        let is_name = match &plan.target.endpoint {
            Endpoint::Tcp(server) | Endpoint::Udp(server) => server.host.parse::<IpAddr>().is_err(),
            Endpoint::Unix(_) | Endpoint::Unixgram(_) => false,
        };
        let lookup = || Lookup {
            target: plan.target.clone(),
            resolve: addresses,
            pending: None,
            next: plan.start,
        };
        Self {
            list: plan.addresses.clone(),
            lookups: 0,
            lookup: (plan.follows_name && is_name).then(lookup),
        }
    }

    /// The address to try with this number; they repeat.
    pub(super) fn get(&self, number: usize) -> &SockAddr {
        &self.list[number % self.list.len()]
    }

    /// The first number from `number` on that is not of the address `peer`, if there is another one.
    pub(super) fn other_than(&self, peer: &SockAddr, number: usize) -> Option<usize> {
        (number..number + self.list.len()).find(|number| self.get(*number) != peer)
    }

    /// How many lookups have brought addresses.
    pub(super) fn lookups(&self) -> u64 {
        self.lookups
    }

    /// The server has gone: begins to look its name up, unless that was done just now.
    pub(super) fn look_up(&mut self, now: Instant) {
        let Some(lookup) = self.lookup.as_mut().filter(|one| one.pending.is_none()) else { return };
        if now < lookup.next {
            return;
        }
        lookup.next = now + LOOKUP_INTERVAL;
        let (sender, pending) = mpsc::channel();
        let (target, resolve) = (lookup.target.clone(), lookup.resolve);
        let thread = thread::Builder::new()
            .spawn(move || sender.send(resolve(&target, Deadline::after(LOOKUP_TIMEOUT))));
        // Without a thread there may be one next time.
        lookup.pending = thread.is_ok().then_some(pending);
    }

    /// Takes what a lookup has found. Addresses that were known before come first, and if it has
    /// found none, they stay.
    pub(super) fn update(&mut self) {
        let Some(lookup) = &mut self.lookup else { return };
        let Some(pending) = &lookup.pending else { return };
        match pending.try_recv() {
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => {}
            Ok(Err(error)) => debug!("{error}"),
            Ok(Ok(mut found)) => {
                found.sort_by_key(|address| !self.list.contains(address));
                if found != self.list {
                    info!("{} is now at {}", lookup.target.endpoint, Texts(&found));
                    self.list = found;
                }
                self.lookups += 1;
            }
        }
        lookup.pending = None;
    }
}

struct Texts<'a>(&'a [SockAddr]);

impl fmt::Display for Texts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.0.iter().filter_map(address_text).collect();
        f.write_str(&texts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::target;
    use crate::error::ErrorKind;
    use std::net::SocketAddr;
    use std::sync::Mutex;

    fn at(port: u16) -> SockAddr {
        SocketAddr::from(([127, 0, 0, 1], port)).into()
    }

    fn addresses(server: &str, resolve: Resolve) -> Addresses {
        let plan = Plan::new(target(&["-s", server]), vec![at(1)], 1);
        let mut addresses = Addresses::new(&Plan { follows_name: true, ..plan });
        addresses.lookup.iter_mut().for_each(|lookup| lookup.resolve = resolve);
        addresses
    }

    /// Waits for the lookup that is under way.
    fn finish(addresses: &mut Addresses) {
        let lookup = addresses.lookup.as_mut().unwrap();
        let found = lookup.pending.take().unwrap().recv().unwrap();
        let (sender, pending) = mpsc::channel();
        sender.send(found).unwrap();
        lookup.pending = Some(pending);
        addresses.update();
    }

    #[test]
    fn what_is_known_is_tried_first_and_the_rest_is_what_the_name_has_now() {
        let mut addresses = addresses("tcp://a:1", |_, _| Ok(vec![at(2), at(1), at(3)]));
        addresses.look_up(Instant::now());
        finish(&mut addresses);
        assert_eq!(
            [0, 1, 2, 3].map(|number| addresses.get(number)),
            [&at(1), &at(2), &at(3), &at(1)]
        );
        assert_eq!((addresses.lookups(), addresses.other_than(&at(1), 3)), (1, Some(4)));
    }

    #[test]
    fn an_address_that_the_name_has_no_more_is_not_tried_again() {
        let mut addresses = addresses("udp://a:1", |_, _| Ok(vec![at(2)]));
        assert_eq!(addresses.other_than(&at(1), 0), None);
        addresses.look_up(Instant::now());
        finish(&mut addresses);
        assert_eq!((addresses.get(0), addresses.get(7)), (&at(2), &at(2)));
        assert_eq!(addresses.other_than(&at(1), 7), Some(7));
    }

    #[test]
    fn a_name_that_cannot_be_resolved_keeps_its_addresses() {
        let mut addresses = addresses("tcp://a:1", |_, _| {
            Err(Error::unreached(ErrorKind::Unresolved, "no such name"))
        });
        addresses.look_up(Instant::now());
        finish(&mut addresses);
        assert_eq!((addresses.get(0), addresses.lookups()), (&at(1), 0));
    }

    #[test]
    fn at_most_one_lookup_is_under_way_and_one_begins_a_second() {
        static GATE: Mutex<()> = Mutex::new(());
        let mut addresses = addresses("tcp://a:1", |_, _| {
            drop(GATE.lock());
            Ok(vec![at(1)])
        });
        let is_pending =
            |addresses: &Addresses| addresses.lookup.as_ref().unwrap().pending.is_some();
        let closed = GATE.lock();
        let start = Instant::now();
        addresses.look_up(start);
        addresses.update();
        assert!(is_pending(&addresses), "nobody waits for it");
        let next = addresses.lookup.as_ref().unwrap().next;
        addresses.look_up(start + 2 * LOOKUP_INTERVAL);
        assert_eq!(addresses.lookup.as_ref().unwrap().next, next, "it is under way");
        drop(closed);
        finish(&mut addresses);
        addresses.look_up(start + LOOKUP_INTERVAL / 2);
        assert!(!is_pending(&addresses), "it is too soon");
        addresses.look_up(start + LOOKUP_INTERVAL);
        finish(&mut addresses);
        assert_eq!(addresses.lookups(), 2);
    }

    #[test]
    fn an_address_or_a_path_is_not_looked_up() {
        for server in ["tcp://127.0.0.1:1", "udp://[::1]:1", "unix:///x", "unixgram:///x"] {
            let addresses = addresses(server, |_, _| unreachable!());
            assert!(addresses.lookup.is_none(), "{server}");
        }
    }
}
