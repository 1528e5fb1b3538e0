use super::connect::connect_first;
use super::resolve::resolve;
use super::*;
use crate::cli::tests::target;
use hello_proto::HostPort;
use socket2::{Domain, Type};
use std::net::{SocketAddr, TcpListener};

/// Bound, so that nobody else gets it, but not listening.
fn deaf_socket() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
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
    let connection = connect_first(&target(&[]), &addresses, deadline).unwrap();
    assert_eq!(connection.peer, reached.to_string());
    let local = listener.accept().unwrap().1;
    assert_eq!(connection.local, Some(local.to_string()));
}

#[test]
fn every_address_that_failed_is_reported() {
    let (one, two) = (deaf_socket(), deaf_socket());
    let addresses = [one.local_addr().unwrap(), two.local_addr().unwrap()];
    let deadline = Deadline::after(Duration::from_secs(60));
    let error = connect_first(&target(&[]), &addresses, deadline).unwrap_err();
    for address in addresses {
        assert!(error.to_string().contains(&address_text(&address).unwrap()), "{error}");
    }
    assert_eq!((error.kind, error.exit_code()), (ErrorKind::Refused, 3));
}

#[test]
fn a_connection_comes_from_the_address_that_was_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap().to_string();
    let timeout = Timeout::new(Duration::from_secs(60));
    let connection = connect(&target(&["-s", &server, "--bind", "127.0.0.2"]), timeout).unwrap();
    assert!(connection.local.unwrap().starts_with("127.0.0.2:"));

    let error = connect(&target(&["-s", &server, "--bind", "192.0.2.1"]), timeout).unwrap_err();
    assert!(error.to_string().starts_with("--bind 192.0.2.1:0: "), "{error}");
    assert_eq!((error.kind, error.exit_code()), (ErrorKind::Unreachable, 3));
}

fn resolved(host: &str, family: Option<Domain>) -> Result<Vec<SocketAddr>, Error> {
    let server = HostPort { host: host.to_owned(), port: 9 };
    resolve(&server, family, Deadline::after(Duration::from_secs(60)))
}

#[test]
fn an_address_is_its_own_name() {
    assert_eq!(resolved("::1", None).unwrap(), ["[::1]:9".parse().unwrap()]);
    assert_eq!(
        resolved("127.0.0.1", Some(Domain::IPV4)).unwrap(),
        ["127.0.0.1:9".parse().unwrap()]
    );
}

#[test]
fn a_family_without_an_address_is_named() {
    let error = resolved("127.0.0.1", Some(Domain::IPV6)).unwrap_err();
    assert_eq!(error.to_string(), "cannot resolve '127.0.0.1': it has no IPv6 address");
    assert_eq!((error.kind, error.exit_code()), (ErrorKind::Unresolved, 3));
}

#[test]
fn a_name_that_cannot_exist_is_unresolved() {
    // No name server is asked: a label cannot be empty.
    assert_eq!(resolved("no..such..host", None).unwrap_err().kind, ErrorKind::Unresolved);
}

#[test]
fn an_address_needs_no_thread_to_be_resolved() {
    let server = HostPort { host: "127.0.0.1".to_owned(), port: 9 };
    // A thread would not have answered by then.
    assert!(resolve(&server, None, Deadline::after(Duration::ZERO)).is_ok());
}

fn refused() -> Error {
    Error::unreached(ErrorKind::Refused, "refused")
}

#[test]
fn without_a_wait_there_is_one_attempt() {
    let mut attempts = 0;
    let outcome = retry_until(&target(&[]), |_| {
        attempts += 1;
        Err::<(), _>(refused())
    });
    assert_eq!((outcome.unwrap_err().to_string(), attempts), ("refused".to_owned(), 1));
}

#[test]
fn attempts_go_on_until_one_succeeds() {
    let mut attempts = 0;
    let outcome = retry_until(&target(&["--wait", "60s"]), |_| {
        attempts += 1;
        if attempts < 3 { Err(refused()) } else { Ok(attempts) }
    });
    assert_eq!(outcome.unwrap(), 3);
}

#[test]
fn an_answer_that_no_wait_can_mend_ends_it() {
    let wrong = || Error::unanswered(ErrorKind::Mismatch, "wrong");
    let outcome = retry_until(&target(&["--wait", "60s"]), |_| Err::<(), _>(wrong()));
    assert_eq!(outcome.unwrap_err().to_string(), "wrong");
}

#[test]
fn when_the_wait_is_over_the_error_tells_how_long_it_was() {
    let error = retry_until(&target(&["--wait", "1ms"]), |_| Err::<(), _>(refused())).unwrap_err();
    assert!(error.to_string().starts_with("refused (tried for "), "{error}");
}

#[test]
fn no_attempt_takes_much_longer_than_the_wait() {
    let mut longest = Duration::ZERO;
    let words = ["--wait", "1ms", "--timeout", "60s"];
    let _ = retry_until(&target(&words), |timeout| {
        longest = longest.max(timeout.start().left());
        Err::<(), _>(refused())
    });
    assert!(longest < Duration::from_secs(1), "{longest:?}");
}

#[test]
fn a_datagram_is_sent_once_even_when_the_time_for_it_is_over() {
    assert_eq!(Timeout::within(Duration::ZERO).resends().count(), 1);
}
