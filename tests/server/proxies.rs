//! Real proxies that speak the PROXY protocol: HAProxy in both versions, with its health checks, and
//! the stream module of nginx.

use crate::harness::{Client, Namespace, Nginx, Server, Summary, configuration, haproxy};

const HAPROXY: &str = "
defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
    option tcp-check
    tcp-check expect string Welcome!
    tcp-check send exit\\n
listen version-1
    bind 127.0.0.1:9001
    server hello 127.0.0.1:9999 send-proxy check inter 100ms
listen version-2
    bind 127.0.0.1:9002
    server hello 127.0.0.1:9999 send-proxy-v2 check inter 100ms
";

const NGINX: &str = "
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
events {}
stream {
    server { listen 127.0.0.1:9003; proxy_pass 127.0.0.1:9999; proxy_protocol on; }
}
";

const SERVER: &str = "tcp://127.0.0.1:9999 --proxy-protocol -v";

/// A session with the server behind port `port`, from an address that no proxy has; the client's end.
#[track_caller]
fn client(port: u16) -> String {
    let server = format!("127.0.0.1:{port}");
    let words = ["-s", &server, "--bind", "127.0.0.2", "--wait", "20s", "Michael"];
    let (object, finished) = Client::json(words);
    assert_eq!(finished.code, Some(0), "{object}");
    object["local_address"].as_str().expect("it was connected").to_owned()
}

/// Asserts that the session of each of these clients is in the log, and that no connection had no header.
#[track_caller]
fn expect_sessions(log: &str, clients: &[String]) {
    for client in clients {
        let line = format!(" opened: tcp://127.0.0.1:9999 from {client}\n");
        assert_eq!(log.matches(&line).count(), 1, "{line:?} in:\n{log}");
    }
    let summary = Summary::of(log);
    summary.expect(&[("refused-proxy-header", 0)]);
    summary.expect_all_ended();
}

#[test]
fn behind_haproxy_the_clients_are_seen_in_both_versions_and_health_checks_are_sessions() {
    let Some(network) = Namespace::create("") else { return };
    let configuration = configuration(HAPROXY);
    let Some(haproxy) = haproxy(&network, configuration.path()) else { return };
    let mut server = network.run(|| Server::start(SERVER));
    // A check of each version, and one more.
    for _ in 0..3 {
        server.process.stderr.wait_for("ended: exit; tcp://127.0.0.1:9999 from 127.0.0.1:");
    }
    let clients = network.run(|| [9001, 9002].map(client));
    drop(haproxy);
    expect_sessions(&server.stop().stderr, &clients);
}

#[test]
fn behind_nginx_the_clients_are_seen() {
    let Some(network) = Namespace::create("") else { return };
    let configuration = configuration(NGINX);
    let Some(nginx) = Nginx::start(&network, configuration.path()) else { return };
    let server = network.run(|| Server::start(SERVER));
    let clients = network.run(|| [client(9003)]);
    drop(nginx);
    expect_sessions(&server.stop().stderr, &clients);
}
