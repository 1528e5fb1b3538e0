//! The object that `--json` prints, on success and on failure.

use serde_json::{Value, json};

use crate::harness::{Client, FakeServer, Server};

#[test]
fn a_session_is_one_object_with_every_message_and_its_time() {
    let server = Server::start("127.0.0.1:0 -v");
    let endpoint = server.endpoint("tcp");
    let (object, finished) = Client::json(["-s", endpoint, "Michael", "Tracy"]);
    assert_eq!((finished.code, &*finished.stderr), (Some(0), ""));
    assert_eq!(
        finished.stdout_text().matches('\n').count(),
        1,
        "one line: {}",
        finished.stdout_text()
    );

    assert_eq!(object["endpoint"], endpoint);
    assert_eq!(object["peer_address"], endpoint.trim_start_matches("tcp://"));
    assert_eq!(object["welcome"], "Welcome!");
    assert_eq!((&object["outcome"], &object["error"]), (&json!("ok"), &Value::Null));
    let messages = object["messages"].as_array().expect("an array");
    assert_eq!(messages.len(), 2);
    for (exchange, name) in messages.iter().zip(["Michael", "Tracy"]) {
        assert_eq!(exchange["message"], name);
        assert_eq!(exchange["reply"], format!("Hello, {name}!"));
        assert!(exchange["rtt_us"].as_f64().expect("a number") > 0.0);
    }
    let local = object["local_address"].as_str().expect("a string").to_owned();
    let log = server.stop().stderr;
    assert!(log.contains(&format!(" from {local}\n")), "{local} in:\n{log}");
}

#[test]
fn over_udp_there_is_no_welcome() {
    let server = Server::start("127.0.0.1:0");
    let (object, finished) = Client::json(["-s", server.endpoint("udp"), "exit"]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!((&object["outcome"], &object["welcome"]), (&json!("ok"), &Value::Null));
    assert_eq!(object["messages"][0]["reply"], "Hello, exit!");
}

#[test]
fn bytes_that_are_not_utf_8_are_exact_in_hexadecimal() {
    let server = Server::start("127.0.0.1:0");
    let mut client = Client::start(["-s", server.endpoint("tcp"), "--json", "--file", "-"]);
    client.input(b"a\xff\n");
    let finished = client.wait();
    let object: Value = serde_json::from_slice(&finished.stdout).expect("an object");
    let exchange = &object["messages"][0];
    assert_eq!(
        (&exchange["message"], &exchange["message_hex"]),
        (&json!("a\u{fffd}"), &json!("61ff"))
    );
    assert_eq!(exchange["reply_hex"], "48656c6c6f2c2061ff21");
}

#[test]
fn messages_before_a_failure_are_in_the_object_with_the_error() {
    let fake = FakeServer::open();
    let client = Client::start(["-s", &fake.endpoint(), "--json", "Michael", "Tracy", "Sarah"]);
    let mut connection = fake.accept();
    connection.send(b"Welcome!\n");
    connection.expect(b"Michael\n");
    connection.send(b"Hello, Michael!\n");
    connection.expect(b"Tracy\n");
    connection.send(b"Goodbye, Tracy!\n");
    let finished = client.wait();
    assert_eq!(finished.code, Some(1));
    finished.expect_error_line(1, &["Goodbye, Tracy!", "Hello, Tracy!"]);

    let object: Value = serde_json::from_slice(&finished.stdout).expect("an object");
    assert_eq!(object["outcome"], "failed");
    assert_eq!(object["error"]["kind"], "mismatch");
    assert!(object["error"]["message"].as_str().expect("a string").contains("Goodbye, Tracy!"));
    let messages = object["messages"].as_array().expect("an array");
    assert_eq!(messages[0]["reply"], "Hello, Michael!");
    assert_eq!(messages[1]["reply"], "Goodbye, Tracy!");
    assert_eq!(messages.len(), 2);
}

#[test]
fn a_refused_connection_is_an_object_too() {
    let closed = FakeServer::closed();
    let (object, finished) = Client::json(["-s", &closed.endpoint()]);
    finished.expect_error_line(3, &[&closed.endpoint()]);
    assert_eq!(
        (&object["outcome"], &object["error"]["kind"]),
        (&json!("failed"), &json!("refused"))
    );
    assert_eq!(object["endpoint"], closed.endpoint());
    assert_eq!((&object["welcome"], &object["messages"]), (&Value::Null, &json!([])));
}

#[test]
fn a_usage_error_is_an_object_too() {
    for (words, named) in [
        (&["--wat"][..], "--wat"),
        (&["-s", "http://a:1"], "http"),
        (&["-s", "tcp://127.0.0.1:1", "a\nb"], "line feed"),
        (&["bench", "--rate", "0"], "--rate"),
        (&["bench", "--hdr", "/nosuch/folder/x"], "--hdr"),
        (&["ping", "--size", "2000"], "--size"),
    ] {
        let (object, finished) = Client::json(words);
        finished.expect_error_line(2, &[named]);
        let message = &object["error"]["message"];
        let expected = json!({"outcome": "failed", "error": {"kind": "usage", "message": message}});
        assert!(message.is_string() && object == expected, "{object}");
    }
}
