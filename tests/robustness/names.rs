//! Addresses with a zone, and names that are unknown or slow to resolve.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::time::Instant;

use crate::harness::{Client, DEADLINE, Finished, Namespace, Process, Server, add_ipv6, skipped};

/// The resolver's error for a name that does not exist, as in gai_strerror(3).
const UNKNOWN_NAME: &str = "Name or service not known";

#[test]
fn the_zone_of_an_address_is_kept_and_printed() {
    let Some(network) = Namespace::create(&add_ipv6("fe80::1/64")) else {
        return;
    };
    network.run(|| {
        // Loopback is the first interface, and can be named by its number, too.
        for zone in ["lo", "1"] {
            let host = format!("[fe80::1%{zone}]");
            let server = Server::start(&format!("{host}:0 tcp://{host}:0 udp://{host}:0"));
            let ports: Vec<u16> =
                server.endpoints().iter().map(|endpoint| Server::port_of(endpoint)).collect();
            let expected: Vec<String> = ["tcp", "udp", "tcp", "udp"]
                .iter()
                .zip(&ports)
                .map(|(scheme, port)| format!("{scheme}://{host}:{port}"))
                .collect();
            assert_eq!(server.endpoints(), expected);
            for endpoint in server.endpoints() {
                let finished = Client::run(["-s", endpoint, "Michael"]);
                assert_eq!(finished.code, Some(0), "{endpoint}: {finished:?}");
                assert_eq!(
                    finished.stdout_text().lines().last(),
                    Some("Hello, Michael!"),
                    "{finished:?}"
                );
            }
            server.summary().expect(&[("opened", 2), ("messages", 2), ("greeted", 2)]);
        }
    });
}

#[test]
fn an_invalid_zone_or_name_is_reported_with_the_error_of_the_resolver() {
    // A label of a name has at most 63 characters: no name server is asked for this one.
    let name = "x".repeat(64);
    for host in ["[fe80::1%nowhere]", &name] {
        for scheme in ["tcp", "udp"] {
            let endpoint = format!("{scheme}://{host}:0");
            Server::run([&*endpoint]).expect_error_line(1, &[&endpoint, UNKNOWN_NAME]);
        }
    }
}

/// A network of its own with a name server that the test plays, and a file by which a server finds
/// it; `None`, and the test is skipped, if that is not permitted.
#[track_caller]
fn name_server(folder: &Path) -> Option<(Namespace, UdpSocket, String)> {
    let config = folder.join("resolv.conf");
    fs::write(&config, "nameserver 127.0.0.1\noptions timeout:30 attempts:5\n").expect("a file");
    let mount = format!("mount --bind {} /etc/resolv.conf", config.display());
    let nsswitch = folder.join("nsswitch.conf");
    fs::write(&nsswitch, "hosts: dns\n").expect("a file");
    let mount = format!("{mount}; mount --bind {} /etc/nsswitch.conf", nsswitch.display());
    let network = Namespace::create(&format!("unshare --mount sh -ec \"{mount}\""))?;
    let socket = network.run(|| UdpSocket::bind("127.0.0.1:53")).expect("the namespace is new");
    socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    Some((network, socket, mount))
}

/// Starts a server at a name that it has to ask for.
#[track_caller]
fn start(network: &Namespace, mount: &str, endpoint: &str) -> Process {
    network.run(|| {
        let mut server = Server::command_after(mount, endpoint);
        let mut words = vec!["--mount".into(), server.get_program().to_owned()];
        words.extend(server.get_args().map(ToOwned::to_owned));
        server = std::process::Command::new("unshare");
        server.args(words).env_remove("RUST_LOG");
        Process::spawn(&mut server)
    })
}

#[test]
fn a_signal_ends_a_server_that_waits_for_a_name() {
    // Not SIGINT, which a shell makes its background processes ignore, and so the server until it
    // has a handler.
    for endpoint in ["tcp://slow.example:0", "udp://slow.example:0", "slow.example:0"] {
        let folder = tempfile::tempdir().expect("a folder");
        // For each a name server of its own: one server asks several times.
        let Some((network, socket, mount)) = name_server(folder.path()) else {
            return;
        };
        let server = start(&network, &mount, endpoint);
        // Now it waits for the answer, which never comes.
        if socket.recv(&mut [0; 512]).is_err() {
            return skipped("the system does not ask the name server in resolv.conf");
        }
        let start = Instant::now();
        server.terminate();
        let Finished { code, stdout, stderr } = server.wait();
        assert!(start.elapsed() < DEADLINE / 2, "it took {:?}", start.elapsed());
        assert_ne!(code, Some(0), "it has not served: {stderr}");
        assert_eq!(stdout, b"");
    }
}

#[test]
fn a_name_that_does_not_exist_is_reported_with_the_error_of_the_resolver() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some((network, socket, mount)) = name_server(folder.path()) else {
        return;
    };
    let endpoint = "tcp://nosuch.invalid:0";
    let mut server = start(&network, &mount, endpoint);
    // It asks for IPv4 and IPv6, and perhaps in other domains, too.
    socket.set_read_timeout(Some(std::time::Duration::from_millis(100))).expect("a timeout");
    let deadline = Instant::now() + DEADLINE;
    while server.is_running() {
        assert!(Instant::now() < deadline, "it does not give up");
        let mut query = [0; 512];
        let Ok((count, client)) = socket.recv_from(&mut query) else { continue };
        // RFC 1035, 4.1.1: a response, with recursion, and the error that there is no such name.
        (query[2], query[3]) = (0x81, 0x83);
        socket.send_to(&query[..count], client).expect("it can be sent");
    }
    server.wait().expect_error_line(1, &[endpoint, UNKNOWN_NAME]);
}
