//! A session over TCP, with lines.

use crate::harness::Server;

const TCP: &str = "tcp://127.0.0.1:0";

#[test]
fn the_server_speaks_first() {
    let server = Server::start(TCP);
    server.connect().expect(b"Welcome!\n");
}

#[test]
fn each_message_is_answered_by_its_greeting() {
    let server = Server::start(TCP);
    let mut client = server.session();
    for name in ["Michael", "Tracy", "Sarah"] {
        client.send(format!("{name}\n").as_bytes());
        client.expect(format!("Hello, {name}!\n").as_bytes());
    }
    client.send(b"exit\n");
    client.expect_last(b"");
}

#[test]
fn one_cr_before_lf_is_dropped_and_every_other_cr_is_data() {
    let server = Server::start(TCP);
    let mut client = server.session();
    client.send(b"Michael\r\n");
    client.expect(b"Hello, Michael!\n");
    client.send(b"a\rb\n\rc\r\r\n\r\n");
    client.expect(b"Hello, a\rb!\nHello, \rc\r!\nHello, !\n");
}

#[test]
fn an_empty_line_is_an_empty_message() {
    let server = Server::start(TCP);
    let mut client = server.session();
    client.send(b"\n\n");
    client.expect(b"Hello, !\nHello, !\n");
}

#[test]
fn any_byte_but_lf_comes_back_as_it_was_sent() {
    let server = Server::start(TCP);
    let mut client = server.session();
    let bytes: Vec<u8> = (0..=255).filter(|byte| *byte != b'\n').collect();
    client.send(&[&bytes, &b"\n"[..]].concat());
    client.expect(&[b"Hello, ", &*bytes, b"!\n"].concat());
}

#[test]
fn a_last_line_without_lf_is_answered_after_a_half_close() {
    let server = Server::start(TCP);
    let mut client = server.session();
    client.send(b"Michael\nTracy");
    client.half_close();
    client.expect_last(b"Hello, Michael!\nHello, Tracy!\n");
}

#[test]
fn a_last_cr_without_lf_is_data() {
    let server = Server::start(TCP);
    let mut client = server.session();
    client.send(b"Michael\r");
    client.half_close();
    client.expect_last(b"Hello, Michael\r!\n");
}

#[test]
fn pending_replies_are_delivered_before_exit_closes_the_session() {
    let server = Server::start(TCP);
    let mut client = server.session();
    client.send(b"Michael\nTracy\nexit\n");
    client.expect_last(b"Hello, Michael!\nHello, Tracy!\n");
}

#[test]
fn what_comes_after_exit_is_not_answered() {
    let server = Server::start(TCP);
    let mut client = server.session();
    client.send(b"Michael\nexit\nTracy\n");
    client.expect_last(b"Hello, Michael!\n");
}

#[test]
fn exit_with_cr_or_without_lf_ends_the_session_too() {
    let server = Server::start(TCP);
    let mut client = server.session();
    client.send(b"exit\r\n");
    client.expect_last(b"");

    let mut client = server.session();
    client.send(b"exit");
    client.half_close();
    client.expect_last(b"");
}

#[test]
fn only_a_message_that_is_exactly_exit_ends_the_session() {
    let server = Server::start(TCP);
    let mut client = server.session();
    client.send(b"Exit\nexit \n exit\nexit!\nexit\0\n");
    client.expect(b"Hello, Exit!\nHello, exit !\nHello,  exit!\nHello, exit!!\nHello, exit\0!\n");
}
