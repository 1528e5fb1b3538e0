//! One datagram in, one greeting out.

use std::process::Command;

use crate::harness::{DatagramClient, Process, Server, has_ipv6, has_tool};

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
    client.send(b"two\r\nlines");
    client.expect(b"Hello, two\r\nlines!");
}

#[test]
fn a_datagram_that_ends_in_a_line_feed_is_a_line_and_so_is_its_greeting() {
    let server = Server::start(UDP);
    let mut client = DatagramClient::to(server.endpoint("udp"));
    for (line, reply) in [
        (&b"Michael\n"[..], &b"Hello, Michael!\n"[..]),
        (b"Tracy\r\n", b"Hello, Tracy!\n"),
        (b"two\nlines\n", b"Hello, two\nlines!\n"),
        (b"exit\n", b"Hello, exit!\n"),
        (b"\n", b"Hello, !\n"),
        (b"Sarah", b"Hello, Sarah!"),
        (b"Bob\r", b"Hello, Bob\r!"),
    ] {
        client.send(line);
        client.expect(reply);
    }
}

#[test]
fn the_limit_does_not_count_the_end_of_a_line() {
    let server = Server::start(&format!("{UDP} --max-message 5"));
    let mut client = DatagramClient::to(server.endpoint("udp"));
    for too_long in [&b"Sarahs"[..], b"Sarahs\n", b"Sarahs\r\n", b"Sarahs\r\nTracy"] {
        client.send(too_long);
    }
    client.send(b"Sarah\r\n");
    client.expect(b"Hello, Sarah!\n");
    server.summary().expect(&[("received", 5), ("greeted", 1), ("datagrams too-long", 4)]);
}

#[test]
fn lines_that_are_typed_into_nc_are_answered_by_lines() {
    if !has_tool("nc") {
        return;
    }
    let server = Server::start(UDP);
    let port = server.port().to_string();
    let mut nc = Process::spawn(Command::new("nc").args(["-u", "127.0.0.1", &*port]));
    for name in ["Michael", "Tracy", ""] {
        nc.input(format!("{name}\n").as_bytes());
        assert_eq!(nc.stdout.next(), Some(format!("Hello, {name}!")));
    }
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
    // The greeting of a line would be a byte longer than a datagram.
    client.send(&[&*message, b"\n"].concat());
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
