//! Clients of every kind, while one server follows the other on the same sockets.

mod clients;
mod tally;

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use self::clients::{CLIENTS, Client, IDLE_TIMEOUT, Place};
use self::tally::Tally;
use super::figures;
use super::hostile_clients::Noise;
use super::procfs::{Usage, open_files};
use crate::harness::{ServiceManager, Summary, wait_until};

/// How much more memory than the first server at its beginning the last one may keep, in bytes.
const KEPT: u64 = 4 * 1024 * 1024;

const MIN_RESTARTS: u32 = 3;

/// In a long run, how long each server but the last one serves.
const RESTART_INTERVAL: Duration = Duration::from_secs(30);

#[test]
#[ignore = "takes 20 s, or what HELLO_SOAK says, and both cores; see PROMISES.md"]
fn servers_survive_a_mix_of_everything_and_their_restarts_for_as_long_as_asked() {
    let duration = duration();
    // The last server serves for the other half: what leaks shows only with time.
    let restarting = duration / 2;
    let restarts = restarting.as_secs() / RESTART_INTERVAL.as_secs();
    let restarts = MIN_RESTARTS.max(restarts as u32);
    open_files();
    let manager = ServiceManager::with_each_kind();
    let command_line = format!(
        "--max-sessions 150 --max-sessions-per-address 64 --idle-timeout {IDLE_TIMEOUT} --grace 5m"
    );
    let mut server = manager.start(&command_line);
    let (_first, before) = Usage::with_a_session(&server);

    let place = Place {
        tcp: server.endpoint("tcp").to_owned(),
        udp: server.endpoint("udp").to_owned(),
        unix: server.endpoint("unix").to_owned(),
        unixgram: server.endpoint("unixgram").to_owned(),
        own: manager.path("own.sock"),
    };
    let mut drained = Vec::new();
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
        for _ in 0..restarts {
            thread::sleep(restarting / restarts);
            let next = manager.start(&command_line);
            server.process.signal(Signal::QUIT);
            drained.push(std::mem::replace(&mut server, next));
        }
        clients.into_iter().map(|client| client.join().expect("no assertion fails")).sum::<Tally>()
    });

    let after_all = before.wait_until_back(&server);
    wait_until("memory is back to where it was", || {
        Usage::of(&server).resident <= before.resident + KEPT
    });
    let mut summaries: Vec<_> =
        drained.into_iter().map(|server| Summary::of(&server.stopped().stderr)).collect();
    summaries.push(server.summary());
    figures::print(format_args!(
        "{duration:?} of everything, {restarts} restarts\n\
         before {before:?}\nafter  {after_all:?}\n{tally:?}"
    ));
    expect_to_add_up(&tally, &summaries);
}

fn expect_to_add_up(tally: &Tally, summaries: &[Summary]) {
    summaries.iter().for_each(Summary::expect_all_ended);
    let count = |key| summaries.iter().map(|summary| summary.count(key)).sum::<u64>();
    // The first session is the one of this test.
    let opened = tally.sessions + 1..=tally.sessions + tally.perhaps_sessions + 1;
    assert!(opened.contains(&count("opened")), "{opened:?} in {summaries:?}");
    let messages = tally.messages..=tally.messages + tally.perhaps_messages;
    assert!(messages.contains(&count("messages")), "{messages:?} in {summaries:?}");
    let rejected = tally.rejected..=tally.rejected + tally.perhaps_sessions;
    let refused = count("refused-full") + count("refused-address");
    assert!(rejected.contains(&refused), "{rejected:?} in {summaries:?}");

    let dropped = ["datagrams too-long", "bad-source", "unsent"].map(count);
    let greeted = count("greeted");
    assert_eq!(count("received"), greeted + dropped.iter().sum::<u64>(), "{summaries:?}");
    assert_eq!(dropped[..2], [tally.datagrams_too_long, tally.datagrams_forged], "{summaries:?}");
    let perhaps_greeted = tally.datagrams..=tally.datagrams + tally.perhaps_datagrams;
    assert!(perhaps_greeted.contains(&greeted), "{perhaps_greeted:?} in {summaries:?}");
    for key in ["errors", "starved", "overflowed", "shutdown", "refused-shutdown"] {
        assert_eq!(count(key), 0, "{key} in {summaries:?}");
    }
}

/// `HELLO_SOAK` is a number and one of `s`, `m` and `h`.
fn duration() -> Duration {
    let asked = std::env::var("HELLO_SOAK").unwrap_or_else(|_| "20s".to_owned());
    let seconds = ["s", "m", "h"].into_iter().zip([1, 60, 3600]).find_map(|(unit, seconds)| {
        let number: u64 = asked.strip_suffix(unit)?.parse().ok()?;
        Some(number * seconds)
    });
    let seconds = seconds
        .unwrap_or_else(|| panic!("HELLO_SOAK={asked:?} is not a duration such as 10m or 90s"));
    Duration::from_secs(seconds)
}
