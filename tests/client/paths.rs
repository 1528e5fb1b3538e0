//! Paths through a router: its firewall, its routes, its MTU, its links. What `check` says of them, and
//! what a session that is under way makes of them.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Client, Finished, RoutedPath, Server, wait_until};

/// The server's endpoints, and those of `check`, which are each TCP and UDP.
const SERVER: [&str; 2] = ["10.2.0.2:9999", "[fd00:2::2]:9999"];

/// The router's addresses at the client's end.
const ROUTER: [&str; 2] = ["10.1.0.1", "fd00:1::1"];

/// Longer than any of these paths takes.
const AMPLE: &str = "20s";

/// What the errors of a path say that sends nothing back, and of a port that is closed.
const SILENCE: &str = "dropped on the way, or nothing answers there";
const REFUSED: &str = "nothing listens there, or a firewall rejects it";

/// What a firewall does with all that goes to the server, over TCP and over UDP.
fn forward(tcp: &str, udp: &str) -> String {
    format!(
        "chain forward {{
            type filter hook forward priority 0
            tcp dport 9999 {tcp}
            udp dport 9999 {udp}
        }}"
    )
}

/// Runs `check --json` with `words` at the client's end. Returns the checks too.
#[track_caller]
fn check(path: &RoutedPath, words: &[&str]) -> (Vec<Value>, Finished) {
    let words = [&["check"], words].concat();
    let (object, finished) = path.client.run(|| Client::json(words));
    (object["checks"].as_array().unwrap_or_else(|| panic!("{object}")).clone(), finished)
}

/// Asserts that the server is reached at all of [`SERVER`].
#[track_caller]
fn expect_reached(path: &RoutedPath) {
    let (checks, finished) = check(path, &[SERVER[0], SERVER[1], "--timeout", AMPLE]);
    assert_eq!((finished.code, checks.len()), (Some(0), 4), "{finished:?}");
}

/// Asserts that nothing ever came back from either of `endpoints`, over TCP and over UDP, and why: an
/// error of this `kind`, whose message contains the `reason`, which may name the router.
#[track_caller]
fn expect_unreached(
    path: &RoutedPath,
    endpoints: [&str; 2],
    timeout: &str,
    kind: &str,
    reason: impl Fn(&str) -> String,
) {
    let (checks, finished) = check(path, &[endpoints[0], endpoints[1], "--timeout", timeout]);
    assert_eq!((finished.code, checks.len()), (Some(3), 4), "{finished:?}");
    for (checks, router) in checks.chunks(2).zip(ROUTER) {
        for check in checks {
            expect_error(check, kind, &reason(router));
        }
    }
}

/// Asserts that a check failed with an error of this `kind`, and `words` in its message.
#[track_caller]
fn expect_error(check: &Value, kind: &str, words: &str) {
    assert_eq!(check["error"]["kind"], kind, "{check}");
    let message = check["error"]["message"].as_str().expect("a string");
    assert!(message.contains(words), "'{words}' in {check}");
}

/// A path to a server that is reached.
#[track_caller]
fn path_to_a_server() -> Option<(RoutedPath, Server)> {
    let path = RoutedPath::create()?;
    let command_line = format!("{} {} --max-message 65499", SERVER[0], SERVER[1]);
    let server = path.server.run(|| Server::start(&command_line));
    expect_reached(&path);
    Some((path, server))
}

#[test]
fn a_firewall_that_drops_is_silence() {
    let Some((path, server)) = path_to_a_server() else { return };
    if !path.filter(&forward("drop", "drop")) {
        return;
    }
    expect_unreached(&path, SERVER, "300ms", "timeout", |_| SILENCE.to_owned());
    assert!(path.filter(&forward("accept", "drop")));
    let words = ["check", SERVER[0], "--timeout", "2s", "--tries", "1"];
    let finished = path.client.run(|| Client::run(words));
    let lines: Vec<_> = finished.stdout_text().lines().collect();
    assert_eq!((finished.code, lines.len()), (Some(3), 2), "{finished:?}");
    assert!(lines[0].starts_with("tcp://10.2.0.2:9999  ok  "), "{finished:?}");
    let silence = format!("udp://10.2.0.2:9999  no reply to 1 datagram within 2 s: {SILENCE}");
    assert_eq!(lines[1], silence);
    server.summary().expect(&[("opened", 3), ("exit", 3), ("greeted", 2)]);
}

#[test]
fn a_firewall_that_resets_connections_looks_like_a_closed_port() {
    let Some((path, _server)) = path_to_a_server() else { return };
    if !path.filter(&forward("reject with tcp reset", "accept")) {
        return;
    }
    for endpoint in SERVER {
        let (checks, finished) = check(&path, &[endpoint, "--timeout", AMPLE]);
        expect_error(&checks[0], "refused", REFUSED);
        assert_eq!((finished.code, &checks[1]["outcome"]), (Some(3), &json!("ok")));
    }
}

#[test]
fn a_port_that_is_closed_at_the_other_end_of_a_path_is_refused() {
    let Some(path) = RoutedPath::create() else { return };
    expect_unreached(&path, SERVER, AMPLE, "refused", |_| REFUSED.to_owned());
}

#[test]
fn a_firewall_that_rejects_in_the_place_of_a_host_is_named() {
    let Some((path, _server)) = path_to_a_server() else { return };
    let prohibited = "prohibited by a firewall or a route, says ";
    for (code, kind, reason) in [
        ("port-unreachable", "refused", "rejected by "),
        ("admin-prohibited", "unreachable", prohibited),
        ("host-unreachable", "unreachable", "No route to host (os error 113), says "),
        ("no-route", "unreachable", "Network is unreachable (os error 101), says "),
    ] {
        let reject = format!("reject with icmpx {code}");
        if !path.filter(&forward(&reject, &reject)) {
            return;
        }
        expect_unreached(&path, SERVER, AMPLE, kind, |router| format!("{reason}{router}"));
    }
}

#[test]
fn a_firewall_is_named_even_where_its_address_is_the_beginning_of_the_servers() {
    let Some(path) = RoutedPath::create() else { return };
    let reject = "reject with icmpx port-unreachable";
    if !path.filter(&forward(reject, reject)) {
        return;
    }
    path.client.shell(
        "ip route add 10.1.0.10 via 10.1.0.1
        ip route add fd00:1::10 via fd00:1::1",
    );
    path.router.shell("for to in 10.1.0.10 fd00:1::10; do ip route add $to dev servers; done");
    let endpoints = ["10.1.0.10:9999", "[fd00:1::10]:9999"];
    let rejected = |router: &str| format!("rejected by {router} (a firewall)");
    expect_unreached(&path, endpoints, AMPLE, "refused", rejected);
}

#[test]
fn a_missing_route_is_unreachable_here_and_on_the_way() {
    let Some(path) = RoutedPath::create() else { return };
    let [beyond_the_router, unknown] =
        [["10.3.0.1:9999", "[fd00:3::1]:9999"], ["10.4.0.1:9999", "[fd00:4::1]:9999"]];
    let unreachable = "Network is unreachable (os error 101)";
    expect_unreached(&path, unknown, AMPLE, "unreachable", |_| unreachable.to_owned());
    let says = |router: &str| format!("{unreachable}, says {router}");
    expect_unreached(&path, beyond_the_router, AMPLE, "unreachable", says);

    path.router.shell("for to in 10.3.0.0/16 fd00:3::/32; do ip route add prohibit $to; done");
    let says = |router: &str| format!("prohibited by a firewall or a route, says {router}");
    expect_unreached(&path, beyond_the_router, AMPLE, "unreachable", says);

    path.router.shell("for to in 10.3.0.0/16 fd00:3::/32; do ip route replace blackhole $to; done");
    expect_unreached(&path, beyond_the_router, "300ms", "timeout", |_| SILENCE.to_owned());

    path.client.shell("ip route replace blackhole 10.3.0.0/16");
    let (checks, _) = check(&path, &[beyond_the_router[0], "--timeout", AMPLE]);
    checks.iter().for_each(|check| expect_error(check, "unreachable", "a blackhole route"));

    path.client.shell("for to in 10.3.0.0/16 fd00:3::/32; do ip route replace prohibit $to; done");
    let says = |_: &str| "prohibited by this machine's own firewall or routes".to_owned();
    expect_unreached(&path, beyond_the_router, AMPLE, "unreachable", says);
}

/// A message that is too long for one packet there.
const LONG: &[&str] = &["--size", "1400", "--max-message", "65499"];

/// Lets the router forward no packet of more than 1280 bytes, in either direction.
fn narrow(path: &RoutedPath) {
    path.router.shell(
        "for to in 10.1.0.2 fd00:1::2; do ip route add $to dev clients mtu 1280; done
        for to in 10.2.0.2 fd00:2::2; do ip route add $to dev servers mtu 1280; done",
    );
}

#[test]
fn a_path_with_a_small_mtu_works_once_the_mtu_is_known() {
    let Some((path, _server)) = path_to_a_server() else { return };
    narrow(&path);
    let forget_mtu = "ip route flush cache; ip -6 route flush cache";
    // When the router drops the server's reply for its length, the message has to be sent again.
    for (scheme, tries, timeout) in [("udp", "20", "500ms"), ("tcp", "1", AMPLE)] {
        let endpoints = SERVER.map(|address| format!("{scheme}://{address}"));
        let words = [&endpoints[0], &endpoints[1], "--tries", tries, "--timeout", timeout];
        let (checks, finished) = check(&path, &[&words, LONG].concat());
        assert_eq!((finished.code, checks.len()), (Some(0), 2), "{finished:?}");
        for end in [&path.client, &path.server] {
            end.shell(forget_mtu);
        }
    }
}

#[test]
fn a_measurement_over_a_path_with_a_small_mtu_loses_the_first_datagram_at_most() {
    let Some((path, _server)) = path_to_a_server() else { return };
    narrow(&path);
    for address in SERVER {
        let endpoint = format!("udp://{address}");
        let words = ["ping", &endpoint, "--count", "20", "--interval", "20ms"];
        let (object, _) = path.client.run(|| Client::json([&words, LONG].concat()));
        assert_eq!(object["errors"]["total"], 0, "{object}");
        // The server's first reply is too long for the path as well.
        assert!(object["received"].as_u64().expect("a number") >= 10, "{object}");
    }
}

#[test]
fn a_path_that_hides_its_mtu_fails_for_long_messages_alone_and_says_so() {
    let Some((path, _server)) = path_to_a_server() else { return };
    narrow(&path);
    let hide = "chain output {
        type filter hook output priority 0
        icmp type destination-unreachable drop
        icmpv6 type packet-too-big drop
    }";
    if !path.filter(hide) {
        return;
    }
    expect_reached(&path);
    let words = [SERVER[0], SERVER[1], "--tries", "1", "--timeout", "1s"];
    let (checks, finished) = check(&path, &[&words, LONG].concat());
    // The welcome came, or the answer to a shorter datagram.
    assert_eq!((finished.code, checks.len()), (Some(1), 4), "{finished:?}");
    for checks in checks.chunks(2) {
        expect_error(&checks[0], "timeout", "a path that drops large packets");
        expect_error(&checks[1], "timeout", "or for the path's MTU");
    }
}

/// The links of a path, by the router's name for them. Without the one, the client gets no answer;
/// without the other, it gets one from the router.
const LINKS: [&str; 2] = ["clients", "servers"];

fn set_link(path: &RoutedPath, link: &str, state: &str) {
    path.router.shell(&format!("ip link set {link} {state}"));
}

#[test]
fn check_waits_until_a_link_is_up_again() {
    let Some((path, _server)) = path_to_a_server() else { return };
    for link in LINKS {
        set_link(&path, link, "down");
        let words = ["check", SERVER[0], "--wait", AMPLE, "--timeout", "500ms", "-vv", "--json"];
        let mut client = path.client.run(|| Client::start(words));
        for _ in SERVER {
            client.stderr.wait_for("trying again");
        }
        set_link(&path, link, "up");
        let finished = client.wait();
        assert_eq!(finished.code, Some(0), "{link}: {finished:?}");
        let object: Value = serde_json::from_slice(&finished.stdout).expect("an object");
        assert_eq!(object["outcome"], "ok", "{link}: {object}");
    }
}

#[test]
fn a_session_survives_a_link_that_is_down_for_less_than_its_timeout() {
    let Some((path, server)) = path_to_a_server() else { return };
    for link in LINKS {
        let words = ["-s", "tcp://10.2.0.2:9999", "-f", "-", "--timeout", AMPLE];
        let mut client = path.client.run(|| Client::start(words));
        client.input(b"Michael\n");
        client.stdout.wait_for("Hello, Michael!");
        set_link(&path, link, "down");
        let before = retransmitted(&path);
        client.input(b"Tracy\n");
        wait_until("the message is sent again", || retransmitted(&path) > before);
        set_link(&path, link, "up");
        client.stdout.wait_for("Hello, Tracy!");
        let finished = client.wait();
        assert_eq!((finished.code, &*finished.stderr), (Some(0), ""), "{link}");
        assert_eq!(finished.stdout_text(), "Welcome!\nHello, Michael!\nHello, Tracy!\n");
    }
    server.summary().expect(&[("lost", 0)]);
}

/// How many TCP segments the client's end has sent again.
fn retransmitted(path: &RoutedPath) -> u64 {
    let counters = path.client.run(|| fs::read_to_string("/proc/thread-self/net/snmp"));
    let counters = counters.expect("Linux has it");
    let mut rows = counters.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = (rows.next().expect("names"), rows.next().expect("values"));
    let mut named = names.split(' ').zip(values.split(' '));
    let (_, count) = named.find(|(name, _)| *name == "RetransSegs").expect("this one");
    count.parse().expect("a number")
}

#[test]
fn a_ping_counts_what_a_link_has_lost_and_goes_on_when_it_is_up_again() {
    let Some((path, _server)) = path_to_a_server() else { return };
    for link in LINKS {
        let words = ["ping", "udp://10.2.0.2:9999", "--interval", "50ms", "--timeout", "1s"];
        let mut client = path.client.run(|| Client::start([&words[..], &["--json"]].concat()));
        client.stderr.wait_for("rtt=");
        set_link(&path, link, "down");
        client.stderr.wait_for("lost");
        set_link(&path, link, "up");
        client.stderr.wait_for("rtt=");
        client.interrupt();
        let finished = client.wait();
        let object: Value = serde_json::from_slice(&finished.stdout).expect("an object");
        assert_eq!((finished.code, &object["outcome"]), (Some(0), &json!("ok")), "{object}");
    }
}
