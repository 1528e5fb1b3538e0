//! One datagram in, one greeting out.

use crate::harness::{DatagramClient, Server, has_ipv6};

const UDP: &str = "udp://127.0.0.1:0";

#[test]
fn a_datagram_is_answered_by_its_greeting_without_a_welcome() {
    let server = Server::start(UDP);
    let mut client = DatagramClient::to(server.endpoint("udp"));
    for name in ["Michael", "Tracy", "Sarah"] {
        client.send(name.as_bytes());
        client.expect(format!("Hello, {name}!").as_bytes());
    }
}

#[test]
fn an_empty_datagram_is_an_empty_message() {
    let server = Server::start(UDP);
    let mut client = DatagramClient::to(server.endpoint("udp"));
    client.send(b"");
    client.expect(b"Hello, !");
}

#[test]
fn exit_is_greeted_like_any_other_datagram() {
    let server = Server::start(UDP);
    let mut client = DatagramClient::to(server.endpoint("udp"));
    client.send(b"exit");
    client.expect(b"Hello, exit!");
    client.send(b"Michael");
    client.expect(b"Hello, Michael!");
}

#[test]
fn a_datagram_is_a_message_whole_with_any_bytes_in_it() {
    let server = Server::start(UDP);
    let mut client = DatagramClient::to(server.endpoint("udp"));
    let bytes: Vec<u8> = (0..=255).collect();
    client.send(&bytes);
    client.expect(&[b"Hello, ", &*bytes, b"!"].concat());
    client.send(b"two\r\nlines\r\n");
    client.expect(b"Hello, two\r\nlines\r\n!");
}

#[test]
fn a_datagram_over_the_limit_is_dropped_in_silence_and_the_next_one_is_answered() {
    let server = Server::start(UDP);
    let mut client = DatagramClient::to(server.endpoint("udp"));
    client.send(&[b'x'; 1024]);
    client.expect(&[&b"Hello, "[..], &[b'x'; 1024], b"!"].concat());
    client.send(&[b'x'; 1025]);
    client.send(&[b'x'; 65_507]);
    client.send(b"Michael");
    client.expect(b"Hello, Michael!");
    server.summary().expect(&[("received", 4), ("greeted", 2), ("datagrams too-long", 2)]);
}

#[test]
fn the_largest_message_has_a_greeting_that_fills_the_largest_datagram() {
    let server = Server::start("udp://127.0.0.1:0 --max-message 65499");
    let mut client = DatagramClient::to(server.endpoint("udp"));
    let message = vec![b'x'; 65_499];
    client.send(&message);
    client.expect(&[b"Hello, ", &*message, b"!"].concat());
    client.send(&[b'x'; 65_500]);
    client.send(b"Michael");
    client.expect(b"Hello, Michael!");
}

#[test]
fn many_clients_each_get_their_own_greeting() {
    let server = Server::start(UDP);
    let mut clients: Vec<_> = (0..50).map(|_| DatagramClient::to(server.endpoint("udp"))).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(format!("client {number}").as_bytes());
    }
    for (number, client) in clients.iter_mut().enumerate() {
        client.expect(format!("Hello, client {number}!").as_bytes());
    }
}

#[test]
fn datagrams_are_answered_over_ipv6() {
    if !has_ipv6() {
        return;
    }
    let server = Server::start("udp://[::1]:0");
    let mut client = DatagramClient::to(server.endpoint("udp"));
    client.send(b"Michael");
    client.expect(b"Hello, Michael!");
}

#[test]
fn several_loops_share_a_port_exclusively() {
    let server = Server::start(&format!("{UDP} --udp-loops 3"));
    let endpoint = server.endpoint("udp");
    for number in 0..30 {
        let mut client = DatagramClient::to(endpoint);
        client.send(format!("{number}").as_bytes());
        client.expect(format!("Hello, {number}!").as_bytes());
    }
    let second = Server::run([endpoint, "--udp-loops", "3"]);
    second.expect_error_line(1, &[endpoint, "address already in use"]);
    server.summary().expect(&[("greeted", 30)]);
}
