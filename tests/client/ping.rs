//! `ping` against a real server, and against servers that a test plays.

use std::fs::File;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Client, FakeServer, FakeUdpServer, Finished, Process, Server};

/// The objects in lines of standard output.
fn objects(finished: &Finished) -> Vec<Value> {
    let lines = finished.stdout_text().lines();
    lines.map(|line| serde_json::from_str(line).expect("an object a line")).collect()
}

/// Their types, each once however many follow each other.
fn types(objects: &[Value]) -> Vec<&str> {
    let mut types: Vec<_> =
        objects.iter().map(|object| object["type"].as_str().expect("a type")).collect();
    types.dedup();
    types
}

#[test]
fn a_ping_is_a_line_each_and_a_summary() {
    let server = Server::start("127.0.0.1:0");
    for scheme in ["tcp", "udp"] {
        let words = "ping --count 3 --interval 20ms";
        let finished = Client::run(words.split(' ').chain(["-s", server.endpoint(scheme)]));
        assert_eq!(finished.code, Some(0), "{finished:?}");
        for line in ["seq=1 bytes=16 rtt=", "seq=3 ", "3 sent, 3 answered, 0 lost"] {
            assert!(
                finished.stdout_text().contains(line),
                "'{line}' in {}",
                finished.stdout_text()
            );
        }
    }
}

#[test]
fn a_ping_to_a_closed_port_exits_with_3() {
    let closed = FakeServer::closed();
    let endpoint = closed.endpoint();
    let words = "ping --count 2 --interval 20ms --timeout 100ms";
    let finished = Client::run(words.split(' ').chain(["-s", &*endpoint]));
    let address = endpoint.trim_start_matches("tcp://");
    finished.expect_error_line(3, &[&endpoint, &format!("connection refused by {address}")]);
    for line in ["seq=1 lost: connection refused\n", "seq=2 lost: connection refused\n"] {
        assert!(finished.stdout_text().contains(line), "{}", finished.stdout_text());
    }
}

#[test]
fn a_message_is_lost_as_soon_as_its_connection_is_refused() {
    let closed = FakeServer::closed();
    let endpoint = closed.endpoint();
    let words = ["ping", "--count", "1", "--timeout", "1h", "-s", &endpoint];
    let finished = Client::run(words);
    assert_eq!(finished.code, Some(3), "{finished:?}");
    let text = finished.stdout_text();
    assert!(text.contains("seq=1 lost: connection refused\n"), "{text}");
    assert!(text.contains("1 sent, 0 answered, 1 lost (100.0 %)\n"), "{text}");
}

/// Answers the first of four messages.
fn ping_with_loss(words: &str) -> (Value, Option<i32>) {
    let fake = FakeUdpServer::open();
    let endpoint = fake.endpoint();
    let always = ["ping", "--count", "4", "--interval", "5ms", "--timeout", "1s", "--json", "-s"];
    let words = always.into_iter().chain([&*endpoint]).chain(words.split_whitespace());
    let process = Client::start(words);
    fake.greet();
    let finished = process.wait();
    (serde_json::from_slice(&finished.stdout).expect("an object"), finished.code)
}

#[test]
fn loss_fails_a_ping_only_if_somebody_asked() {
    let (object, code) = ping_with_loss("");
    assert_eq!((code, &object["lost"], &object["error"]), (Some(0), &json!(3), &Value::Null));
    let (object, code) = ping_with_loss("--max-loss 75%");
    assert_eq!((code, &object["outcome"]), (Some(0), &json!("ok")));
    let (object, code) = ping_with_loss("--max-loss 50");
    let message = "loss 75.0 % is over --max-loss 50 %";
    let expected = json!({"kind": "threshold", "message": message});
    assert_eq!((code, &object["error"]), (Some(1), &expected));
}

#[cfg(target_os = "linux")]
#[test]
fn under_json_nobody_has_to_read_the_lines() {
    let server = Server::start("127.0.0.1:0");
    let words = ["ping", "--count", "300", "--interval", "1ms", "--json"];
    let words = || words.into_iter().chain(["-s", server.endpoint("tcp")]);
    let (_unread, pipe) = std::io::pipe().expect("a pipe");
    rustix::pipe::fcntl_setpipe_size(&pipe, 4096)
        .expect("less than it was, and than the lines are long");
    let unread = Process::spawn_logging_to(Stdio::from(pipe), &mut Client::command(words()));
    let full = File::options().write(true).open("/dev/full").expect("it is there");
    let on_full = Process::spawn_logging_to(Stdio::from(full), &mut Client::command(words()));
    let client = Client::command(words());
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$@\" 2>&-", "sh"]).arg(client.get_program()).args(client.get_args());
    for process in [unread, on_full, Process::spawn(&mut shell)] {
        let finished = process.wait();
        let object: Value = serde_json::from_slice(&finished.stdout).expect("an object");
        assert_eq!((finished.code, &object["received"]), (Some(0), &json!(300)), "{object}");
    }
}

#[test]
fn a_ping_that_is_interrupted_says_so() {
    let server = Server::start("127.0.0.1:0");
    for json in [false, true] {
        let words = ["ping", "--interval", "5ms", "-s", server.endpoint("udp")];
        let mut process = Client::start(words.into_iter().chain(json.then_some("--json")));
        if json { &mut process.stderr } else { &mut process.stdout }.wait_for("seq=2 ");
        process.interrupt();
        let finished = process.wait();
        assert_eq!(finished.code, Some(0), "{finished:?}");
        if json {
            let object: Value = serde_json::from_slice(&finished.stdout).expect("an object");
            assert_eq!(object["interrupted"], true, "{object}");
        } else {
            assert!(finished.stdout_text().contains(" %), interrupted\n"), "{finished:?}");
        }
    }
}

#[test]
fn a_closed_standard_output_ends_a_ping() {
    let server = Server::start("127.0.0.1:0");
    let words = ["ping", "--interval", "5ms", "-s", server.endpoint("udp")];
    let client = Client::command(words);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "\"$@\" | head -n 2", "sh"])
        .arg(client.get_program())
        .args(client.get_args());
    let finished = Process::spawn(&mut shell).wait();
    assert_eq!(finished.stdout_text().lines().count(), 2, "{finished:?}");
}

#[test]
fn an_event_is_an_object_a_line_with_its_time() {
    let server = Server::start("tcp://127.0.0.1:0");
    let words = ["ping", "--json-lines", "-c", "2", "-i", "5ms", server.endpoint("tcp")];
    let finished = Client::run(words);
    assert_eq!((finished.code, &*finished.stderr), (Some(0), ""), "{finished:?}");
    let objects = objects(&finished);
    let [first, second, summary] = &*objects else { panic!("{objects:?}") };
    for (seq, reply) in [(1, first), (2, second)] {
        let (time, rtt) = (&reply["time"], &reply["rtt_us"]);
        let expected = json!({"type": "reply", "seq": seq, "time": time, "rtt_us": rtt});
        assert!(reply == &expected && rtt.as_f64() > Some(0.0), "{reply}");
        // 2026-11-22T23:24:14.123456Z
        let time = time.as_str().expect("a time");
        assert!(time.len() == 27 && time.starts_with("20") && time.ends_with('Z'), "{time}");
    }
    assert!(first["time"].as_str() < second["time"].as_str(), "{objects:?}");
    let endpoint = &json!(server.endpoint("tcp"));
    assert_eq!((&summary["type"], &summary["endpoint"]), (&json!("summary"), endpoint));
    assert_eq!((&summary["outcome"], &summary["error"]), (&json!("ok"), &Value::Null));
    assert_eq!((&summary["received"], &summary["lost"]), (&json!(2), &json!(0)));
}

#[test]
fn a_server_that_is_stopped_and_started_again_was_down_for_that_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let endpoint = format!("unix://{}/s", folder.path().display());
    for is_json in [true, false] {
        let server = Server::start(&endpoint);
        let words = ["ping", "-i", "10ms", &endpoint];
        let json_lines = is_json.then_some("--json-lines");
        let mut client = Client::start(words.into_iter().chain(json_lines));
        client.stdout.wait_for(if is_json { "reply" } else { "rtt=" });
        server.stop();
        client.stdout.wait_for("lost");
        let server = Server::start(&endpoint);
        client.stdout.wait_for(if is_json { "\"up\"" } else { "up: was down for " });
        client.stdout.wait_for(if is_json { "reply" } else { "rtt=" });
        client.interrupt();
        let finished = client.wait();
        assert_eq!((finished.code, &*finished.stderr), (Some(0), ""), "{finished:?}");
        server.stop();
        if !is_json {
            let text = finished.stdout_text();
            let down = text.find("\ndown: Error: server is shutting down\n").expect("a line");
            let lost = text.find(" lost: ").expect("a line");
            let up = text.find("\nup: was down for ").expect("a line");
            assert!(down < lost && lost < up, "{text}");
            continue;
        }
        let objects = objects(&finished);
        assert_eq!(types(&objects), ["reply", "down", "lost", "up", "reply", "summary"]);
        let of_type = |name: &str| objects.iter().find(|object| object["type"] == name);
        let (down, up) = (of_type("down").expect("it was"), of_type("up").expect("it is"));
        assert_eq!(down["error"]["kind"], "server");
        assert!(["seq", "rtt_us", "down_s"].iter().all(|name| down.get(name).is_none()), "{down}");
        assert!(up["down_s"].as_f64() > Some(0.0), "{up}");
        let lost = of_type("lost").expect("some were");
        assert!(lost["seq"].as_u64() > Some(1) && lost.get("rtt_us").is_none(), "{lost}");
        assert!(lost["error"]["message"].is_string(), "{lost}");
    }
}

#[test]
fn a_silent_server_is_down_from_the_first_message_that_it_does_not_answer() {
    let fake = FakeUdpServer::open();
    let endpoint = fake.endpoint();
    let words = ["ping", "--json-lines", "-i", "40ms", "--timeout", "500ms", &endpoint];
    let mut client = Client::start(words);
    fake.greet();
    fake.receive();
    client.stdout.wait_for("\"lost\"");
    fake.greet();
    // On a busy machine a reply may come late.
    while !client.stdout.next().expect("an event").contains("\"up\"") {
        fake.greet();
    }
    client.interrupt();
    let objects = objects(&client.wait());
    assert_eq!(types(&objects)[..3], ["reply", "down", "lost"], "{objects:?}");
    assert_eq!(objects[1]["error"], json!({"kind": "timeout", "message": "no reply in time"}));
    let up = objects.iter().find(|object| object["type"] == "up").expect("it is");
    assert!(up["down_s"].as_f64() > Some(0.5), "{up}");
}

#[test]
fn each_endpoint_has_its_lines_and_its_summary() {
    let server = Server::start("127.0.0.1:0");
    let closed = FakeServer::closed();
    let given = [server.endpoint("tcp"), &closed.endpoint()];
    let option = ["-s", server.endpoint("udp")];
    let words = ["ping", "-c", "2", "-i", "5ms", "-D"].into_iter().chain(given).chain(option);
    let endpoints = [given[0], option[1], given[1]];
    let finished = Client::run(words);
    assert_eq!(finished.code, Some(3), "the worst of them: {finished:?}");
    let refused = format!("hello-client: {}: connection refused by ", closed.endpoint());
    assert!(finished.stderr.starts_with(&refused), "{finished:?}");
    assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
    let text = finished.stdout_text();
    let width = endpoints.iter().map(|endpoint| endpoint.len()).max().expect("some");
    let events: Vec<_> = text.lines().filter(|line| line.starts_with('[')).collect();
    for (endpoint, what) in [
        (endpoints[0], "seq=1 bytes=16 rtt="),
        (endpoints[1], "seq=2 bytes=16 rtt="),
        (endpoints[2], "down: connection refused"),
        (endpoints[2], "seq=2 lost: connection refused"),
    ] {
        let line = format!("] {endpoint:<width$}  {what}");
        assert!(events.iter().any(|event| event.contains(&line)), "'{line}' in {text}");
    }
    for event in events {
        // [1732320000.123456]
        let (time, _) = event[1..].split_once("] ").expect("a time");
        let (seconds, micros) = time.split_once('.').expect("a point");
        assert!(seconds.len() == 10 && micros.len() == 6, "{event}");
        assert!(seconds.parse::<u64>().is_ok() && micros.parse::<u64>().is_ok(), "{event}");
    }
    let summaries: Vec<_> = text.lines().filter(|line| line.starts_with("---")).collect();
    assert_eq!(summaries, [given[0], given[1], option[1]].map(|one| format!("--- {one} ---")));
}

#[test]
fn the_objects_of_several_endpoints_say_which_it_is() {
    let server = Server::start("127.0.0.1:0");
    let endpoints = [server.endpoint("tcp"), server.endpoint("udp")];
    let words = || ["ping", "-c", "2", "-i", "5ms"].into_iter().chain(endpoints);
    let (object, finished) = Client::json(words());
    assert_eq!((finished.code, &object["outcome"]), (Some(0), &json!("ok")), "{finished:?}");
    let pings = object["pings"].as_array().expect("an array");
    for (ping, endpoint) in pings.iter().zip(endpoints) {
        assert_eq!((&ping["endpoint"], &ping["received"]), (&json!(endpoint), &json!(2)));
        assert_eq!((&ping["outcome"], &ping["error"]), (&json!("ok"), &Value::Null));
    }
    let finished = Client::run(words().chain(["--json-lines"]));
    let objects = objects(&finished);
    for endpoint in endpoints {
        let of_it: Vec<_> =
            objects.iter().filter(|object| object["endpoint"] == endpoint).cloned().collect();
        assert_eq!((types(&of_it), of_it.len()), (vec!["reply", "summary"], 3), "{of_it:?}");
    }
}

#[test]
fn a_threshold_holds_for_each_endpoint() {
    let server = Server::start("tcp://127.0.0.1:0");
    let fake = FakeUdpServer::open();
    let silent = FakeUdpServer::open();
    let endpoints = [server.endpoint("tcp"), &fake.endpoint(), &silent.endpoint()];
    let words = ["ping", "-c", "2", "-i", "5ms", "--timeout", "2s", "--max-loss", "20", "--json"];
    let client = Client::start(words.into_iter().chain(endpoints));
    fake.greet();
    let finished = client.wait();
    let object: Value = serde_json::from_slice(&finished.stdout).expect("an object");
    let kinds = object["pings"].as_array().expect("an array").iter();
    let kinds: Vec<_> = kinds.map(|ping| &ping["error"]["kind"]).collect();
    assert_eq!(kinds, [&Value::Null, &json!("threshold"), &json!("timeout")]);
    assert_eq!((finished.code, &object["outcome"]), (Some(3), &json!("failed")));
}

#[test]
fn a_signal_ends_all_pings_even_one_that_still_waits_for_its_server() {
    let server = Server::start("tcp://127.0.0.1:0");
    let closed = FakeServer::closed();
    let (there, gone) = (server.endpoint("tcp"), closed.endpoint());
    let words = ["ping", "-i", "5ms", "--wait", "1h", "--json-lines", there, &gone];
    let mut client = Client::start(words);
    client.stdout.wait_for("reply");
    client.interrupt();
    let finished = client.wait();
    finished.expect_error_line(3, &[&gone, "ended before any message"]);
    let objects = objects(&finished);
    let [.., one, other] = &*objects else { panic!("{objects:?}") };
    for (summary, endpoint, outcome) in [(one, there, "ok"), (other, &*gone, "failed")] {
        let expected = json!(["summary", endpoint, outcome, true]);
        let found = ["type", "endpoint", "outcome", "interrupted"].map(|name| &summary[name]);
        assert_eq!(json!(found), expected);
    }
}

#[test]
fn under_json_lines_an_error_is_a_summary() {
    for (words, code, kind) in [
        (&["ping", "--json-lines", "--wat"][..], 2, "usage"),
        (&["ping", "--json-lines", "--json", "tcp://127.0.0.1:1"], 2, "usage"),
        (&["ping", "--json-lines", "-D"], 2, "usage"),
        (&["ping", "--json-lines", "tcp://no..such..host:1"], 3, "unresolved"),
    ] {
        let finished = Client::run(words);
        finished.expect_error_line(code, &[]);
        let objects = objects(&finished);
        let [summary] = &*objects else { panic!("{objects:?}") };
        assert_eq!((&summary["type"], &summary["outcome"]), (&json!("summary"), &json!("failed")));
        assert_eq!(summary["error"]["kind"], kind, "{summary}");
        assert_eq!(summary.as_object().map(|object| object.len() == 3), Some(kind == "usage"));
    }
}

#[test]
fn who_has_read_enough_ends_a_ping_quietly() {
    let server = Server::start("127.0.0.1:0");
    for words in [&[][..], &["--json-lines"], &[server.endpoint("udp")]] {
        let client = Client::command(["ping", "-i", "5ms", server.endpoint("tcp")]);
        let mut shell = Command::new("sh");
        shell.args(["-c", "{ \"$@\"; echo \"exit code $?\" >&2; } | head -n 3", "sh"]);
        shell.arg(client.get_program()).args(client.get_args()).args(words);
        let finished = Process::spawn(&mut shell).wait();
        assert_eq!(finished.stdout_text().lines().count(), 3, "{finished:?}");
        assert_eq!(finished.stderr, "exit code 0\n", "{finished:?}");
    }
}

#[test]
fn standard_output_that_is_full_is_an_error() {
    let server = Server::start("127.0.0.1:0");
    let client = Client::command(["ping", "-i", "5ms", server.endpoint("tcp")]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$@\" > /dev/full", "sh"]);
    shell.arg(client.get_program()).args(client.get_args());
    Process::spawn(&mut shell).wait().expect_error_line(1, &["standard output", "No space left"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_that_has_moved_is_found_by_its_name() {
    let Some(network) = crate::harness::Namespace::create("") else { return };
    let hosts = tempfile::NamedTempFile::new().expect("a file");
    // In place: the file that is mounted, not another one of that name.
    let is_at = |address: &str| {
        std::fs::write(hosts.path(), format!("{address} moves.example\n")).expect("a file");
    };
    for scheme in ["tcp", "udp"] {
        is_at("127.0.0.1");
        let endpoint = format!("{scheme}://moves.example:9999");
        let server = network.run(|| Server::start(&format!("{scheme}://127.0.0.1:9999")));
        let client = Client::command(["ping", "-v", "-i", "20ms", "--timeout", "1s", &endpoint]);
        let mut shell = Command::new("unshare");
        shell.args(["--mount", "sh", "-ec", "mount --bind \"$0\" /etc/hosts; exec \"$@\""]);
        shell.arg(hosts.path()).arg(client.get_program()).args(client.get_args());
        let mut client = network.run(|| Process::spawn(shell.env_remove("RUST_LOG")));
        client.stdout.wait_for("rtt=");
        // A socket that reads nothing: over UDP nothing is refused.
        server.stop();
        let silent =
            network.run(|| std::net::UdpSocket::bind("127.0.0.1:9999")).expect("it is free");
        client.stdout.wait_for("lost: ");
        let server = network.run(|| Server::start(&format!("{scheme}://127.0.0.2:9999")));
        is_at("127.0.0.2");
        client.stdout.wait_for("up: was down for ");
        client.interrupt();
        let finished = client.wait();
        let moved = format!("{endpoint} is now at 127.0.0.2:9999\n");
        assert!(finished.stderr.contains(&moved), "{finished:?}");
        drop((server, silent));
    }
}
