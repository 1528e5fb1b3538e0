//! The kinds of clients of a soak test.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use super::super::garbage;
use super::super::hostile_clients::{
    Noise, connect_from, forge, send_and_go, send_while_reading, small_rcvbuf,
};
use super::tally::Tally;
use crate::harness::{DEADLINE, DatagramClient, RawClient};

/// Where the server is, and the path of a client's own socket.
pub(super) struct Place {
    pub(super) tcp: String,
    pub(super) udp: String,
    pub(super) unix: String,
    pub(super) unixgram: String,
    pub(super) own: PathBuf,
}

/// Long enough for a client that is slow only because the machine is.
pub(super) const IDLE_TIMEOUT: &str = "5s";

const TOO_IDLE: &[u8] = b"Error: no complete message for 5 s\n";

/// What a client does in one round.
pub(super) type Client = fn(&Place, &mut Noise, &mut Tally);

/// Each runs in a loop, beside the others.
pub(super) const CLIENTS: [Client; 16] = [
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
    |place, _, tally| greeted(&mut DatagramClient::to(&place.udp), tally),
    |place, _, tally| {
        greeted(&mut DatagramClient::from_file(&place.own, &place.unixgram), tally);
        std::fs::remove_file(&place.own).expect("it is ours");
    },
    bad_datagrams,
];

/// Connects; `None` if the server rejects it.
fn enter(endpoint: &str, tally: &mut Tally) -> Option<RawClient> {
    admitted(RawClient::connect(endpoint), tally)
}

fn admitted(mut client: RawClient, tally: &mut Tally) -> Option<RawClient> {
    if client.read_within(DEADLINE, 9).as_deref() == Some(b"Welcome!\n") {
        tally.sessions += 1;
        return Some(client);
    }
    let reason = client.read_to_end();
    let reasons = [&b"rver is full\n"[..], b"o many sessions from your address\n"];
    assert!(reasons.contains(&&*reason), "\"{}\"", reason.escape_ascii());
    tally.rejected += 1;
    None
}

fn polite(endpoint: &str, tally: &mut Tally) {
    let Some(mut client) = enter(endpoint, tally) else { return };
    client.send(b"Michael\n");
    client.expect(b"Hello, Michael!\n");
    client.send(b"exit\n");
    client.expect_last(b"");
    tally.messages += 1;
}

fn pipelining(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let Some(mut client) = enter(&place.tcp, tally) else { return };
    let input: String = (0..2000).map(|number| format!("{number}\n")).collect();
    let expected: String = (0..2000).map(|number| format!("Hello, {number}!\n")).collect();
    client.send(format!("{input}exit\n").as_bytes());
    client.expect_last(expected.as_bytes());
    tally.messages += 2000;
}

fn slow(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let Some(mut client) = enter(&place.tcp, tally) else { return };
    for byte in b"Michael\r\nTracy\nexit\n" {
        client.send(&[*byte]);
    }
    client.expect_last(b"Hello, Michael!\nHello, Tracy!\n");
    tally.messages += 2;
}

fn dripping(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let Some(mut client) = enter(&place.tcp, tally) else { return };
    let first = loop {
        client.send(b"x");
        if let Some(byte) = client.read_within(Duration::from_millis(100), 1) {
            break byte;
        }
    };
    assert_eq!(first, TOO_IDLE[..1]);
    client.expect_last(&TOO_IDLE[1..]);
}

fn idle(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let clients: Vec<_> = (0..10).filter_map(|_| enter(&place.tcp, tally)).collect();
    clients.into_iter().for_each(|client| client.expect_last(TOO_IDLE));
}

fn never_reading(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let mut client = small_rcvbuf(&place.tcp);
    tally.perhaps_sessions += 1;
    // Until the server has closed: after the idle timeout, and 2 s for the last replies.
    for _ in 0..40 {
        let timeout = Duration::from_millis(200);
        let taken = client.send_until_stuck(&[b'\n'; 4 * 1024 * 1024], timeout);
        tally.perhaps_messages += taken as u64;
    }
}

fn resetting(place: &Place, noise: &mut Noise, tally: &mut Tally) {
    RawClient::connect(&place.tcp).reset();
    tally.perhaps_sessions += 1;
    let Some(mut client) = enter(&place.tcp, tally) else { return };
    let lines = noise.next() % 1000;
    client.send(&b"Michael\n".repeat(lines as usize));
    client.send(b"Mich");
    client.reset();
    tally.perhaps_messages += lines + 1;
}

fn half_closing(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let Some(mut client) = enter(&place.tcp, tally) else { return };
    client.send(b"Michael\nTra");
    client.half_close();
    client.expect_last(b"Hello, Michael!\nHello, Tra!\n");
    tally.messages += 2;
}

fn noisy(place: &Place, noise: &mut Noise, tally: &mut Tally) {
    let input = noise.bytes(64 * 1024);
    let (received, _) = send_while_reading(&place.tcp, [&input]);
    if received.starts_with(b"Welcome!\n") {
        let expected = garbage::expected(&input);
        assert!(received == expected.replies);
        tally.sessions += 1;
        tally.messages += expected.messages;
    } else {
        tally.rejected += 1;
    }
}

fn too_long(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let Some(mut client) = enter(&place.tcp, tally) else { return };
    client.send(&[b'x'; 1025]);
    client.expect_last(b"Error: message longer than 1024 bytes\n");
}

/// Opens all sessions that one address may have; twice as many while two servers accept.
fn greedy(place: &Place, _: &mut Noise, tally: &mut Tally) {
    leave(take_all(Ipv4Addr::new(127, 0, 2, 1), place, tally));
}

/// Opens all sessions that the server allows.
fn filling(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let all = (1..=3).flat_map(|number| take_all(Ipv4Addr::new(127, 0, 3, number), place, tally));
    leave(all.collect());
}

/// Ends them by `exit`: then the server closes first, and the ports are free at once. On a slow machine
/// it may have taken so long to open all of them that the first have been idle for too long.
fn leave(mut clients: Vec<RawClient>) {
    clients.iter_mut().for_each(|client| drop(client.try_send(b"exit\n")));
    for client in clients {
        let (last, _) = client.read_until_closed();
        assert!(last.is_empty() || last == TOO_IDLE, "\"{}\"", last.escape_ascii());
    }
}

fn take_all(own: Ipv4Addr, place: &Place, tally: &mut Tally) -> Vec<RawClient> {
    let next = || admitted(connect_from(own, &place.tcp), tally);
    std::iter::from_fn(next).collect()
}

fn greeted(datagrams: &mut DatagramClient, tally: &mut Tally) {
    datagrams.send(b"Michael");
    datagrams.expect(b"Hello, Michael!");
    tally.datagrams += 1;
}

fn bad_datagrams(place: &Place, noise: &mut Noise, tally: &mut Tally) {
    let mut datagrams = DatagramClient::to(&place.udp);
    datagrams.send(&noise.bytes(2000));
    tally.datagrams_too_long += 1;
    if forge(b"Michael", &place.udp, &place.udp) {
        tally.datagrams_forged += 1;
    }
    send_and_go(b"Nobody", &place.udp);
    tally.perhaps_datagrams += 1;
    // Answered last, so that there are never more on their way than the server has room for.
    greeted(&mut datagrams, tally);
}
