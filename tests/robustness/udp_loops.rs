//! Datagrams with a forged source, or from a socket that is closed when the greeting comes.

use super::hostile_clients::{forge, send_and_go};
use crate::harness::{DatagramClient, Server, skipped};

/// How many datagrams are greeted until a greeting is over the default limit, when the first one is
/// empty and each greeting is 8 bytes longer: those of 0, 8, 16 … 1024 bytes.
const BOUNCES: u64 = 1024 / 8 + 1;

#[test]
fn two_servers_that_answer_each_other_through_a_relay_fall_silent() {
    for end in ["", "\n"] {
        let servers = [Server::start("udp://127.0.0.1:0"), Server::start("udp://127.0.0.1:0")];
        let mut relay = servers.each_ref().map(|server| DatagramClient::to(server.endpoint("udp")));
        let (mut message, mut bounces) = (String::new(), 0);
        loop {
            let client = &mut relay[bounces as usize % 2];
            client.send(format!("{message}{end}").as_bytes());
            // Answered after the message, so a reply to this first means that the message has none.
            client.send(b"anybody?");
            let received = client.receive();
            if received == b"Hello, anybody?!" {
                break;
            }
            client.expect(b"Hello, anybody?!");
            message = format!("Hello, {message}!");
            assert_eq!(received, format!("{message}{end}").into_bytes());
            bounces += 1;
            assert!(bounces <= BOUNCES, "they do not stop");
        }
        assert_eq!(bounces, BOUNCES);
        let [first, second] = servers.map(Server::summary);
        assert_eq!(first.count("datagrams too-long") + second.count("datagrams too-long"), 1);
    }
}

#[test]
fn two_servers_that_a_forged_datagram_points_at_each_other_fall_silent() {
    let first = Server::start("udp://127.0.0.1:0 -vv");
    let mut second = Server::start("udp://127.0.0.1:0 -vv");
    if !forge(b"", second.endpoint("udp"), first.endpoint("udp")) {
        return skipped("no right to a raw socket");
    }
    // Of 130 datagrams the second server gets the last one, which is over the limit.
    second.process.stderr.wait_for(&"Hello, ".repeat(BOUNCES as usize));
    for server in [&first, &second] {
        let mut client = DatagramClient::to(server.endpoint("udp"));
        client.send(b"Michael");
        client.expect(b"Hello, Michael!");
    }
    let greeted = [BOUNCES.div_ceil(2) + 1, BOUNCES / 2 + 1];
    first.summary().expect(&[("received", greeted[0]), ("greeted", greeted[0])]);
    second.summary().expect(&[
        ("received", greeted[1] + 1),
        ("greeted", greeted[1]),
        ("datagrams too-long", 1),
    ]);
}

#[test]
fn a_datagram_that_claims_to_come_from_the_server_itself_is_dropped() {
    for endpoint in ["udp://127.0.0.1:0", "udp://0.0.0.0:0"] {
        let server = Server::start(endpoint);
        let own = format!("udp://127.0.0.1:{}", server.port());
        if !forge(b"Michael", &own, &own) {
            return skipped("no right to a raw socket");
        }
        let mut client = DatagramClient::to(&own);
        client.send(b"Tracy");
        client.expect(b"Hello, Tracy!");
        server.summary().expect(&[("received", 2), ("greeted", 1), ("bad-source", 1)]);
    }
}

#[test]
fn datagrams_from_sockets_that_are_closed_do_not_disturb_the_next_client() {
    let server = Server::start("udp://127.0.0.1:0");
    for _ in 0..200 {
        send_and_go(b"Nobody", server.endpoint("udp"));
    }
    let mut client = DatagramClient::to(server.endpoint("udp"));
    client.send(b"Michael");
    client.expect(b"Hello, Michael!");
    server.summary().expect(&[("received", 201), ("errors", 0)]);
}
