//! A server on all addresses of a machine answers from the one that was asked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::hostile_clients::forge;
use crate::harness::{DatagramClient, Namespace, Server, add_ipv6, skipped};

/// A second IPv6 address of loopback, beside `::1`.
const SECOND: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);

/// The number of clients that ask at each address: enough for every loop of a server to get some.
const CLIENTS: usize = 8;

/// Asks at the address `asked` from the address `own`. A connected socket receives only from
/// the address that it is connected to.
#[track_caller]
fn ask(server: &Server, own: impl Into<IpAddr>, asked: impl Into<IpAddr>) {
    let asked = SocketAddr::new(asked.into(), Server::port_of(server.endpoint("udp")));
    let own = SocketAddr::new(own.into(), 0);
    let endpoint = format!("udp://{asked}");
    for number in 0..CLIENTS {
        let mut client = DatagramClient::from_address(own, &endpoint);
        client.send(format!("{number}").as_bytes());
        client.expect(format!("Hello, {number}!").as_bytes());
    }
}

#[test]
fn a_wildcard_address_answers_from_the_address_that_was_asked() {
    for line in ["udp://0.0.0.0:0", "0.0.0.0:0", "udp://0.0.0.0:0 --udp-loops 2"] {
        let server = Server::start(line);
        // The client has an address of its own that the system would not choose to answer from.
        for asked in [[127, 0, 0, 1], [127, 0, 0, 2], [127, 1, 2, 3], [127, 255, 255, 254]] {
            ask(&server, Ipv4Addr::LOCALHOST, asked);
            ask(&server, Ipv4Addr::new(127, 0, 6, 1), asked);
        }
        server.summary().expect(&[("received", 64), ("greeted", 64), ("bad-source", 0)]);
    }
}

#[test]
fn a_wildcard_address_of_ipv6_answers_from_the_address_that_was_asked() {
    let addresses = [&*format!("{SECOND}/128"), "fe80::1/64"].map(add_ipv6);
    let Some(network) = Namespace::create(&addresses.concat()) else {
        return;
    };
    network.run(|| {
        for line in ["udp://[::]:0", "[::]:0", "udp://[::]:0 --udp-loops 2"] {
            let server = Server::start(line);
            for (own, asked) in [
                (Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST),
                (Ipv6Addr::LOCALHOST, SECOND),
                (SECOND, Ipv6Addr::LOCALHOST),
                (SECOND, SECOND),
            ] {
                ask(&server, own, asked);
            }
            // A link-local address is nothing without its interface: loopback is the first one.
            let zoned = |port| SocketAddrV6::new("fe80::1".parse().expect("IPv6"), port, 0, 1);
            let asked = zoned(Server::port_of(server.endpoint("udp")));
            let mut client =
                DatagramClient::from_address(zoned(0).into(), &format!("udp://{asked}"));
            client.send(b"Michael");
            client.expect(b"Hello, Michael!");
            server.summary().expect(&[("received", 33), ("greeted", 33), ("bad-source", 0)]);
        }
    });
}

#[test]
fn a_client_with_the_port_of_the_server_is_not_taken_for_the_server_itself() {
    let Some(clients) = Namespace::create("") else {
        return;
    };
    // With ip_nonlocal_bind every address can be bound, so that binding does not show which are local.
    let setup = format!(
        "echo 1 > /proc/sys/net/ipv4/ip_nonlocal_bind
         ip link add hello0 type veth peer name hello1 netns {}
         ip addr add 10.77.0.1/24 dev hello0; ip link set hello0 up",
        clients.path()
    );
    let Some(network) = Namespace::create(&setup) else {
        return;
    };
    clients.shell("ip addr add 10.77.0.2/24 dev hello1; ip link set hello1 up");
    for line in ["udp://0.0.0.0:0", "udp://0.0.0.0:0 --udp-loops 2", "udp://10.77.0.1:0"] {
        let server = network.run(|| Server::start(line));
        let port = server.port();
        clients.run(|| {
            let own = SocketAddr::from(([10, 77, 0, 2], port));
            let mut client = DatagramClient::from_address(own, &format!("udp://10.77.0.1:{port}"));
            client.send(b"Michael");
            client.expect(b"Hello, Michael!");
        });
        let forged = network.run(|| {
            let own = format!("udp://10.77.0.1:{port}");
            forge(b"Tracy", &own, &own)
        });
        if !forged {
            skipped("no right to a raw socket");
            continue;
        }
        server.summary().expect(&[("received", 2), ("greeted", 1), ("bad-source", 1)]);
    }
}

#[test]
fn a_datagram_that_claims_to_come_from_another_address_of_the_server_is_dropped() {
    let server = Server::start("udp://0.0.0.0:0");
    let port = server.port();
    let [own, other] = ["127.0.0.1", "127.0.0.2"].map(|host| format!("udp://{host}:{port}"));
    if !forge(b"Michael", &other, &own) {
        return skipped("no right to a raw socket");
    }
    let mut client = DatagramClient::to(&own);
    client.send(b"Tracy");
    client.expect(b"Hello, Tracy!");
    server.summary().expect(&[("received", 2), ("greeted", 1), ("bad-source", 1)]);
}
