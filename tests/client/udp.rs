//! The client over UDP: each reply is matched to its message.

use crate::harness::{Client, Server, UdpImpostor};

#[test]
fn it_says_the_messages_of_the_tutorial_and_prints_each_reply_as_a_line() {
    let server = Server::start("127.0.0.1:0");
    let finished = Client::run(["-s", server.endpoint("udp")]);
    assert_eq!((finished.code, &*finished.stderr), (Some(0), ""));
    assert_eq!(finished.said(), "Hello, Michael!\nHello, Tracy!\nHello, Sarah!\n");
    server.summary().expect(&[("received", 3), ("greeted", 3), ("opened", 0)]);
}

#[test]
fn exit_empty_messages_and_lines_are_messages_like_others() {
    let server = Server::start("127.0.0.1:0");
    let finished = Client::run(["-s", server.endpoint("udp"), "exit", "", "two\nlines", "exit"]);
    let expected = "Hello, exit!\nHello, !\nHello, two\nlines!\nHello, exit!\n";
    assert_eq!((finished.code, finished.said()), (Some(0), expected));
}

#[test]
fn the_largest_message_gets_there_and_back() {
    let server = Server::start("udp://127.0.0.1:0 --max-message 65499");
    let message = "x".repeat(65_499);
    let finished = Client::run(["-s", server.endpoint("udp"), "--max-message", "65499", &message]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(finished.said() == format!("Hello, {message}!\n"));
}

#[test]
fn a_message_that_is_not_answered_is_late() {
    let server = Server::start("udp://127.0.0.1:0 --max-message 5");
    let words = ["-s", server.endpoint("udp"), "--timeout", "1s", "Tracy", "Michael", "Sarah"];
    let (object, finished) = Client::json(words);
    finished.expect_complaint(1, &["1s", "Hello, Michael!"]);
    assert_eq!(object["error"]["kind"], "timeout");
    assert_eq!(object["messages"][0]["reply"], "Hello, Tracy!");
}

#[test]
fn a_server_that_never_answers_is_late() {
    let silent = UdpImpostor::open();
    let words = ["-s", &silent.endpoint(), "--timeout", "500ms", "Michael"];
    let (object, finished) = Client::json(words);
    finished.expect_complaint(1, &[&silent.endpoint()]);
    assert_eq!(object["error"]["kind"], "timeout");
    silent.expect(b"Michael");
}

#[test]
fn a_port_where_nobody_listens_is_not_reached() {
    let closed = UdpImpostor::closed();
    let (object, finished) = Client::json(["-s", &closed.endpoint(), "Michael"]);
    finished.expect_complaint(3, &[&closed.endpoint()]);
    assert_eq!(object["error"]["kind"], "refused");
}

#[test]
fn a_wrong_reply_is_a_mismatch() {
    let impostor = UdpImpostor::open();
    let client = Client::start(["-s", &impostor.endpoint(), "Michael"]);
    let client_address = impostor.expect(b"Michael");
    impostor.send(b"Hello, Michael!\n", client_address);
    let finished = client.wait();
    finished.expect_complaint(1, &[r"Hello, Michael!\n", "Hello, Michael!"]);
    assert_eq!(finished.said(), "Hello, Michael!\n\n");
}

#[test]
fn a_reply_that_comes_twice_is_not_taken_for_the_next_one() {
    let impostor = UdpImpostor::open();
    let client = Client::start(["-s", &impostor.endpoint(), "Michael", "Tracy"]);
    let client_address = impostor.expect(b"Michael");
    for _ in 0..2 {
        impostor.send(b"Hello, Michael!", client_address);
    }
    impostor.expect(b"Tracy");
    impostor.send(b"Hello, Michael!", client_address);
    impostor.send(b"Hello, Tracy!", client_address);
    let finished = client.wait();
    assert_eq!((finished.code, finished.said()), (Some(0), "Hello, Michael!\nHello, Tracy!\n"));
}

#[test]
fn a_stranger_is_not_heard() {
    let (impostor, stranger) = (UdpImpostor::open(), UdpImpostor::open());
    let client = Client::start(["-s", &impostor.endpoint(), "Michael"]);
    let client_address = impostor.expect(b"Michael");
    stranger.send(b"Goodbye, Michael!", client_address);
    impostor.send(b"Hello, Michael!", client_address);
    let finished = client.wait();
    assert_eq!((finished.code, finished.said()), (Some(0), "Hello, Michael!\n"));
}
