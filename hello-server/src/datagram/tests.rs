use clap::Parser;

use super::*;
use crate::config::Config;
use crate::stats::Counters;

/// Longer than any machine takes for what is waited for.
const LONG: Duration = Duration::from_secs(30);

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    config: Config,
}

/// A loop on this address, and a client that is connected to it.
struct Setup {
    server: DatagramLoop,
    shared: Arc<Shared>,
    counters: Arc<Counters>,
    client: UdpSocket,
}

fn setup(address: &str, inherited: bool) -> Setup {
    let socket = UdpSocket::bind((address, 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    let shared = Arc::new(Shared::new(&Cli::parse_from(["x", "--grace", "1h"]).config));
    let stats = ThreadStats::default();
    let counters = stats.counters();
    let endpoint = format!("udp://{address}:{port}").parse().unwrap();
    let hello_proto::EndpointSpec::Endpoint(endpoint) = endpoint else { unreachable!() };
    let socket = DatagramSocket { socket: socket.into(), file: None, inherited };
    let server = DatagramLoop::new(Arc::clone(&shared), socket, endpoint, stats).unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(("127.0.0.1", port)).unwrap();
    client.set_read_timeout(Some(LONG)).unwrap();
    Setup { server, shared, counters, client }
}

fn receive(client: &UdpSocket) -> String {
    let mut buffer = [0; 64];
    let length = client.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

#[test]
fn datagrams_are_answered_as_they_come_until_the_server_stops() {
    for address in ["127.0.0.1", "0.0.0.0"] {
        let Setup { server, shared, counters, client } = setup(address, false);
        let waker = server.waker();
        let server = thread::spawn(|| server.run());
        for (message, greeting) in [("Bob", "Hello, Bob!"), ("Eve\n", "Hello, Eve!\n")] {
            client.send(message.as_bytes()).unwrap();
            assert_eq!(receive(&client), greeting);
        }
        shared.begin_stop(Duration::ZERO);
        waker.wake().unwrap();
        server.join().unwrap().unwrap();
        assert_eq!(counters.read().get(Counter::Greeted), 2);
    }
}

#[test]
fn what_has_arrived_when_the_server_stops_is_answered() {
    let Setup { server, shared, client, .. } = setup("127.0.0.1", false);
    client.send(b"Bob").unwrap();
    client.send(b"Eve").unwrap();
    shared.begin_stop(Duration::ZERO);
    server.run().unwrap();
    assert_eq!([(); 2].map(|()| receive(&client)), ["Hello, Bob!", "Hello, Eve!"]);
}

#[test]
fn what_has_arrived_at_a_socket_that_was_handed_over_is_left_there() {
    let Setup { server, shared, client, .. } = setup("127.0.0.1", true);
    let kept = UdpSocket::from(server.socket.try_clone().unwrap());
    client.send(b"Bob").unwrap();
    shared.begin_stop(Duration::ZERO);
    server.run().unwrap();
    assert_eq!(receive(&kept), "Bob");
}

#[test]
fn nobody_and_the_server_itself_are_not_answered() {
    let address = |text: &str| Some(SocketAddrAny::from(text.parse::<SocketAddr>().unwrap()));
    let Setup { server, .. } = setup("127.0.0.1", false);
    let port = server.local.unwrap().port();
    for (source, expected) in [
        (None, true),
        (address(&format!("127.0.0.1:{port}")), true),
        (address(&format!("127.0.0.2:{port}")), false),
        (address("127.0.0.1:1"), false),
    ] {
        let source = Source::Address(source);
        assert_eq!(server.is_unanswerable(&source), expected, "{source}");
    }

    let Setup { mut server, client, .. } = setup("0.0.0.0", false);
    let port = server.local.unwrap().port();
    client.send(b"Bob").unwrap();
    let (_, Source::Wildcard(mut received)) = server.receive().unwrap() else { unreachable!() };
    for (source, expected) in [
        (format!("127.0.0.1:{port}"), true),
        (format!("192.0.2.1:{port}"), false),
        ("127.0.0.1:1".to_owned(), false),
    ] {
        received.source = source.parse().unwrap();
        assert_eq!(server.is_unanswerable(&Source::Wildcard(received)), expected, "{source}");
        assert_eq!(Source::Wildcard(received).to_string(), source);
    }
}

#[test]
fn what_the_system_does_not_take_or_give_is_counted() {
    let Setup { mut server, counters, .. } = setup("127.0.0.1", false);
    server.on_receive_error(Errno::CONNREFUSED);
    server.on_send_error(Errno::AGAIN, &Source::Address(None));
    server.on_send_error(Errno::PERM, &Source::Address(None));
    let stats = counters.read();
    assert_eq!([Counter::ReceiveErrors, Counter::Unsent].map(|one| stats.get(one)), [1, 2]);
}

#[test]
fn an_address_is_the_same_whatever_its_scope_and_flow() {
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    assert!(is_same(address("[fe80::1%1]:9"), address("[fe80::1%2]:9")));
    assert!(!is_same(address("[fe80::1]:9"), address("[fe80::1]:8")));
    assert!(!is_same(address("[fe80::1]:9"), address("[fe80::2]:9")));
}

#[test]
fn an_address_is_local_that_is_reached_from_itself_or_is_a_loopback_address() {
    let is_local = |text: &str| is_local(text.parse().unwrap());
    // The second is reached from the first.
    for local in ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.2"] {
        assert!(is_local(local), "{local}");
    }
    // The first is reached, but from 127.0.0.1; the others are for documentation.
    for remote in ["0.0.0.0", "192.0.2.1", "2001:db8::1"] {
        assert!(!is_local(remote), "{remote}");
    }
}
