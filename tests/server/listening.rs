//! The endpoints that a server listens on, and its line for each.

use std::net::TcpListener;

use crate::harness::{DatagramClient, RawClient, Server, has_ipv6};

/// Serves one TCP session and one datagram at each of these endpoints.
#[track_caller]
fn try_each(endpoints: &[&str]) {
    for endpoint in endpoints {
        if endpoint.starts_with("udp") {
            let mut client = DatagramClient::to(endpoint);
            client.send(b"Michael");
            client.expect(b"Hello, Michael!");
        } else {
            let mut client = RawClient::connect(endpoint);
            client.send(b"Michael\nexit\n");
            client.expect_last(b"Welcome!\nHello, Michael!\n");
        }
    }
}

#[test]
fn a_bare_address_is_tcp_and_udp_on_the_same_free_port() {
    let server = Server::start("127.0.0.1:0");
    let port = server.port();
    assert_ne!(port, 0);
    let [tcp, udp] = ["tcp", "udp"].map(|scheme| format!("{scheme}://127.0.0.1:{port}"));
    assert_eq!(server.endpoints(), [&*tcp, &*udp]);
    try_each(&[&tcp, &udp]);
    let finished = server.stop();
    assert_eq!(finished.stdout_text(), format!("listening on {tcp}\nlistening on {udp}\n"));
}

#[test]
fn endpoints_are_listed_in_the_order_of_the_command_line() {
    let server = Server::start("udp://127.0.0.1:0 tcp://127.0.0.1:0 127.0.0.1:0 tcp://127.0.0.1:0");
    let schemes: Vec<&str> = server.endpoints().iter().map(|endpoint| &endpoint[..3]).collect();
    assert_eq!(schemes, ["udp", "tcp", "tcp", "udp", "tcp"]);
    let endpoints: Vec<&str> = server.endpoints().iter().map(String::as_str).collect();
    try_each(&endpoints);
}

#[test]
fn a_name_is_resolved_and_its_address_is_printed() {
    let server = Server::start("tcp://localhost:0");
    let endpoint = server.endpoint("tcp");
    let known = ["tcp://127.0.0.1:", "tcp://[::1]:"];
    assert!(known.iter().any(|known| endpoint.starts_with(known)), "{endpoint}");
    try_each(&[endpoint]);
}

#[test]
fn ipv6_is_served_and_printed_in_brackets() {
    if !has_ipv6() {
        return;
    }
    let server = Server::start("[::1]:0");
    let port = server.port();
    let [tcp, udp] = ["tcp", "udp"].map(|scheme| format!("{scheme}://[::1]:{port}"));
    assert_eq!(server.endpoints(), [&*tcp, &*udp]);
    try_each(&[&tcp, &udp]);
}

#[test]
fn all_addresses_of_both_families_are_served_on_one_port_together() {
    if !has_ipv6() {
        return;
    }
    // A port that is free now may not be so any more when the server asks for it.
    let start = || {
        let free = TcpListener::bind("0.0.0.0:0").and_then(|listener| listener.local_addr());
        let port = free.expect("a free port").port();
        Server::try_start(&format!("0.0.0.0:{port} [::]:{port}")).ok()
    };
    let server = (0..20).find_map(|_| start()).expect("one of twenty ports is free");
    let port = server.port();
    let all = ["tcp://0.0.0.0", "udp://0.0.0.0", "tcp://[::]", "udp://[::]"];
    assert_eq!(server.endpoints(), all.map(|endpoint| format!("{endpoint}:{port}")));

    let local = ["tcp://127.0.0.1", "udp://127.0.0.1", "tcp://[::1]", "udp://[::1]"];
    let local = local.map(|endpoint| format!("{endpoint}:{port}"));
    try_each(&local.each_ref().map(String::as_str));
}

#[test]
fn a_port_is_free_again_as_soon_as_its_server_has_stopped() {
    let server = Server::start("tcp://127.0.0.1:0");
    let endpoint = server.endpoint("tcp").to_owned();
    // The side that closes first keeps the port in TIME-WAIT: here the server.
    let mut client = server.session();
    client.send(b"exit\n");
    client.expect_last(b"");
    server.stop();
    try_each(&[Server::start(&endpoint).endpoint("tcp")]);
}
