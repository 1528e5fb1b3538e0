//! How many sessions may be open: in all, and from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hello_proto::ErrorReason;

use crate::net::stream::Peer;

/// A map with room for this many addresses is not worth giving back.
const SMALL: usize = 1024;

/// Counts the sessions that are open, and enforces the session limits.
#[derive(Debug)]
pub(crate) struct Admission {
    max_sessions: usize,
    /// 0: no limit.
    max_per_address: usize,
    open: AtomicUsize,
    /// Only addresses with a session are in it, so it is no larger than the session limit.
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

impl Admission {
    pub(crate) fn new(max_sessions: usize, max_per_address: usize) -> Arc<Self> {
        let (open, by_address) = (AtomicUsize::new(0), Mutex::default());
        Arc::new(Self { max_sessions, max_per_address, open, by_address })
    }

    /// Lets a client in until its permit is dropped, or says why not. Its address is not
    /// [claimed](Permit::claim) yet. Called by one thread.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Permit, ErrorReason> {
        if self.open.load(Ordering::Relaxed) >= self.max_sessions {
            return Err(ErrorReason::Full);
        }
        self.open.fetch_add(1, Ordering::Relaxed);
        Ok(Permit { admission: Arc::clone(self), address: None })
    }

    fn by_address(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // The counts are right at every point where a holder could have panicked.
        self.by_address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One open session's place; dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Permit {
    admission: Arc<Admission>,
    address: Option<IpAddr>,
}

impl Permit {
    /// Counts the session as one from the address of `peer`, or says why that may not have one more.
    pub(crate) fn claim(&mut self, peer: &Peer) -> Result<(), ErrorReason> {
        let limit = self.admission.max_per_address;
        let address = match peer {
            Peer::Ip(address) if limit > 0 => limit_key(address.ip()),
            Peer::Ip(_) | Peer::Unix(_) => return Ok(()),
        };
        let mut by_address = self.admission.by_address();
        let sessions = by_address.entry(address).or_default();
        if *sessions >= limit {
            return Err(ErrorReason::TooManyFromAddress);
        }
        *sessions += 1;
        self.address = Some(address);
        Ok(())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(address) = self.address {
            let mut by_address = self.admission.by_address();
            if let Some(sessions) = by_address.get_mut(&address) {
                *sessions -= 1;
                if *sessions == 0 {
                    by_address.remove(&address);
                    // With an eighth of it in use, so that few of those that leave have it moved.
                    let worth_keeping = (8 * by_address.len()).max(SMALL);
                    by_address.shrink_to(worth_keeping);
                }
            }
        }
        self.admission.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What counts as one address: an IPv6 subscriber has a whole /64 (RFC 6177), so it is that.
fn limit_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::Ip(address.parse().unwrap())
    }

    fn admit(admission: &Arc<Admission>, peer: &Peer) -> Result<Permit, ErrorReason> {
        let mut permit = admission.admit()?;
        permit.claim(peer).map(|()| permit)
    }

    #[test]
    fn a_full_server_lets_the_next_one_in_when_one_has_left() {
        let admission = Admission::new(2, 0);
        let first = admit(&admission, &peer("127.0.0.1:1")).unwrap();
        let _second = admit(&admission, &Peer::Unix(Box::default())).unwrap();
        assert_eq!(admit(&admission, &peer("127.0.0.1:3")).unwrap_err(), ErrorReason::Full);
        drop(first);
        assert!(admit(&admission, &peer("127.0.0.1:3")).is_ok());
    }

    #[test]
    fn one_address_cannot_take_every_place_and_ipv6_counts_by_64() {
        let admission = Admission::new(100, 1);
        let refused = ErrorReason::TooManyFromAddress;
        let first = admit(&admission, &peer("127.0.0.1:1")).unwrap();
        assert_eq!(admit(&admission, &peer("127.0.0.1:2")).unwrap_err(), refused);
        let _other = admit(&admission, &peer("127.0.0.2:1")).unwrap();
        let _v6 = admit(&admission, &peer("[2001:db8:0:1::1]:1")).unwrap();
        assert_eq!(admit(&admission, &peer("[2001:db8:0:1:ffff::]:1")).unwrap_err(), refused);
        let _next = admit(&admission, &peer("[2001:db8:0:2::1]:1")).unwrap();
        drop(first);
        assert!(admit(&admission, &peer("127.0.0.1:2")).is_ok());
    }

    #[test]
    fn an_address_without_sessions_takes_no_memory() {
        let admission = Admission::new(100, 3);
        let permits: Vec<_> =
            (1..4).map(|n| admit(&admission, &peer(&format!("127.0.0.{n}:1"))).unwrap()).collect();
        assert_eq!(admission.by_address().len(), 3);
        drop(permits);
        assert!(admission.by_address().is_empty());
    }

    #[test]
    fn the_memory_of_a_crowd_is_given_back() {
        let admission = Admission::new(10_000, 1);
        let address = |n: u32| format!("{}:1", Ipv4Addr::from(n));
        let mut permits: Vec<_> =
            (0..10_000).map(|n| admit(&admission, &peer(&address(n))).unwrap()).collect();
        let capacity = || admission.by_address().capacity();
        assert!(capacity() >= 10_000);
        permits.truncate(3000);
        assert!(capacity() >= 10_000, "it is not moved for each that leaves");
        permits.truncate(1);
        assert!(capacity() < 2 * SMALL, "{}", capacity());
    }
}
