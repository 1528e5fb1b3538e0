use super::*;
use crate::cli::tests::say;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

/// Bound, so that nobody else gets it, but not listening.
fn deaf_socket() -> Socket {
    let socket = Socket::new(socket2::Domain::IPV4, Type::STREAM, None).unwrap();
    let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&address.into()).unwrap();
    socket
}

#[test]
fn the_first_address_that_accepts_is_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let deaf = deaf_socket();
    let reached = listener.local_addr().unwrap();
    let addresses = [deaf.local_addr().unwrap(), reached.into(), deaf.local_addr().unwrap()];
    let deadline = Deadline::after(Duration::from_secs(60));
    let connection = connect_first(&say(&[]).target, &addresses, deadline).unwrap();
    assert_eq!(connection.peer, reached.to_string());
    let local = listener.accept().unwrap().1;
    assert_eq!(connection.local, Some(local.to_string()));
}

#[test]
fn every_address_that_failed_is_told() {
    let (one, two) = (deaf_socket(), deaf_socket());
    let addresses = [one.local_addr().unwrap(), two.local_addr().unwrap()];
    let deadline = Deadline::after(Duration::from_secs(60));
    let failure = connect_first(&say(&[]).target, &addresses, deadline).unwrap_err();
    for address in addresses {
        assert!(failure.to_string().contains(&address_text(&address).unwrap()), "{failure}");
    }
    assert_eq!((failure.kind, failure.exit_code()), (Kind::Refused, 3));
}

#[test]
fn a_connection_comes_from_the_address_that_was_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap().to_string();
    let connection = connect(&say(&["-s", &server, "--bind", "127.0.0.2"]).target).unwrap();
    assert!(connection.local.unwrap().starts_with("127.0.0.2:"));

    let failure = connect(&say(&["-s", &server, "--bind", "192.0.2.1"]).target).unwrap_err();
    assert!(failure.to_string().starts_with("--bind 192.0.2.1:0: "), "{failure}");
    assert_eq!((failure.kind, failure.exit_code()), (Kind::Unreachable, 3));
}
