//! The kinds of clients of a soak test.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::super::garbage;
use super::super::hostile_clients::{Noise, connect_from, forge, send_and_go, small_rcvbuf};
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
    let _ = client.try_send(b"Michael\n");
    let _ = client.try_send(b"exit\n");
    expect_replies(client, b"Hello, Michael!\n", tally);
}

/// Reads all replies, up to the end; or some of them and the reason, if the machine is so busy that this
/// client has been idle for too long. Then it may not have been able to send all, either.
fn expect_replies(client: RawClient, replies: &[u8], tally: &mut Tally) {
    let greetings = replies.split_inclusive(|&byte| byte == b'\n');
    let messages = greetings.filter(|reply| reply.starts_with(b"Hello, ")).count() as u64;
    let (received, end) = client.read_until_closed();
    match received.strip_suffix(TOO_IDLE) {
        None => {
            assert_eq!(received.escape_ascii().to_string(), replies.escape_ascii().to_string());
            end.expect("a clean end");
            tally.messages += messages;
        }
        Some(some) => {
            assert!(replies.starts_with(some), "\"{}\"", some.escape_ascii());
            tally.perhaps_messages += messages;
        }
    }
}

fn pipelining(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let Some(mut client) = enter(&place.tcp, tally) else { return };
    let input: String = (0..2000).map(|number| format!("{number}\n")).collect();
    let replies: String = (0..2000).map(|number| format!("Hello, {number}!\n")).collect();
    let _ = client.try_send(format!("{input}exit\n").as_bytes());
    expect_replies(client, replies.as_bytes(), tally);
}

fn slow(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let Some(mut client) = enter(&place.tcp, tally) else { return };
    for byte in b"Michael\r\nTracy\nexit\n" {
        let _ = client.try_send(&[*byte]);
    }
    expect_replies(client, b"Hello, Michael!\nHello, Tracy!\n", tally);
}

fn dripping(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let Some(mut client) = enter(&place.tcp, tally) else { return };
    let deadline = Instant::now() + DEADLINE;
    while Instant::now() < deadline && client.try_send(b"x").is_ok() && client.unread() == 0 {
        thread::sleep(Duration::from_millis(100));
    }
    expect_replies(client, TOO_IDLE, tally);
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
    let _ = client.try_send(&b"Michael\n".repeat(lines as usize));
    let _ = client.try_send(b"Mich");
    client.reset();
    tally.perhaps_messages += lines + 1;
}

fn half_closing(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let Some(mut client) = enter(&place.tcp, tally) else { return };
    let _ = client.try_send(b"Michael\nTra");
    let _ = client.try_half_close();
    expect_replies(client, b"Hello, Michael!\nHello, Tra!\n", tally);
}

fn noisy(place: &Place, noise: &mut Noise, tally: &mut Tally) {
    let Some(mut client) = enter(&place.tcp, tally) else { return };
    let input = noise.bytes(64 * 1024);
    let _ = client.try_send(&input);
    let _ = client.try_half_close();
    let replies = garbage::expected(&input);
    expect_replies(client, &replies[b"Welcome!\n".len()..], tally);
}

fn too_long(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let Some(mut client) = enter(&place.tcp, tally) else { return };
    let _ = client.try_send(&[b'x'; 1025]);
    expect_replies(client, b"Error: message longer than 1024 bytes\n", tally);
}

/// Opens all sessions that one address may have; twice as many while two servers accept.
fn greedy(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let all = take_all(Ipv4Addr::new(127, 0, 2, 1), place, tally);
    leave(all, tally);
}

/// Opens all sessions that the server allows.
fn filling(place: &Place, _: &mut Noise, tally: &mut Tally) {
    let all = (1..=3).flat_map(|number| take_all(Ipv4Addr::new(127, 0, 3, number), place, tally));
    leave(all.collect(), tally);
}

/// Ends them by `exit`: then the server closes first, and the ports are free at once.
fn leave(mut clients: Vec<RawClient>, tally: &mut Tally) {
    clients.iter_mut().for_each(|client| drop(client.try_send(b"exit\n")));
    clients.into_iter().for_each(|client| expect_replies(client, b"", tally));
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
