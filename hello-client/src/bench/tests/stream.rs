use super::server::server;
use super::*;
use std::net::TcpListener;

fn greet(_: u64, message: &str) -> String {
    format!("Hello, {message}!\n")
}

#[test]
fn many_connections_on_several_threads_share_the_messages() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || server::Peer::new(stream.unwrap()).answer(greet));
        }
    });
    let words = ["-s", &endpoint, "--messages", "1001", "--connections", "7", "--threads", "3"];
    let (report, code) = run_json(&[&words[..], &["--warmup", "0"]].concat());
    assert_eq!((code, &report["received"]), (0, &1001.into()), "{report}");
}

#[test]
fn a_server_that_stalls_for_a_second_shows_in_p99_of_a_steady_rate() {
    let endpoint = server(|_, mut peer| {
        peer.answer(|number, message| {
            if number == 500 {
                thread::sleep(Duration::from_secs(1));
            }
            greet(number, message)
        });
    });
    let rate = ["--rate", "1000", "--duration", "3s", "--warmup", "0", "--timeout", "60s"];
    let (report, code) = run_json(&[&["-s", &endpoint], &rate[..]].concat());
    assert_eq!((code, &report["sent"]), (0, &3000.into()), "{report}");
    // A third of the messages were due in that second, and waited half of it in the mean. A closed
    // loop would have seen one of them.
    let rtt = |name: &str| report["rtt_us"][name].as_f64().unwrap();
    assert!(rtt("max") > 990_000.0, "{report}");
    assert!(rtt("p99") > 900_000.0, "{report}");
    assert!(rtt("p90") > 600_000.0, "{report}");
    assert!(rtt("mean") > 150_000.0, "{report}");
}

#[test]
fn wrong_replies_are_counted_and_the_run_goes_on() {
    let endpoint = server(|_, mut peer| {
        peer.answer(|number, message| {
            if number % 10 == 3 { "Hello, you!\n".to_owned() } else { greet(number, message) }
        });
    });
    let words = ["-s", &endpoint, "--messages", "50", "--warmup", "0", "--size", "3"];
    let (report, code) = run_json(&words);
    assert_eq!((&report["received"], &report["sent"]), (&45.into(), &50.into()), "{report}");
    assert_eq!((&report["errors"]["wrong_replies"], code), (&5.into(), 1));
    assert_eq!(report["error"]["kind"], "mismatch");
    let message = "wrong replies: 5; the first: the server said \"Hello, you!\", \
                   expected \"Hello, ddd!\"";
    assert_eq!(report["error"]["message"], message);
}

#[test]
fn a_restart_of_the_server_is_outlived() {
    let endpoint = server(|number, mut peer| {
        if number > 0 {
            return peer.answer(greet);
        }
        peer.send("Welcome!\n");
        for _ in 0..10 {
            let message = peer.receive().unwrap();
            peer.send(&format!("Hello, {message}!\n"));
        }
        let _ = peer.receive();
        peer.send("Error: server is shutting down\n");
    });
    let (report, code) = run_json(&["-s", &endpoint, "--messages", "30", "--warmup", "0"]);
    assert_eq!(code, 0, "{report}");
    assert_eq!((&report["received"], &report["lost"]), (&29.into(), &1.into()));
    assert_eq!(report["errors"]["server_errors"]["server is shutting down"], 1);
}

#[test]
fn a_session_that_is_cut_off_is_counted_by_cause_and_opened_again() {
    let endpoint = server(|number, mut peer| match number {
        0 => {
            peer.send("Welcome!\n");
            peer.receive();
            peer.send("Hel");
        }
        // Silence, for longer than the timeout.
        1 => while peer.receive().is_some() {},
        _ => peer.answer(greet),
    });
    let words = ["-s", &endpoint, "--messages", "20", "--warmup", "0", "--timeout", "1s"];
    let (report, code) = run_json(&words);
    assert_eq!(
        (code, &report["received"], &report["lost"]),
        (0, &19.into(), &1.into()),
        "{report}"
    );
    let cut = serde_json::json!({"timeout": 1, "closed": 1});
    assert_eq!(report["errors"]["cut_sessions"], cut);
}

#[test]
fn a_server_that_is_not_there_is_an_object_with_nulls() {
    let address = TcpListener::bind("127.77.0.2:0").unwrap().local_addr().unwrap();
    let (report, code) = run_json(&["-s", &address.to_string()]);
    assert_eq!((code, &report["error"]["kind"]), (3, &"refused".into()), "{report}");
    assert_eq!(report["errors"]["failed_connections"]["refused"], 1);
    assert_eq!((&report["messages_per_s"], &report["rtt_us"]["p99"]), (&Value::Null, &Value::Null));
    assert_eq!((&report["rtt_us"]["samples"], &report["outcome"]), (&0.into(), &"failed".into()));
}

#[test]
fn a_server_that_rejects_everyone_is_reported_in_its_own_words() {
    let endpoint = server(|_, mut peer| peer.send("Error: server is full\n"));
    let (report, code) = run_json(&["-s", &endpoint, "--duration", "2s", "--warmup", "0"]);
    assert_eq!((code, &report["error"]["kind"]), (1, &"server".into()), "{report}");
    let message = "no message was answered: Error: server is full";
    assert_eq!(report["error"]["message"], message);
    assert!(report["errors"]["server_errors"]["server is full"].as_u64().unwrap() > 1);
}

#[test]
fn the_report_for_a_person_has_units_and_a_shape() {
    let endpoint = server(|_, mut peer| peer.answer(greet));
    let text = run_text(&["-s", &endpoint, "--messages", "50", "--warmup", "0"]);
    for part in [
        &format!("{endpoint}: 1 connection, 1 in flight on each, 16 bytes a message\n"),
        "/s, 50 answered in ",
        "Errors      none\n",
        "Round trip  50 samples\n",
        "p99.99 ",
        "█",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
