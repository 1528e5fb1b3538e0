//! A session over TCP, with lines.

use crate::harness::Server;

const TCP: &str = "tcp://127.0.0.1:0";

#[test]
fn the_server_speaks_first() {
    let server = Server::start(TCP);
    server.connect().expect(b"Welcome!\n");
}

#[test]
fn a_message_is_answered_by_its_greeting() {
    let server = Server::start(TCP);
    let mut peer = server.session();
    peer.send(b"Michael\n");
    peer.expect(b"Hello, Michael!\n");
}

#[test]
fn many_messages_are_answered_one_after_the_other() {
    let server = Server::start(TCP);
    let mut peer = server.session();
    for name in ["Michael", "Tracy", "Sarah"] {
        peer.send(format!("{name}\n").as_bytes());
        peer.expect(format!("Hello, {name}!\n").as_bytes());
    }
    peer.send(b"exit\n");
    peer.expect_last(b"");
}

#[test]
fn one_cr_before_lf_is_dropped_and_every_other_cr_is_data() {
    let server = Server::start(TCP);
    let mut peer = server.session();
    peer.send(b"Michael\r\n");
    peer.expect(b"Hello, Michael!\n");
    peer.send(b"a\rb\n\rc\r\r\n\r\n");
    peer.expect(b"Hello, a\rb!\nHello, \rc\r!\nHello, !\n");
}

#[test]
fn an_empty_line_is_an_empty_message() {
    let server = Server::start(TCP);
    let mut peer = server.session();
    peer.send(b"\n\n");
    peer.expect(b"Hello, !\nHello, !\n");
}

#[test]
fn any_byte_but_lf_comes_back_as_it_was_sent() {
    let server = Server::start(TCP);
    let mut peer = server.session();
    let bytes: Vec<u8> = (0..=255).filter(|byte| *byte != b'\n').collect();
    peer.send(&[&bytes, &b"\n"[..]].concat());
    peer.expect(&[b"Hello, ", &*bytes, b"!\n"].concat());
}

#[test]
fn a_last_line_without_lf_is_answered_after_a_half_close() {
    let server = Server::start(TCP);
    let mut peer = server.session();
    peer.send(b"Michael\nTracy");
    peer.half_close();
    peer.expect_last(b"Hello, Michael!\nHello, Tracy!\n");
}

#[test]
fn a_last_cr_without_lf_is_data() {
    let server = Server::start(TCP);
    let mut peer = server.session();
    peer.send(b"Michael\r");
    peer.half_close();
    peer.expect_last(b"Hello, Michael\r!\n");
}

#[test]
fn a_client_that_leaves_without_a_word_sees_a_clean_end() {
    let server = Server::start(TCP);
    let mut peer = server.session();
    peer.half_close();
    peer.expect_last(b"");
}

#[test]
fn replies_owed_are_delivered_before_exit_closes_the_session() {
    let server = Server::start(TCP);
    let mut peer = server.session();
    peer.send(b"Michael\nTracy\nexit\n");
    peer.expect_last(b"Hello, Michael!\nHello, Tracy!\n");
}

#[test]
fn what_comes_after_exit_is_not_answered() {
    let server = Server::start(TCP);
    let mut peer = server.session();
    peer.send(b"Michael\nexit\nTracy\n");
    peer.expect_last(b"Hello, Michael!\n");
}

#[test]
fn exit_with_cr_or_without_lf_ends_the_session_too() {
    let server = Server::start(TCP);
    let mut peer = server.session();
    peer.send(b"exit\r\n");
    peer.expect_last(b"");

    let mut peer = server.session();
    peer.send(b"exit");
    peer.half_close();
    peer.expect_last(b"");
}

#[test]
fn only_a_message_that_is_exactly_exit_ends_the_session() {
    let server = Server::start(TCP);
    let mut peer = server.session();
    peer.send(b"Exit\nexit \n exit\nexit!\nexit\0\n");
    peer.expect(b"Hello, Exit!\nHello, exit !\nHello,  exit!\nHello, exit!!\nHello, exit\0!\n");
}
