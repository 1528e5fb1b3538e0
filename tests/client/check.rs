//! `check` on loopback: a yes or a no for each endpoint, and the reason. Across routers and firewalls
//! it is tested in `paths`.

use std::time::Instant;

use serde_json::{Value, json};

use crate::harness::{Client, FakeServer, FakeUdpServer, Process, Server, has_ipv6, wait_until};

/// The only check in the object that `check --json` with these `words` prints, and the exit code.
#[track_caller]
fn check_one(words: &[&str]) -> (Value, i32) {
    let (mut object, finished) = Client::json([&["check"], words].concat());
    assert_eq!(finished.stderr, "", "all is in the object");
    let checks = object["checks"].as_array_mut().expect("an array");
    assert_eq!(checks.len(), 1, "{checks:?}");
    let check = checks.remove(0);
    assert_eq!(object["outcome"], check["outcome"]);
    (check, finished.code.expect("an exit code"))
}

/// Asserts that the only check fails with this `code`, `kind` and reason.
#[track_caller]
fn expect_failure(words: &[&str], code: i32, kind: &str, reason: &str) {
    let (check, actual) = check_one(words);
    assert_eq!((actual, &check["error"]["kind"]), (code, &json!(kind)), "{check}");
    let message = check["error"]["message"].as_str().expect("a string");
    assert!(message.contains(reason), "'{reason}' in {message}");
    assert!(!message.contains('\n'), "one line: {message}");
}

#[test]
fn a_bare_address_is_a_line_for_tcp_and_one_for_udp() {
    let server = Server::start("127.0.0.1:0");
    let address = format!("127.0.0.1:{}", server.port());
    let finished = Client::run(["check", &address]);
    assert_eq!((finished.code, &*finished.stderr), (Some(0), ""), "{finished:?}");
    let lines: Vec<_> = finished.stdout_text().lines().collect();
    let [tcp, udp] = &*lines else { panic!("{lines:?}") };
    let start = format!("tcp://{address}  ok       {address}, connected in ");
    assert!(tcp.starts_with(&start) && tcp.contains(" ms, replied in "), "{tcp}");
    assert!(udp.starts_with(&format!("udp://{address}  ok       {address}, replied in ")), "{udp}");
    server.summary().expect(&[("opened", 1), ("exit", 1), ("messages", 1), ("greeted", 1)]);
}

#[test]
fn several_endpoints_of_all_kinds_are_checked_in_the_order_given() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display();
    let server = Server::start(&format!("127.0.0.1:0 unix://{path}/s unixgram://{path}/d"));
    let closed = FakeServer::closed();
    let given = [
        server.endpoint("udp").to_owned(),
        closed.endpoint(),
        format!("unixgram://{path}/d"),
        server.endpoint("tcp").to_owned(),
        format!("unix://{path}/s"),
        format!("unix://{path}/none"),
    ];
    // Those of -s come after the arguments.
    let words = ["check", "-s", &given[4], &given[0], &given[1], &given[2], &given[3]];
    let (object, finished) = Client::json(words.into_iter().chain(["-s", &given[5]]));
    assert_eq!((finished.code, &object["outcome"]), (Some(3), &json!("failed")));
    let field = |name: &str| -> Vec<_> {
        let checks = object["checks"].as_array().expect("an array");
        checks.iter().map(|check| check[name].clone()).collect()
    };
    assert_eq!(field("endpoint"), given);
    assert_eq!(field("outcome"), ["ok", "failed", "ok", "ok", "ok", "failed"]);
    let kinds: Vec<_> = field("error").iter().map(|error| error["kind"].clone()).collect();
    let refused = json!("refused");
    assert_eq!(
        kinds,
        [Value::Null, refused.clone(), Value::Null, Value::Null, Value::Null, refused]
    );
}

#[test]
fn the_object_of_a_check_has_its_figures() {
    let server = Server::start("127.0.0.1:0");
    for (scheme, connects) in [("tcp", true), ("udp", false)] {
        let endpoint = server.endpoint(scheme);
        let (check, code) = check_one(&[endpoint]);
        assert_eq!((code, &check["outcome"], &check["error"]), (0, &json!("ok"), &Value::Null));
        assert_eq!(check["peer_address"], format!("127.0.0.1:{}", server.port()));
        assert_eq!((&check["tries"], check["connect_us"].is_f64()), (&json!(1), connects));
        assert!(check["rtt_us"].as_f64().expect("a number") > 0.0);
        assert_eq!(check.as_object().expect("an object").len(), 7, "{check}");
    }
}

#[test]
fn with_q_only_the_exit_code_tells() {
    let server = Server::start("127.0.0.1:0");
    let closed = FakeServer::closed();
    for (endpoint, code) in [(server.endpoint("tcp"), 0), (&*closed.endpoint(), 3)] {
        let finished = Client::run(["check", "-q", endpoint]);
        let printed = (finished.stdout_text(), &*finished.stderr);
        assert_eq!((finished.code, printed), (Some(code), ("", "")));
    }
}

#[test]
fn the_default_is_the_server_of_the_environment() {
    let server = Server::start("127.0.0.1:0");
    let mut command = Client::command(["check"]);
    let address = format!("127.0.0.1:{}", server.port());
    let finished = Process::spawn(command.env("HELLO_SERVER", address)).wait();
    assert_eq!((finished.code, finished.stdout_text().lines().count()), (Some(0), 2));
}

#[test]
fn a_closed_port_is_refused_and_says_what_that_may_mean() {
    let reason = "(nothing listens there, or a firewall rejects it)";
    expect_failure(&[&FakeServer::closed().endpoint()], 3, "refused", reason);
    expect_failure(&[&FakeUdpServer::closed().endpoint()], 3, "refused", reason);
}

#[test]
fn a_name_that_does_not_exist_is_unresolved() {
    expect_failure(&["udp://no..such..host:9"], 3, "unresolved", "cannot resolve 'no..such..host'");
}

#[test]
fn silence_is_tried_again_over_udp_and_may_mean_two_things() {
    let silent = FakeUdpServer::open();
    let words = [&silent.endpoint(), "--timeout", "200ms", "--tries", "2", "--size", "3"];
    let reason = "no reply to 2 datagrams within 400 ms: dropped on the way, or nothing answers";
    expect_failure(&words, 3, "timeout", reason);
    let [first, second] = [(); 2].map(|()| silent.receive().0);
    assert_eq!((first.len(), second.len()), (3, 3));
}

#[test]
fn a_lost_datagram_is_not_a_lost_path_unless_that_is_asked_for() {
    let fake = FakeUdpServer::open();
    let answer_the_second = |fake: &FakeUdpServer| {
        fake.receive();
        fake.greet();
    };
    let endpoint = fake.endpoint();
    let words = ["check", &endpoint, "--timeout", "500ms", "--size", "4"];
    let client = Client::start(words);
    answer_the_second(&fake);
    let finished = client.wait();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stdout_text().trim_end().ends_with(" at try 2"), "{finished:?}");

    let client = Client::start(words.into_iter().chain(["--max-loss", "40%"]));
    answer_the_second(&fake);
    let finished = client.wait();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stdout_text().contains("loss 50.0 % is over --max-loss 40 %"), "{finished:?}");
}

#[test]
fn a_late_reply_is_timed_from_its_own_datagram() {
    let fake = FakeUdpServer::open();
    let endpoint = fake.endpoint();
    let client = Client::start(["check", &endpoint, "--timeout", "500ms", "--size", "4", "--json"]);
    let (first, client_address) = fake.receive();
    assert_ne!(fake.receive().0, first, "each try has its own message");
    fake.send(&[b"Hello, ", &*first, b"!"].concat(), client_address);
    let object: Value = serde_json::from_slice(&client.wait().stdout).expect("an object");
    let rtt = object["checks"][0]["rtt_us"].as_f64().expect("a number");
    assert!(rtt >= 500_000.0, "{object}");
}

#[test]
fn over_udp_a_message_that_is_too_long_for_the_server_is_told_from_silence() {
    let server = Server::start("udp://127.0.0.1:0 --max-message 100");
    let words = [server.endpoint("udp"), "--size", "200", "--timeout", "1s"];
    let reason = "but to a shorter one: too long for the server's --max-message, or for the path's \
                  MTU";
    expect_failure(&words, 1, "timeout", reason);
}

#[test]
fn an_address_that_refuses_does_not_hide_why_another_one_is_silent() {
    if !has_ipv6() {
        return;
    }
    // Wherever the server is, the other address refuses.
    for host in ["127.0.0.1", "[::1]"] {
        let server = Server::start(&format!("udp://{host}:0 --max-message 100"));
        let endpoint = format!("udp://localhost:{}", server.port());
        let words = ["check", &endpoint, "--size", "200", "--timeout", "1s"];
        let Some((object, finished)) = Client::json_with_both_localhosts(words) else { return };
        assert_eq!(finished.code, Some(1), "{finished:?}");
        let message = object["checks"][0]["error"]["message"].as_str().expect("a string");
        assert!(message.contains("too long for the server's --max-message"), "{host}: {message}");
    }
}

#[test]
fn a_measurement_tells_it_from_silence_too() {
    let server = Server::start("udp://127.0.0.1:0 --max-message 100");
    for words in ["bench --messages 2 --warmup 0", "ping --count 1"] {
        let words = words.split(' ').chain(["--size", "200", "--timeout", "1s", "-s"]);
        let finished = Client::run(words.chain([server.endpoint("udp")]));
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(
            finished.stderr.contains("too long for the server's --max-message"),
            "{finished:?}"
        );
    }
}

#[test]
fn over_tcp_the_server_says_itself_that_a_message_is_too_long() {
    let server = Server::start("tcp://127.0.0.1:0 --max-message 100");
    // It will not get shorter, so there is nothing to wait for.
    let words = [server.endpoint("tcp"), "--size", "200", "--wait", "1h"];
    expect_failure(&words, 1, "server", "message longer than 100 bytes");
}

#[test]
fn another_framing_is_recognized_by_its_welcome() {
    for server_framing in ["line", "length", "raw"] {
        let server = Server::start(&format!("tcp://127.0.0.1:0 --framing {server_framing}"));
        for framing in ["line", "length", "raw"] {
            let words = [server.endpoint("tcp"), "--framing", framing, "--timeout", "2s"];
            if framing == server_framing {
                assert_eq!(check_one(&words).1, 0);
            } else {
                let hint = format!("speaks another framing: try --framing {server_framing}");
                expect_failure(&words, 1, "mismatch", &hint);
            }
        }
    }
}

#[test]
fn a_server_that_is_full_says_so() {
    let server = Server::start("tcp://127.0.0.1:0 --max-sessions 1");
    let _first = server.session();
    expect_failure(&[server.endpoint("tcp")], 1, "server", "server is full");
}

#[test]
fn a_server_of_another_protocol_is_quoted_up_to_200_bytes() {
    let fake = FakeServer::open();
    let endpoint = fake.endpoint();
    let client = Client::start(["check", &endpoint, "--json"]);
    fake.accept().send(&[&[b'x'; 300][..], b"\n"].concat());
    let finished = client.wait();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let object: Value = serde_json::from_slice(&finished.stdout).expect("an object");
    let expected = format!(
        "not a hello server: the server said \"{}... (300 bytes)\", expected \"Welcome!\"",
        "x".repeat(200)
    );
    assert_eq!(object["checks"][0]["error"]["message"], expected);
}

#[test]
fn a_server_that_answers_before_it_is_asked_cannot_know_the_message() {
    let fake = FakeServer::open();
    let endpoint = fake.endpoint();
    let client = Client::start(["check", &endpoint, "--size", "4"]);
    let mut connection = fake.accept();
    connection.send(b"Welcome!\nHello, aaaa!\n");
    connection.half_close();
    assert_eq!(client.wait().code, Some(1));
}

#[test]
fn what_came_instead_of_a_welcome_is_shown() {
    let fake = FakeServer::open();
    for (said, expected) in [
        (&b"login: "[..], "it said \"login: \" and no more within 1s"),
        (b"Welcome!", "another framing: try --framing raw"),
        (&[b'x'; 1100], "not a hello server: it said \"xxx"),
    ] {
        let endpoint = fake.endpoint();
        let client = Client::start(["check", &endpoint, "--timeout", "1s"]);
        let mut connection = fake.accept();
        connection.send(said);
        let finished = client.wait();
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stdout_text().contains(expected), "{finished:?}");
    }
}

#[test]
fn a_welcome_that_is_cut_off_is_not_one_of_another_framing() {
    let fake = FakeServer::open();
    let endpoint = fake.endpoint();
    let client = Client::start(["check", &endpoint]);
    let mut connection = fake.accept();
    connection.send(b"Welcome!");
    connection.half_close();
    let finished = client.wait();
    assert!(finished.stdout_text().contains("it said \"Welcome!\" and closed"), "{finished:?}");
}

#[test]
fn another_framing_is_recognized_in_any_two_parts_of_its_welcome() {
    let fake = FakeServer::open();
    for (framing, welcome, ours) in [
        ("line", &b"Welcome!\n"[..], "length"),
        ("length", b"\0\0\0\x08Welcome!", "line"),
        ("length", b"\0\0\0\x08Welcome!", "raw"),
    ] {
        for cut in 1..welcome.len() {
            let endpoint = fake.endpoint();
            let words = ["check", &endpoint, "--framing", ours, "--timeout", "20s"];
            let client = Client::start(words);
            let mut connection = fake.accept();
            connection.send(&welcome[..cut]);
            wait_until("the first part is read", || connection.is_read_by_peer());
            connection.send(&welcome[cut..]);
            let finished = client.wait();
            let expected = format!("another framing: try --framing {framing}");
            assert!(finished.stdout_text().contains(&expected), "{ours}, {cut}: {finished:?}");
        }
    }
}

#[test]
fn replies_that_come_late_are_not_taken_for_a_small_mtu() {
    let fake = FakeUdpServer::open();
    let endpoint = fake.endpoint();
    let client = Client::start(["check", &endpoint, "--timeout", "1s", "--tries", "1"]);
    // Silence for the first, answers for all that come after it.
    fake.receive();
    fake.greet();
    for _ in 0..2 {
        fake.greet();
    }
    let finished = client.wait();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stdout_text().contains("but to a later one: some are lost"), "{finished:?}");
}

#[test]
fn two_sockets_with_one_port_of_ours_are_no_trouble() {
    let (one, two) = (Server::start("udp://127.0.0.1:0"), Server::start("udp://127.0.0.1:0"));
    let port = FakeUdpServer::open().endpoint().rsplit_once(':').expect("a port").1.to_owned();
    let bind = format!("127.0.0.1:{port}");
    let words = ["check", one.endpoint("udp"), two.endpoint("udp"), "--bind", &bind];
    let finished = Client::run(words);
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[test]
fn what_came_in_an_earlier_attempt_was_something() {
    let fake = FakeServer::open();
    let endpoint = fake.endpoint();
    let words = ["check", &endpoint, "--wait", "2s", "--timeout", "1s", "--json"];
    let client = Client::start(words);
    let mut connection = fake.accept();
    connection.send(b"Error: server is full\n");
    let finished = client.wait();
    assert_eq!(finished.code, Some(1), "{finished:?}");
}

#[test]
fn a_connection_without_a_welcome_has_never_answered() {
    let fake = FakeServer::open();
    let endpoint = fake.endpoint();
    expect_failure(&[&endpoint, "--timeout", "300ms"], 3, "timeout", "not a hello server");
    drop(fake.accept());

    let client = Client::start(["check", &endpoint]);
    drop(fake.accept());
    let finished = client.wait();
    assert_eq!(finished.code, Some(3), "{finished:?}");
    assert!(finished.stdout_text().contains("a balancer without a backend"), "{finished:?}");
}

#[test]
fn a_server_that_welcomes_and_then_says_nothing_is_told_from_one_that_is_not_there() {
    let fake = FakeServer::open();
    let endpoint = fake.endpoint();
    for (size, reason) in [
        ("16", "welcomed, but no reply to a message of 16 bytes within 1s: a server that is st"),
        ("900", "to a message of 900 bytes within 1s: a path that drops large packets, or"),
    ] {
        let client = Client::start(["check", &endpoint, "--timeout", "1s", "--size", size]);
        let mut connection = fake.accept();
        connection.send(b"Welcome!\n");
        let finished = client.wait();
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stdout_text().contains(reason), "{finished:?}");
    }
}

#[test]
fn an_empty_datagram_may_come_from_a_balancer() {
    let fake = FakeUdpServer::open();
    let endpoint = fake.endpoint();
    let client = Client::start(["check", &endpoint]);
    // Each try is answered so.
    for _ in 0..3 {
        let client_address = fake.receive().1;
        fake.send(b"", client_address);
    }
    let finished = client.wait();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stdout_text().contains("a balancer without a backend"), "{finished:?}");
}

#[test]
fn a_balancer_that_answers_for_one_server_of_two_is_asked_again() {
    let fake = FakeUdpServer::open();
    let endpoint = fake.endpoint();
    let client = Client::start(["check", &endpoint]);
    fake.send(b"", fake.receive().1);
    fake.greet();
    let finished = client.wait();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stdout_text().contains(" at try 2"), "{finished:?}");
}

#[test]
fn a_datagram_to_which_anything_came_is_not_counted_as_silence() {
    const EMPTY_REPLIES: u64 = 3;
    let fake = FakeUdpServer::open();
    let endpoint = fake.endpoint();
    let words = ["check", &endpoint, "--wait", "5s", "--timeout", "1s", "--tries", "1"];
    let client = Client::start(words.into_iter().chain(["--json"]));
    for _ in 0..EMPTY_REPLIES {
        let client_address = fake.receive().1;
        fake.send(b"", client_address);
    }
    let finished = client.wait();
    let object: Value = serde_json::from_slice(&finished.stdout).expect("an object");
    let check = &object["checks"][0];
    let silent = check["tries"].as_u64().expect("a number") - EMPTY_REPLIES;
    let message = check["error"]["message"].as_str().expect("a string");
    assert!(message.starts_with(&format!("no reply to {silent} datagram")), "{check}");
}

#[test]
fn thresholds_make_a_slow_path_a_failure() {
    let server = Server::start("127.0.0.1:0");
    for scheme in ["tcp", "udp"] {
        let words = [server.endpoint(scheme), "--max-p99", "1us"];
        expect_failure(&words, 1, "threshold", "is over --max-p99");
        let words =
            [server.endpoint(scheme), "--max-p99", "1m", "--max-loss", "0", "--max-errors", "0"];
        assert_eq!(check_one(&words).1, 0);
    }
}

#[test]
fn a_wait_ends_within_a_second_after_its_time_whatever_the_timeout() {
    let (fake, silent) = (FakeServer::open(), FakeUdpServer::open());
    for endpoint in [fake.endpoint(), silent.endpoint()] {
        for command in ["check", "say", "bench", "ping"] {
            let start = Instant::now();
            let words = [command, "--wait", "300ms", "--timeout", "1m", "-s", &endpoint];
            let finished = Client::run(words);
            assert_eq!(finished.code, Some(3), "{command} {endpoint}: {finished:?}");
            let took = start.elapsed().as_millis();
            assert!((300..30_000).contains(&took), "{command} {endpoint}: {took} ms");
        }
    }
}

#[test]
fn a_size_over_the_limit_is_a_usage_error_with_a_shape_of_its_own() {
    let (object, finished) = Client::json(["check", "--size", "1000000000000"]);
    finished.expect_error_line(2, &["--size 1000000000000", "at most 1024"]);
    assert_eq!((&object["outcome"], &object["error"]["kind"]), (&json!("failed"), &json!("usage")));
    assert_eq!(object.as_object().expect("an object").len(), 2, "{object}");
}
