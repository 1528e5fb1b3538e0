use super::connect::connect_first;
use super::*;
use crate::cli::tests::target;
use socket2::Type;
use std::net::TcpListener;

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
    let deadline = Instant::now() + Duration::from_secs(60);
    let connection = connect_first(&target(&[]), &addresses, deadline).unwrap();
    assert_eq!(connection.peer, reached.to_string());
    let local = listener.accept().unwrap().1;
    assert_eq!(connection.local, Some(local.to_string()));
}

#[test]
fn every_address_that_failed_is_reported() {
    let (one, two) = (deaf_socket(), deaf_socket());
    let addresses = [one.local_addr().unwrap(), two.local_addr().unwrap()];
    let deadline = Instant::now() + Duration::from_secs(60);
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
    let connection = connect(&target(&["-s", &server, "--bind", "127.0.0.2"])).unwrap();
    assert!(connection.local.unwrap().starts_with("127.0.0.2:"));

    let error = connect(&target(&["-s", &server, "--bind", "192.0.2.1"])).unwrap_err();
    assert!(error.to_string().starts_with("--bind 192.0.2.1:0: "), "{error}");
    assert_eq!((error.kind, error.exit_code()), (ErrorKind::Unreachable, 3));
}

fn resolved(host: &str, family: Option<Domain>) -> Result<Vec<SocketAddr>, Error> {
    let server = HostPort { host: host.to_owned(), port: 9 };
    resolve(&server, family, Instant::now() + Duration::from_secs(60))
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

fn refused() -> Error {
    Error::unreached(ErrorKind::Refused, "refused")
}

#[test]
fn without_a_wait_there_is_one_attempt() {
    let mut attempts = 0;
    let outcome = retry_until(Duration::ZERO, |_| {
        attempts += 1;
        Err::<(), _>(refused())
    });
    assert_eq!((outcome.unwrap_err().to_string(), attempts), ("refused".to_owned(), 1));
}

#[test]
fn attempts_go_on_until_one_succeeds() {
    let mut attempts = 0;
    let outcome = retry_until(Duration::from_secs(60), |_| {
        attempts += 1;
        if attempts < 3 { Err(refused()) } else { Ok(attempts) }
    });
    assert_eq!(outcome.unwrap(), 3);
}

#[test]
fn when_the_wait_is_over_the_error_tells_how_long_it_was() {
    let error = retry_until(Duration::from_millis(1), |_| Err::<(), _>(refused())).unwrap_err();
    assert!(error.to_string().starts_with("refused (tried for "), "{error}");
}
