use super::server::server;
use super::*;
use std::net::TcpListener;

fn greet(_: u64, message: &str) -> String {
    format!("Hello, {message}!\n")
}

#[test]
fn every_message_is_counted_and_timed() {
    let endpoint = server(|_, mut wire| wire.answers(greet));
    let words = ["-s", &endpoint, "--messages", "100", "--pipeline", "4", "--warmup", "0"];
    let (told, code) = told(&words);
    assert_eq!(code, 0, "{told}");
    for (name, expected) in [("sent", 100), ("received", 100), ("lost", 0)] {
        assert_eq!(told[name], expected, "{name}");
    }
    assert_eq!((&told["endpoint"], &told["outcome"]), (&endpoint.into(), &"ok".into()));
    assert_eq!((&told["rtt_us"]["samples"], &told["errors"]["total"]), (&100.into(), &0.into()));
    assert!(told["messages_per_s"].as_f64().unwrap() > 0.0);
    assert!(told["rtt_us"]["p9999"].as_f64().unwrap() > 0.0);
    assert!(told.get("duplicated").is_none(), "a stream has no duplicates");
}

#[test]
fn many_connections_on_several_threads_share_the_messages() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || server::Wire::new(stream.unwrap()).answers(greet));
        }
    });
    let words = ["-s", &endpoint, "--messages", "1001", "--connections", "7", "--threads", "3"];
    let (told, code) = told(&[&words[..], &["--warmup", "0"]].concat());
    assert_eq!((code, &told["received"]), (0, &1001.into()), "{told}");
}

#[test]
fn a_server_that_stalls_for_a_second_is_told_by_p99_of_a_steady_rate() {
    let endpoint = server(|_, mut wire| {
        wire.answers(|number, message| {
            if number == 500 {
                thread::sleep(Duration::from_secs(1));
            }
            greet(number, message)
        });
    });
    let rate = ["--rate", "1000", "--duration", "3s", "--warmup", "0", "--timeout", "60s"];
    let (told, code) = told(&[&["-s", &endpoint], &rate[..]].concat());
    assert_eq!((code, &told["sent"]), (0, &3000.into()), "{told}");
    // A third of the messages were due in that second, and waited half of it in the mean. A closed
    // loop would have seen one of them.
    let rtt = |name: &str| told["rtt_us"][name].as_f64().unwrap();
    assert!(rtt("max") > 990_000.0, "{told}");
    assert!(rtt("p99") > 900_000.0, "{told}");
    assert!(rtt("p90") > 600_000.0, "{told}");
    assert!(rtt("mean") > 150_000.0, "{told}");
}

#[test]
fn wrong_replies_are_counted_and_the_run_goes_on() {
    let endpoint = server(|_, mut wire| {
        wire.answers(|number, message| {
            if number % 10 == 3 { "Hello, you!\n".to_owned() } else { greet(number, message) }
        });
    });
    let words = ["-s", &endpoint, "--messages", "50", "--warmup", "0", "--size", "3"];
    let (told, code) = told(&words);
    assert_eq!((&told["received"], &told["sent"]), (&45.into(), &50.into()), "{told}");
    assert_eq!((&told["errors"]["wrong_replies"], code), (&5.into(), 1));
    assert_eq!(told["error"]["kind"], "mismatch");
    let message = "wrong replies: 5; the first: the server said \"Hello, you!\", \
                   expected \"Hello, ddd!\"";
    assert_eq!(told["error"]["message"], message);
}

#[test]
fn a_restart_of_the_server_is_outlived() {
    let endpoint = server(|number, mut wire| {
        if number > 0 {
            return wire.answers(greet);
        }
        wire.says("Welcome!\n");
        for _ in 0..10 {
            let message = wire.hears().unwrap();
            wire.says(&format!("Hello, {message}!\n"));
        }
        let _ = wire.hears();
        wire.says("Error: server is shutting down\n");
    });
    let (told, code) = told(&["-s", &endpoint, "--messages", "30", "--warmup", "0"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!((&told["received"], &told["lost"]), (&29.into(), &1.into()));
    assert_eq!(told["errors"]["server_errors"]["server is shutting down"], 1);
}

#[test]
fn a_session_that_is_cut_off_is_counted_by_cause_and_opened_again() {
    let endpoint = server(|number, mut wire| match number {
        0 => {
            wire.says("Welcome!\n");
            wire.hears();
            wire.says("Hel");
        }
        // Silence, for longer than the timeout.
        1 => while wire.hears().is_some() {},
        _ => wire.answers(greet),
    });
    let words = ["-s", &endpoint, "--messages", "20", "--warmup", "0", "--timeout", "300ms"];
    let (told, code) = told(&words);
    assert_eq!((code, &told["received"], &told["lost"]), (0, &19.into(), &1.into()), "{told}");
    let cut = serde_json::json!({"timeout": 1, "closed": 1});
    assert_eq!(told["errors"]["cut_sessions"], cut);
}

#[test]
fn a_server_that_is_not_there_is_an_object_with_nulls() {
    let address = TcpListener::bind("127.77.0.2:0").unwrap().local_addr().unwrap();
    let (told, code) = told(&["-s", &address.to_string()]);
    assert_eq!((code, &told["error"]["kind"]), (3, &"refused".into()), "{told}");
    assert_eq!(told["errors"]["failed_connections"]["refused"], 1);
    assert_eq!((&told["messages_per_s"], &told["rtt_us"]["p99"]), (&Value::Null, &Value::Null));
    assert_eq!((&told["rtt_us"]["samples"], &told["outcome"]), (&0.into(), &"failed".into()));
}

#[test]
fn a_server_that_turns_everyone_away_is_told_by_its_own_words() {
    let endpoint = server(|_, mut wire| wire.says("Error: server is full\n"));
    let (told, code) = told(&["-s", &endpoint, "--duration", "300ms", "--warmup", "0"]);
    assert_eq!((code, &told["error"]["kind"]), (1, &"server".into()), "{told}");
    let message = "no message was answered: Error: server is full";
    assert_eq!(told["error"]["message"], message);
    assert!(told["errors"]["server_errors"]["server is full"].as_u64().unwrap() > 1);
}

#[test]
fn a_stop_ends_the_run_with_the_report_of_what_was_measured() {
    let stop = Arc::new(AtomicBool::new(false));
    let told_to_stop = Arc::clone(&stop);
    let endpoint = server(move |_, mut wire| {
        wire.answers(|number, message| {
            told_to_stop.store(number >= 100, Ordering::Relaxed);
            greet(number, message)
        });
    });
    let words = ["-s", &endpoint, "--messages", "1000000000", "--warmup", "0"];
    let (told, code) = told_until(&words, stop);
    assert_eq!((code, &told["outcome"]), (0, &"ok".into()), "{told}");
    assert!(told["received"].as_u64().unwrap() >= 100);
}

#[test]
fn the_report_for_a_person_has_units_and_a_shape() {
    let endpoint = server(|_, mut wire| wire.answers(greet));
    let text = text(&["-s", &endpoint, "--messages", "50", "--warmup", "0"]);
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

#[test]
fn the_distribution_is_written_and_a_file_that_cannot_be_is_told_before_anything_is_sent() {
    let endpoint = server(|_, mut wire| wire.answers(greet));
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let words = ["-s", &endpoint, "--messages", "50", "--warmup", "0", "--hdr", path];
    assert_eq!(told(&words).1, 0);
    let written = std::fs::read_to_string(path).unwrap();
    assert!(written.contains("Total count    =           50]"), "{written}");

    let unreached = ["-s", "tcp://127.0.0.1:1", "--hdr", "/no/such/directory/file"];
    let (told, code) = told(&unreached);
    assert_eq!((code, &told["error"]["kind"]), (2, &"usage".into()), "{told}");
    assert!(told["error"]["message"].as_str().unwrap().starts_with("--hdr '/no/such"));
}
