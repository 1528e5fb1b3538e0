//! Behind a balancer: HAProxy for TCP, and the stream module of nginx for UDP. A balancer answers for a
//! server that is not there, each in its way.

use std::net::TcpStream;

use serde_json::Value;

use crate::harness::{
    Client, Namespace, Nginx, Process, Server, configuration, haproxy, wait_until,
};

/// Where the balancers take connections and datagrams. They are in a network of their own.
const ENDPOINTS: [&str; 2] = ["tcp://127.0.0.1:9000", "udp://127.0.0.1:9000"];

/// Where they expect the server.
const BACKEND: &str = "127.0.0.1:9999";

/// Without `check` it would not notice that a server is not there before it has tried for seconds.
const HAPROXY: &str = "
defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
listen hello
    bind 127.0.0.1:9000
    server hello 127.0.0.1:9999 check inter 50ms rise 1 fall 1
";

/// The other port shows that it listens.
const NGINX: &str = "
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
events {}
stream {
    server { listen 127.0.0.1:9000 udp; proxy_pass 127.0.0.1:9999; }
    server { listen 127.0.0.1:9001; proxy_pass 127.0.0.1:9999; }
}
";

/// Both balancers, without a server behind them.
struct Balancers {
    network: Namespace,
    _haproxy: Process,
    _nginx: Nginx,
}

impl Balancers {
    /// `None`, and the test is skipped, if one is not installed, or networks are not permitted.
    #[track_caller]
    fn start() -> Option<Self> {
        let network = Namespace::create("")?;
        let files = [HAPROXY, NGINX].map(configuration);
        let mut haproxy = haproxy(&network, files[0].path())?;
        let nginx = Nginx::start(&network, files[1].path())?;
        haproxy.stderr.wait_for("is DOWN");
        let is_listening = || network.run(|| TcpStream::connect("127.0.0.1:9001").is_ok());
        wait_until("nginx listens", is_listening);
        Some(Self { network, _haproxy: haproxy, _nginx: nginx })
    }
}

#[test]
fn a_balancer_without_a_server_is_no_hello_server() {
    let Some(balancers) = Balancers::start() else { return };
    let (object, finished) =
        balancers.network.run(|| Client::json(["check", ENDPOINTS[0], ENDPOINTS[1]]));
    let [tcp, udp] = &**object["checks"].as_array().expect("an array") else { panic!("{object}") };
    // One closes the connection before the welcome, the other answers with an empty datagram.
    assert_eq!(tcp["error"]["kind"], "closed", "{tcp}");
    assert_eq!(udp["error"]["kind"], "mismatch", "{udp}");
    assert_eq!(finished.code, Some(3), "{finished:?}");
}

#[test]
fn check_waits_for_the_server_behind_a_balancer() {
    let Some(balancers) = Balancers::start() else { return };
    balancers.network.run(|| {
        let words = [ENDPOINTS[0], ENDPOINTS[1], "--wait", "20s", "-v", "--json"];
        let mut client = Client::start(["check"].iter().chain(&words));
        // Both are tried at the same time, in any order.
        let waiting = ENDPOINTS.map(|_| client.stderr.wait_for("waiting for"));
        for endpoint in ENDPOINTS {
            assert!(waiting.iter().any(|line| line.contains(endpoint)), "{waiting:?}");
        }
        let _server = Server::start(BACKEND);
        let finished = client.wait();
        assert_eq!(finished.code, Some(0), "{finished:?}");
        let object: Value = serde_json::from_slice(&finished.stdout).expect("an object");
        assert_eq!(object["outcome"], "ok", "{object}");
    });
}

#[test]
fn a_session_waits_for_the_server_behind_a_balancer() {
    let Some(balancers) = Balancers::start() else { return };
    balancers.network.run(|| {
        let start = |endpoint| {
            let mut client =
                Client::start(["-s", endpoint, "--wait", "20s", "-vv", "Michael", "Tracy"]);
            client.stderr.wait_for("trying again");
            client
        };
        let clients = ENDPOINTS.map(start);
        let _server = Server::start(BACKEND);
        let greeted = "Hello, Michael!\nHello, Tracy!\n";
        for (client, expected) in
            clients.into_iter().zip([&*format!("Welcome!\n{greeted}"), greeted])
        {
            let finished = client.wait();
            finished.expect_success(expected);
        }
    });
}
