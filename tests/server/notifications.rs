//! What a service manager is told.

use rustix::process::Signal;

use crate::harness::{Server, ServiceManager};

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
        let mut client = server.session();
        client.send(b"exit\n");
        client.expect_last(b"");
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
    let mut client = server.session();
    client.send(b"exit\n");
    client.expect_last(b"");
    server.stop();
}
