//! Clients of every kind against one server, for `HELLO_SOAK`.

mod clients;
mod tally;

use std::thread;
use std::time::{Duration, Instant};

use self::clients::{CLIENTS, Client, Place};
use self::tally::Tally;
use super::figures;
use super::hostile_clients::Noise;
use super::procfs::{Usage, open_files};
use crate::harness::{Server, Summary, wait_until};

/// How much more memory than at the beginning the server may keep, in bytes.
const KEPT: u64 = 4 * 1024 * 1024;

#[test]
#[ignore = "takes as long as HELLO_SOAK says; see PROMISES.md"]
fn a_server_survives_a_mix_of_everything_for_as_long_as_asked() {
    let duration = duration();
    open_files();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display();
    let server = Server::start(&format!(
        "tcp://127.0.0.1:0 udp://127.0.0.1:0 unix://{path}/stream unixgram://{path}/datagram \
         --max-sessions 150 --max-sessions-per-address 64 --idle-timeout 2s"
    ));
    let (_first, before) = Usage::with_a_session(&server);

    let place = Place {
        tcp: server.endpoint("tcp").to_owned(),
        udp: server.endpoint("udp").to_owned(),
        unix: server.endpoint("unix").to_owned(),
        unixgram: server.endpoint("unixgram").to_owned(),
        folder: folder.path().to_owned(),
    };
    let deadline = Instant::now() + duration;
    let tally = thread::scope(|scope| {
        let run = |seed| {
            let (place, client): (&Place, Client) = (&place, CLIENTS[seed]);
            move || {
                let (mut tally, mut noise) = (Tally::default(), Noise::seeded(seed as u64));
                while Instant::now() < deadline {
                    client(place, &mut noise, &mut tally);
                }
                tally
            }
        };
        let clients: Vec<_> = (0..CLIENTS.len()).map(|seed| scope.spawn(run(seed))).collect();
        clients.into_iter().map(|client| client.join().expect("no assertion fails")).sum::<Tally>()
    });

    let after_all = before.wait_until_back(&server);
    wait_until("memory is back to where it was", || {
        Usage::of(&server).resident <= before.resident + KEPT
    });
    let summary = server.summary();
    figures::print(format_args!(
        "{duration:?} of everything\nbefore {before:?}\nafter  {after_all:?}\n{tally:?}\n{summary:?}"
    ));
    expect_to_add_up(&tally, &summary);
}

fn expect_to_add_up(tally: &Tally, summary: &Summary) {
    summary.expect_all_ended();
    // The first session is the one of this test.
    let opened = tally.sessions + 1..=tally.sessions + tally.perhaps_sessions + 1;
    assert!(opened.contains(&summary.count("opened")), "{opened:?}");
    let messages = tally.messages..=tally.messages + tally.perhaps_messages;
    assert!(messages.contains(&summary.count("messages")), "{messages:?}");
    let rejected = tally.rejected..=tally.rejected + tally.perhaps_sessions;
    let refused = summary.count("refused-full") + summary.count("refused-address");
    assert!(rejected.contains(&refused), "{rejected:?}");

    let dropped = ["datagrams too-long", "bad-source", "unsent"].map(|key| summary.count(key));
    let greeted = summary.count("greeted");
    assert_eq!(summary.count("received"), greeted + dropped.iter().sum::<u64>());
    assert_eq!(dropped[..2], [tally.datagrams_too_long, tally.datagrams_forged]);
    let perhaps_greeted = tally.datagrams..=tally.datagrams + tally.perhaps_datagrams;
    assert!(perhaps_greeted.contains(&greeted), "{perhaps_greeted:?}");
    summary.expect(&[("errors", 0), ("starved", 0)]);
}

/// `HELLO_SOAK` is a number and one of `s`, `m` and `h`.
fn duration() -> Duration {
    let asked = std::env::var("HELLO_SOAK").unwrap_or_else(|_| "10s".to_owned());
    let seconds = ["s", "m", "h"].into_iter().zip([1, 60, 3600]).find_map(|(unit, seconds)| {
        let number: u64 = asked.strip_suffix(unit)?.parse().ok()?;
        Some(number * seconds)
    });
    let seconds = seconds
        .unwrap_or_else(|| panic!("HELLO_SOAK={asked:?} is not a duration such as 10m or 90s"));
    Duration::from_secs(seconds)
}
