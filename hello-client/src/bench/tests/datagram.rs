use super::server::relay;
use super::*;
use std::net::UdpSocket;

/// In a closed loop of one, so that the relay sees the messages one by one.
fn closed_loop<'a>(endpoint: &'a str, messages: &'a str) -> [&'a str; 8] {
    ["-s", endpoint, "--messages", messages, "--warmup", "0", "--timeout", "1s"]
}

#[test]
fn what_a_relay_drops_doubles_and_swaps_is_counted_exactly() {
    // Of each ten messages one is dropped, two are doubled, and two change places.
    let mut kept = None;
    let endpoint = relay(move |number, greeting| match number % 10 {
        1 => vec![],
        3 | 7 => vec![greeting.clone(), greeting],
        5 => {
            kept = Some(greeting);
            vec![]
        }
        6 => vec![greeting, kept.take().unwrap()],
        _ => vec![greeting],
    });
    let words = ["--messages", "1000", "--warmup", "0", "--rate", "500", "--timeout", "5s"];
    let (report, code) = run_json(&[&["-s", &endpoint], &words[..]].concat());
    assert_eq!(code, 0, "{report}");
    for (name, expected) in [
        ("sent", 1000),
        ("received", 900),
        ("lost", 100),
        ("duplicated", 200),
        ("reordered", 100),
        ("late", 0),
    ] {
        assert_eq!(report[name], expected, "{name}: {report}");
    }
    assert_eq!(
        (&report["rtt_us"]["samples"], &report["errors"]["total"]),
        (&900.into(), &0.into())
    );
}

#[test]
fn a_reply_after_its_time_is_lost_and_late() {
    let mut kept = None;
    let endpoint = relay(move |number, greeting| match number {
        4 => {
            kept = Some(greeting);
            vec![]
        }
        5 => vec![kept.take().unwrap(), greeting],
        _ => vec![greeting],
    });
    // The fifth message holds up the sixth until it is lost.
    let (report, code) = run_json(&closed_loop(&endpoint, "10"));
    assert_eq!((code, &report["received"], &report["lost"]), (0, &9.into(), &1.into()), "{report}");
    assert_eq!(
        (&report["late"], &report["reordered"], &report["duplicated"]),
        (&1.into(), &0.into(), &0.into())
    );
}

#[test]
fn a_lost_message_does_not_stall_the_others() {
    let endpoint = relay(|number, greeting| if number == 0 { vec![] } else { vec![greeting] });
    let started = Instant::now();
    let words = ["--messages", "500", "--pipeline", "2", "--warmup", "0", "--timeout", "2s"];
    let (report, _) = run_json(&[&["-s", &endpoint], &words[..]].concat());
    assert_eq!((&report["received"], &report["lost"]), (&499.into(), &1.into()), "{report}");
    assert!(report["elapsed_s"].as_f64().unwrap() < 1.9, "{report}");
    assert!(started.elapsed() >= Duration::from_secs(2), "the lost one was waited for");
}

#[test]
fn a_wrong_datagram_is_counted_and_its_message_is_lost() {
    let endpoint = relay(|number, greeting| match number {
        3 => vec![b"Hello, you!".to_vec()],
        _ => vec![greeting],
    });
    let (report, code) = run_json(&closed_loop(&endpoint, "10"));
    assert_eq!((code, &report["error"]["kind"]), (1, &"mismatch".into()), "{report}");
    assert_eq!((&report["errors"]["wrong_replies"], &report["lost"]), (&1.into(), &1.into()));
}

#[test]
fn under_a_wait_the_server_is_asked_until_it_answers_and_that_is_not_counted() {
    let endpoint = relay(|number, greeting| if number < 2 { vec![] } else { vec![greeting] });
    let words = closed_loop(&endpoint, "5");
    let (report, code) = run_json(&[&words[..], &["--wait", "60s"]].concat());
    assert_eq!((code, &report["sent"], &report["received"]), (0, &5.into(), &5.into()), "{report}");
}

#[test]
fn a_port_where_nothing_listens_is_a_server_that_is_not_there() {
    let address = UdpSocket::bind("127.77.0.3:0").unwrap().local_addr().unwrap();
    let (report, code) = run_json(&closed_loop(&format!("udp://{address}"), "2"));
    assert_eq!((code, &report["error"]["kind"]), (3, &"refused".into()), "{report}");
    assert!(report["errors"]["cut_sessions"]["refused"].as_u64().unwrap() >= 1);
}

#[test]
fn the_report_for_a_person_has_every_count() {
    let endpoint = relay(|number, greeting| if number == 3 { vec![] } else { vec![greeting] });
    let text = run_text(&closed_loop(&endpoint, "10"));
    assert!(text.contains("Datagrams   10 sent, 9 received, 1 lost (10.00 %)\n"), "{text}");
    assert!(text.contains("0 duplicated, 0 reordered, 0 late\n"), "{text}");
}
