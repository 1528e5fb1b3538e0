//! What a service manager is told.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;

use rustix::process::Signal;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::harness::{DEADLINE, Server, ServiceManager};

#[test]
fn a_service_manager_is_told_when_the_server_serves_and_when_it_stops() {
    for (signal, doing) in [
        (Signal::TERM, "shutting down (grace period 5s)"),
        (Signal::INT, "shutting down (grace period 5s)"),
        (Signal::QUIT, "draining (grace period 5s)"),
    ] {
        let manager = ServiceManager::new();
        let server = manager.try_start("127.0.0.1:0").expect("it starts");
        let endpoints = server.endpoints().join(" ");
        assert_eq!(manager.next_notification(), format!("READY=1\nSTATUS=serving {endpoints}\n"));
        // It is served by then.
        expect_a_session(&server);
        server.process.signal(signal);
        assert_eq!(manager.next_notification(), format!("STOPPING=1\nSTATUS={doing}\n"));
        server.stopped();
    }
}

#[test]
fn a_service_manager_that_cannot_be_told_is_warned_of_and_ends_nothing() {
    let mut server =
        Server::start_after("export NOTIFY_SOCKET=/nonexistent/notify", "tcp://127.0.0.1:0");
    server.process.stderr.wait_for("cannot tell the service manager (NOTIFY_SOCKET): ");
    expect_a_session(&server);
    server.stop();
}

#[test]
fn a_service_manager_that_does_not_read_is_not_waited_for() {
    let manager = ServiceManager::new();
    manager.fill_notifications();
    let mut server = manager.try_start("tcp://127.0.0.1:0").expect("it starts");
    server.process.stderr.wait_for("cannot tell the service manager (NOTIFY_SOCKET): ");
    expect_a_session(&server);
    server.stop();
}

#[test]
#[cfg(target_os = "linux")] // names of sockets that are not paths
fn a_service_manager_whose_socket_has_a_name_and_no_path_is_told() {
    let name = format!("hello-test-{}", std::process::id());
    let socket = Socket::new(Domain::UNIX, Type::DGRAM, None).unwrap();
    socket.bind(&SockAddr::unix(format!("\0{name}")).unwrap()).unwrap();
    let notifications = UnixDatagram::from(OwnedFd::from(socket));
    notifications.set_read_timeout(Some(DEADLINE)).unwrap();
    let setup = format!("export NOTIFY_SOCKET=@{name}");
    let server = Server::start_after(&setup, "tcp://127.0.0.1:0");
    let mut bytes = [0; 100];
    let length = notifications.recv(&mut bytes).expect("a notification");
    assert!(bytes[..length].starts_with(b"READY=1\n"), "{}", bytes.escape_ascii());
    server.stop();
}

#[track_caller]
fn expect_a_session(server: &Server) {
    let mut client = server.session();
    client.send(b"exit\n");
    client.expect_last(b"");
}
