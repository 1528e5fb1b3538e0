//! Which address the client goes to, and from which.

use crate::harness::{Client, FakeServer, Server, has_ipv6};

#[test]
fn option_4_takes_only_ipv4_addresses() {
    let server = Server::start("tcp://127.0.0.1:0");
    let endpoint = format!("tcp://localhost:{}", server.port());
    let (object, finished) = Client::json(["-4", "-s", &endpoint]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(object["peer_address"], format!("127.0.0.1:{}", server.port()));

    let (object, finished) = Client::json(["-4", "-s", "tcp://[::1]:9"]);
    finished.expect_error_line(3, &["IPv4"]);
    assert_eq!(object["error"]["kind"], "unresolved");
}

#[test]
fn option_6_takes_only_ipv6_addresses() {
    let (object, finished) = Client::json(["-6", "-s", "tcp://127.0.0.1:9"]);
    finished.expect_error_line(3, &["IPv6"]);
    assert_eq!(object["error"]["kind"], "unresolved");
    if !has_ipv6() {
        return;
    }
    let server = Server::start("[::1]:0");
    for (scheme, expected) in [("tcp", "Welcome!\nHello, hi!\n"), ("udp", "Hello, hi!\n")] {
        let finished = Client::run(["-6", "-s", server.endpoint(scheme), "hi"]);
        finished.expect_success(expected);
    }
    let words = ["-6", "-s", &format!("localhost:{}", server.port())];
    let Some((object, _)) = Client::json_with_both_localhosts(words) else { return };
    assert_eq!(object["peer_address"], format!("[::1]:{}", server.port()));
}

#[test]
fn every_address_of_a_name_is_tried_in_turn() {
    if !has_ipv6() {
        return;
    }
    // Wherever the server is, the other address refuses.
    for host in ["127.0.0.1", "[::1]"] {
        let server = Server::start(&format!("{host}:0"));
        for scheme in ["tcp", "udp"] {
            let endpoint = format!("{scheme}://localhost:{}", server.port());
            let tried = Client::json_with_both_localhosts(["-s", &endpoint]);
            let Some((object, finished)) = tried else { return };
            assert_eq!(finished.code, Some(0), "{finished:?}");
            assert_eq!(object["peer_address"], format!("{host}:{}", server.port()));
        }
    }
}

#[test]
fn bind_sets_the_address_that_the_server_sees() {
    let server = Server::start("127.0.0.1:0 -vv");
    for scheme in ["tcp", "udp"] {
        let words = ["--bind", "127.0.0.2", "-s", server.endpoint(scheme)];
        let (object, finished) = Client::json(words);
        assert_eq!(finished.code, Some(0), "{finished:?}");
        let local = object["local_address"].as_str().expect("an address");
        assert!(local.starts_with("127.0.0.2:"), "{local}");
    }
    let log = server.stop().stderr;
    assert!(log.contains(" from 127.0.0.2:"), "{log}");
}

#[test]
fn bind_to_an_address_of_another_machine_is_reported() {
    let fake = FakeServer::open();
    let finished = Client::run(["--bind", "192.0.2.1", "-s", &fake.endpoint()]);
    finished.expect_error_line(3, &["--bind", "192.0.2.1"]);
}

#[test]
fn v_logs_which_address_was_connected_to_and_from_which() {
    let server = Server::start("tcp://127.0.0.1:0 -v");
    let mut finished = Client::run(["-v", "-s", server.endpoint("tcp")]);
    let line = format!("connected to 127.0.0.1:{} from 127.0.0.1:", server.port());
    assert!(finished.stderr.contains(&line), "{}", finished.stderr);
    finished = Client::run(["-s", server.endpoint("tcp")]);
    assert_eq!(finished.stderr, "", "nothing is logged without -v");
}
