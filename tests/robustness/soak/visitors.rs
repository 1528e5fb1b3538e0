//! The kinds of clients that come to a soak.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use super::super::clients::{Noise, connect_from, converse, forge, narrow, send_and_go};
use super::super::crowd::leave;
use super::super::garbage;
use super::tally::Tally;
use crate::harness::{DEADLINE, Datagrams, Peer};

/// Where the server is, and where sockets may have their files.
pub(super) struct Place {
    pub(super) tcp: String,
    pub(super) udp: String,
    pub(super) unix: String,
    pub(super) unixgram: String,
    pub(super) folder: PathBuf,
}

/// One visit.
pub(super) type Visitor = fn(&Place, &mut Noise, &mut Tally);

/// Each comes again and again, beside the others.
pub(super) const VISITORS: [Visitor; 16] = [
    |place, _, tally| polite(&place.tcp, tally),
    |place, _, tally| polite(&place.unix, tally),
    pipelining,
    slow,
    dripping,
    idle,
    never_reading,
    resetting,
    half_closing,
    noisy,
    too_long,
    greedy,
    filling,
    |place, _, tally| greeted(&mut Datagrams::to(&place.udp), tally),
    |place, _, tally| {
        let own = place.folder.join("own");
        greeted(&mut Datagrams::from_file(&own, &place.unixgram), tally);
        std::fs::remove_file(own).expect("it is ours");
    },
    bad_datagrams,
];

/// Connects, and is either welcomed or turned away.
fn enter(endpoint: &str, tally: &mut Tally) -> Option<Peer> {
    welcomed(Peer::connect(endpoint), tally)
}

fn welcomed(mut peer: Peer, tally: &mut Tally) -> Option<Peer> {
    if peer.read_within(DEADLINE, 9).as_deref() == Some(b"Welcome!\n") {
        tally.sessions += 1;
        return Some(peer);
    }
    let reason = peer.read_to_end();
    let reasons = [&b"rver is full\n"[..], b"o many sessions from your address\n"];
    assert!(reasons.contains(&&*reason), "\"{}\"", reason.escape_ascii());
    tally.turned_away += 1;
    None
}

fn polite(endpoint: &str, tally: &mut Tally) {
    let Some(mut peer) = enter(endpoint, tally) else { return };
    peer.send(b"Michael\n");
    peer.expect(b"Hello, Michael!\n");
    peer.send(b"exit\n");
    peer.expect_last(b"");
    tally.messages += 1;
}

fn pipelining(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let Some(mut peer) = enter(&place.tcp, tally) else { return };
    let said: String = (0..2000).map(|number| format!("{number}\n")).collect();
    let expected: String = (0..2000).map(|number| format!("Hello, {number}!\n")).collect();
    peer.send(format!("{said}exit\n").as_bytes());
    peer.expect_last(expected.as_bytes());
    tally.messages += 2000;
}

fn slow(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let Some(mut peer) = enter(&place.tcp, tally) else { return };
    for byte in b"Michael\r\nTracy\nexit\n" {
        peer.send(&[*byte]);
    }
    peer.expect_last(b"Hello, Michael!\nHello, Tracy!\n");
    tally.messages += 2;
}

fn dripping(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let Some(mut peer) = enter(&place.tcp, tally) else { return };
    let told = loop {
        peer.send(b"x");
        if let Some(byte) = peer.read_within(Duration::from_millis(100), 1) {
            break byte;
        }
    };
    assert_eq!(told, b"E");
    peer.expect_last(b"rror: no complete message for 2 s\n");
}

fn idle(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let peers: Vec<_> = (0..10).filter_map(|_| enter(&place.tcp, tally)).collect();
    peers.into_iter().for_each(|peer| peer.expect_last(b"Error: no complete message for 2 s\n"));
}

fn never_reading(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let mut peer = narrow(&place.tcp);
    tally.perhaps_sessions += 1;
    // Until it has been ended and broken off: after the idle timeout, and 2 s for it to listen.
    for _ in 0..25 {
        let patience = Duration::from_millis(200);
        let taken = peer.send_until_stuck(&[b'\n'; 4 * 1024 * 1024], patience);
        tally.perhaps_messages += taken as u64;
    }
}

fn resetting(place: &Place, noise: &mut Noise, tally: &mut Tally) {
    Peer::connect(&place.tcp).reset();
    tally.perhaps_sessions += 1;
    let Some(mut peer) = enter(&place.tcp, tally) else { return };
    let lines = noise.next() % 1000;
    peer.send(&b"Michael\n".repeat(lines as usize));
    peer.send(b"Mich");
    peer.reset();
    tally.perhaps_messages += lines + 1;
}

fn half_closing(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let Some(mut peer) = enter(&place.tcp, tally) else { return };
    peer.send(b"Michael\nTra");
    peer.half_close();
    peer.expect_last(b"Hello, Michael!\nHello, Tra!\n");
    tally.messages += 2;
}

fn noisy(place: &Place, noise: &mut Noise, tally: &mut Tally) {
    let said = noise.bytes(64 * 1024);
    let (heard, _) = converse(&place.tcp, [&said]);
    if heard.starts_with(b"Welcome!\n") {
        let expected = garbage::expected(&said);
        assert!(heard == expected.replies);
        tally.sessions += 1;
        tally.messages += expected.messages;
    } else {
        tally.turned_away += 1;
    }
}

fn too_long(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let Some(mut peer) = enter(&place.tcp, tally) else { return };
    peer.send(&[b'x'; 1025]);
    peer.expect_last(b"Error: message longer than 1024 bytes\n");
}

/// Takes all that one address may have.
fn greedy(place: &Place, _: &mut Noise, tally: &mut Tally) {
    leave(take_all(Ipv4Addr::new(127, 0, 2, 1), place, tally));
}

/// Takes all that the server has.
fn filling(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let all = (1..=3).flat_map(|number| take_all(Ipv4Addr::new(127, 0, 3, number), place, tally));
    leave(all.collect());
}

fn take_all(own: Ipv4Addr, place: &Place, tally: &mut Tally) -> Vec<Peer> {
    let next = || welcomed(connect_from(own, &place.tcp), tally);
    std::iter::from_fn(next).collect()
}

fn greeted(datagrams: &mut Datagrams, tally: &mut Tally) {
    datagrams.send(b"Michael");
    datagrams.expect(b"Hello, Michael!");
    tally.datagrams += 1;
}

fn bad_datagrams(place: &Place, noise: &mut Noise, tally: &mut Tally) {
    let mut datagrams = Datagrams::to(&place.udp);
    datagrams.send(&noise.bytes(1025));
    tally.datagrams_too_long += 1;
    if forge(b"Michael", &place.udp, &place.udp) {
        tally.datagrams_forged += 1;
    }
    send_and_go(b"Nobody", &place.udp);
    tally.datagrams_unheard += 1;
    // Answered last, so that there are never more on their way than the server has room for.
    greeted(&mut datagrams, tally);
}
