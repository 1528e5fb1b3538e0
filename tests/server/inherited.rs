//! Sockets that are handed over: they are served as they are, and left as they are.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener};

use rustix::process::Signal;
use socket2::{Domain, SockRef, Socket, Type};

use crate::harness::{
    DatagramClient, Process, RawClient, Server, ServiceManager, Summary, has_ipv6,
};

const LOCALHOST: &str = "127.0.0.1:0";

#[test]
fn sockets_of_all_four_kinds_are_served_and_nothing_else_is_bound() {
    let mut manager = ServiceManager::new();
    let (tcp, udp) = (TcpListener::bind(LOCALHOST).unwrap(), UdpSocket::bind(LOCALHOST).unwrap());
    let (stream, datagram) = (manager.path("stream.sock"), manager.path("datagram.sock"));
    let endpoints = [
        format!("tcp://{}", tcp.local_addr().unwrap()),
        format!("unixgram://{}", datagram.display()),
        format!("udp://{}", udp.local_addr().unwrap()),
        format!("unix://{}", stream.display()),
    ];
    manager.hand_over(tcp);
    manager.hand_over(UnixDatagram::bind(&datagram).unwrap());
    manager.hand_over(udp);
    manager.hand_over(UnixListener::bind(&stream).unwrap());

    let server = manager.start("");
    assert_eq!(server.endpoints(), endpoints);
    for endpoint in [&endpoints[0], &endpoints[3]] {
        let mut client = RawClient::connect(endpoint);
        client.send(b"Michael\nexit\n");
        client.expect_last(b"Welcome!\nHello, Michael!\n");
    }
    let mut client = DatagramClient::to(&endpoints[2]);
    client.send(b"Tracy");
    client.expect(b"Hello, Tracy!");
    let mut client = DatagramClient::from_file(&manager.path("own.sock"), &endpoints[1]);
    client.send(b"Sarah");
    client.expect(b"Hello, Sarah!");
    let finished = server.stop();
    assert_eq!(finished.stdout_text().lines().count(), 4, "{finished:?}");
    Summary::of(&finished.stderr).expect(&[("exit", 2), ("greeted", 2)]);
}

#[test]
fn an_endpoint_on_the_command_line_is_served_beside_them() {
    let manager = ServiceManager::with([TcpListener::bind(LOCALHOST).unwrap().into()]);
    let server = manager.start("tcp://127.0.0.1:0");
    for endpoint in server.endpoints() {
        let mut client = RawClient::connect(endpoint);
        client.send(b"exit\n");
        client.expect_last(b"Welcome!\n");
    }
    server.summary().expect(&[("exit", 2)]);
}

#[test]
fn a_socket_that_serves_both_families_greets_datagrams_of_both() {
    if !has_ipv6() {
        return;
    }
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, None).unwrap();
    socket.set_only_v6(false).unwrap();
    let any: std::net::SocketAddr = "[::]:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    let server = ServiceManager::with([socket.into()]).start("");
    let port = server.port();
    for host in ["127.0.0.1", "127.0.0.2", "[::1]"] {
        // It is connected, so it receives what comes from this address alone.
        let mut client = DatagramClient::to(&format!("udp://{host}:{port}"));
        client.send(b"Michael");
        client.expect(b"Hello, Michael!");
    }
    server.summary().expect(&[("greeted", 3), ("unsent", 0), ("bad-source", 0)]);
}

#[test]
fn what_was_dropped_before_a_server_had_the_socket_is_not_counted() {
    let udp = UdpSocket::bind(LOCALHOST).unwrap();
    SockRef::from(&udp).set_recv_buffer_size(1).unwrap();
    let client = UdpSocket::bind(LOCALHOST).unwrap();
    for _ in 0..1000 {
        client.send_to(b"Michael", udp.local_addr().unwrap()).unwrap();
    }
    let summary = ServiceManager::with([udp.into()]).start("").summary();
    summary.expect(&[("overflowed", 0)]);
}

#[test]
fn the_file_of_a_unix_socket_is_neither_changed_nor_removed() {
    let mut manager = ServiceManager::new();
    let path = manager.path("hello.sock");
    manager.hand_over(UnixListener::bind(&path).unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::metadata(&path).unwrap();
    for signal in [Signal::TERM, Signal::QUIT] {
        let server = manager.start("--unix-mode 777");
        server.process.signal(signal);
        server.stopped();
        let after = fs::metadata(&path).unwrap();
        assert_eq!((after.ino(), after.mode()), (before.ino(), before.mode()));
    }
    assert!(!manager.path("hello.sock.lock").exists());
}

#[test]
fn what_waits_at_them_when_the_server_stops_is_left_to_the_next_one() {
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
        let (tcp, udp) =
            (TcpListener::bind(LOCALHOST).unwrap(), UdpSocket::bind(LOCALHOST).unwrap());
        let manager = ServiceManager::with([tcp.into(), udp.into()]);
        let server = manager.start("");
        let (tcp, udp) = (server.endpoint("tcp").to_owned(), server.endpoint("udp").to_owned());
        // It has served, so it waits.
        let mut first = RawClient::connect(&tcp);
        first.send(b"exit\n");
        first.expect_last(b"Welcome!\n");
        server.process.suspend();
        server.process.signal(signal);
        let mut clients: Vec<RawClient> = (0..5).map(|_| RawClient::connect(&tcp)).collect();
        clients.iter_mut().for_each(|client| client.send(b"Michael\nexit\n"));
        let mut datagrams = DatagramClient::to(&udp);
        (0..5).for_each(|number| datagrams.send(format!("{number}").as_bytes()));
        server.process.resume();
        let of_first = Summary::of(&server.stopped().stderr);

        let server = manager.start("");
        for client in clients {
            client.expect_last(b"Welcome!\nHello, Michael!\n");
        }
        (0..5).for_each(|number| datagrams.expect(format!("Hello, {number}!").as_bytes()));
        let of_second = server.summary();
        // What it was busy with when the signal came is answered.
        of_first.expect(&[("refused-shutdown", 0), ("shutdown", 0)]);
        assert_eq!(of_first.count("exit") + of_second.count("exit"), 6, "{of_first:?}");
        assert_eq!(of_first.count("greeted") + of_second.count("greeted"), 5, "{of_first:?}");
    }
}

#[test]
fn sockets_that_are_meant_for_another_process_are_not_taken() {
    for setup in ["export LISTEN_PID=1 LISTEN_FDS=1", "export LISTEN_FDS=1"] {
        let server = Server::start_after(setup, "tcp://127.0.0.1:0");
        assert_eq!(server.endpoints().len(), 1);
        server.stop();
    }
}

#[test]
fn a_number_of_sockets_that_cannot_be_is_an_error() {
    for count in ["-1", "many", "", " 1", "1\n2", "4294967295", "2147483647", "65537"] {
        let mut command = Server::command_after("export LISTEN_PID=$$", "tcp://127.0.0.1:0");
        let finished = Process::spawn(command.env("LISTEN_FDS", count)).wait();
        let shown = format!("'{}'", count.escape_debug());
        finished.expect_error_line(1, &["invalid LISTEN_FDS", &shown]);
    }
}

#[test]
fn a_path_that_would_break_the_line_is_escaped() {
    let mut manager = ServiceManager::new();
    let path = manager.path("two\nlines.sock");
    manager.hand_over(UnixListener::bind(&path).unwrap());
    let server = manager.start("");
    assert!(server.endpoints()[0].ends_with("/two\\nlines.sock"), "{:?}", server.endpoints());
    server.stop();
}

#[test]
fn what_cannot_be_served_is_an_error_that_names_the_descriptor() {
    let tcp = TcpListener::bind(LOCALHOST).unwrap();
    let connected = TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
    let seqpacket = Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
    let unnamed = UnixDatagram::unbound().unwrap();
    let unbound = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
    for (socket, why) in [
        (unbound.into(), "a UDP socket without an address"),
        (File::open("/dev/null").unwrap().into(), "not a TCP, UDP or Unix socket"),
        (connected.into(), "not a listening socket"),
        (seqpacket.into(), "not a TCP, UDP or Unix socket"),
        (unnamed.into(), "a Unix socket without an address"),
    ] {
        let manager = ServiceManager::with([tcp.try_clone().unwrap().into(), socket]);
        let Err(finished) = manager.try_start("") else {
            panic!("it must not start");
        };
        let words = ["cannot serve file descriptor 4, which LISTEN_FDS hands over", why];
        finished.expect_error_line(1, &words);
    }
}
