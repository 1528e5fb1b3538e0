//! The client over UDP: each reply is matched to its message.

use crate::harness::{Client, FakeUdpServer, Server};

#[test]
fn it_sends_the_messages_of_the_tutorial_and_prints_each_reply_as_a_line() {
    let server = Server::start("127.0.0.1:0");
    let finished = Client::run(["-s", server.endpoint("udp")]);
    assert_eq!((finished.code, &*finished.stderr), (Some(0), ""));
    assert_eq!(finished.stdout_text(), "Hello, Michael!\nHello, Tracy!\nHello, Sarah!\n");
    server.summary().expect(&[("received", 3), ("greeted", 3), ("opened", 0)]);
}

#[test]
fn exit_empty_messages_and_lines_are_messages_like_others() {
    let server = Server::start("127.0.0.1:0");
    let finished = Client::run(["-s", server.endpoint("udp"), "exit", "", "two\nlines", "exit"]);
    let expected = "Hello, exit!\nHello, !\nHello, two\nlines!\nHello, exit!\n";
    finished.expect_success(expected);
}

#[test]
fn a_message_that_ends_in_a_line_feed_cannot_be_sent_under_line() {
    let server = Server::start("127.0.0.1:0");
    let finished = Client::run(["-s", server.endpoint("udp"), "Bob\n"]);
    finished.expect_error_line(2, &["MESSAGE 1", "a line feed", "--framing length"]);
    server.summary().expect(&[("received", 0)]);

    let server = Server::start("127.0.0.1:0 --framing length");
    let finished = Client::run(["-s", server.endpoint("udp"), "--framing", "length", "Bob\n"]);
    assert_eq!((finished.code, finished.stdout_text()), (Some(0), "Hello, Bob\n!\n"));
}

#[test]
fn the_largest_message_gets_there_and_back() {
    let server = Server::start("udp://127.0.0.1:0 --max-message 65499");
    let message = "x".repeat(65_499);
    let finished = Client::run(["-s", server.endpoint("udp"), "--max-message", "65499", &message]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(finished.stdout_text() == format!("Hello, {message}!\n"));
}

#[test]
fn a_message_without_a_reply_times_out() {
    let server = Server::start("udp://127.0.0.1:0 --max-message 5");
    let words = ["-s", server.endpoint("udp"), "--timeout", "1s", "Tracy", "Michael", "Sarah"];
    let (object, finished) = Client::json(words);
    finished.expect_error_line(1, &["1s", "Hello, Michael!", "a shorter message", "--max-message"]);
    assert_eq!(object["error"]["kind"], "timeout");
    assert_eq!(object["messages"][0]["reply"], "Hello, Tracy!");
}

#[test]
fn a_udp_server_that_never_answers_times_out() {
    let silent = FakeUdpServer::open();
    let words = ["-s", &silent.endpoint(), "--timeout", "500ms", "Michael"];
    let (object, finished) = Client::json(words);
    finished.expect_error_line(3, &[&silent.endpoint()]);
    assert_eq!(object["error"]["kind"], "timeout");
    silent.expect(b"Michael");
}

#[test]
fn a_closed_udp_port_is_refused() {
    let closed = FakeUdpServer::closed();
    let (object, finished) = Client::json(["-s", &closed.endpoint(), "Michael"]);
    finished.expect_error_line(3, &[&closed.endpoint()]);
    assert_eq!(object["error"]["kind"], "refused");
}

#[test]
fn a_wrong_reply_is_a_mismatch() {
    let fake = FakeUdpServer::open();
    let client = Client::start(["-s", &fake.endpoint(), "Michael"]);
    let client_address = fake.expect(b"Michael");
    fake.send(b"Hello, Michael!\n", client_address);
    let finished = client.wait();
    finished.expect_error_line(1, &[r"Hello, Michael!\n", "Hello, Michael!"]);
    assert_eq!(finished.stdout_text(), "Hello, Michael!\n\n");
}

#[test]
fn a_reply_that_comes_twice_is_not_taken_for_the_next_one() {
    let fake = FakeUdpServer::open();
    let client = Client::start(["-s", &fake.endpoint(), "Michael", "Tracy"]);
    let client_address = fake.expect(b"Michael");
    for _ in 0..2 {
        fake.send(b"Hello, Michael!", client_address);
    }
    fake.expect(b"Tracy");
    fake.send(b"Hello, Michael!", client_address);
    fake.send(b"Hello, Tracy!", client_address);
    let finished = client.wait();
    finished.expect_success("Hello, Michael!\nHello, Tracy!\n");
}

#[test]
fn datagrams_from_another_address_are_ignored() {
    let (fake, other) = (FakeUdpServer::open(), FakeUdpServer::open());
    let client = Client::start(["-s", &fake.endpoint(), "Michael"]);
    let client_address = fake.expect(b"Michael");
    other.send(b"Goodbye, Michael!", client_address);
    fake.send(b"Hello, Michael!", client_address);
    let finished = client.wait();
    finished.expect_success("Hello, Michael!\n");
}
