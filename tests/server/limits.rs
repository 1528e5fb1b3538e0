//! The longest message: taken at the limit, and refused one byte over it.

use crate::harness::Server;

const TCP: &str = "tcp://127.0.0.1:0";

fn greeting(message: &[u8]) -> Vec<u8> {
    [b"Hello, ", message, b"!\n"].concat()
}

#[test]
fn a_message_of_1024_bytes_is_answered() {
    let server = Server::start(TCP);
    let mut client = server.session();
    let message = [b'x'; 1024];
    for end in ["\n", "\r\n"] {
        client.send(&[&message, end.as_bytes()].concat());
        client.expect(&greeting(&message));
    }
    client.send(&message);
    client.half_close();
    client.expect_last(&greeting(&message));
}

#[test]
fn a_message_of_1025_bytes_ends_the_session_with_the_reason() {
    let server = Server::start(TCP);
    // At the latest before its end arrives.
    for end in ["\n", "\r\n", ""] {
        let mut client = server.session();
        client.send(&[&[b'x'; 1025], end.as_bytes()].concat());
        client.expect_last(b"Error: message longer than 1024 bytes\n");
    }
}

#[test]
fn pending_replies_come_before_the_reason() {
    let server = Server::start(TCP);
    let mut client = server.session();
    client.send(&[&b"Michael\n"[..], &[b'x'; 1025], b"\nTracy\n"].concat());
    client.expect_last(b"Hello, Michael!\nError: message longer than 1024 bytes\n");
}

#[test]
fn the_reason_is_read_even_by_a_client_that_goes_on_sending() {
    let server = Server::start(TCP);
    let mut client = server.session();
    client.send(&[b'x'; 1025]);
    for _ in 0..100 {
        client.send(&[b'y'; 10_000]);
    }
    client.half_close();
    client.expect_last(b"Error: message longer than 1024 bytes\n");
}

#[test]
fn max_message_moves_the_limit() {
    let server = Server::start("tcp://127.0.0.1:0 --max-message 7");
    let mut client = server.session();
    client.send(b"Michael\n");
    client.expect(b"Hello, Michael!\n");
    client.send(b"Michaela\n");
    client.expect_last(b"Error: message longer than 7 bytes\n");
}

#[test]
fn the_largest_limit_is_65499_bytes_and_holds_on_streams_too() {
    let server = Server::start("tcp://127.0.0.1:0 --max-message 65499");
    let mut client = server.session();
    let message = vec![b'x'; 65_499];
    client.send(&[&*message, b"\n"].concat());
    client.expect(&greeting(&message));
    client.send(&[&*message, b"x\n"].concat());
    client.expect_last(b"Error: message longer than 65499 bytes\n");
}
