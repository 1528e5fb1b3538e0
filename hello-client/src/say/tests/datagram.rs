use super::*;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::thread;

/// A server that answers the datagrams it gets by these, in turn, and its endpoint.
fn server<const N: usize>(answers: [&'static [&'static str]; N]) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("udp://{}", socket.local_addr().unwrap());
    thread::spawn(move || {
        for answer in answers {
            let (_, client) = socket.recv_from(&mut [0; 2048]).unwrap();
            for datagram in answer {
                socket.send_to(datagram.as_bytes(), client).unwrap();
            }
        }
        // Stays, so that what comes later is lost and not refused.
        while socket.recv(&mut [0; 2048]).is_ok() {}
    });
    endpoint
}

#[test]
fn each_message_is_answered_by_a_datagram_exit_and_nothing_too() {
    let endpoint = server([&["Hello, Bob!"], &["Hello, exit!"], &["Hello, !"]]);
    let (out, ending) = told(&["-s", &endpoint, "Bob", "exit", ""]);
    ending.unwrap();
    assert_eq!(out, "Hello, Bob!\nHello, exit!\nHello, !\n");
}

#[test]
fn a_reply_that_comes_twice_is_ignored() {
    let endpoint = server([&["Hello, a!", "Hello, a!"], &["Hello, a!", "Hello, b!"]]);
    let (out, ending) = told(&["-s", &endpoint, "a", "b"]);
    ending.unwrap();
    assert_eq!(out, "Hello, a!\nHello, b!\n");
}

#[test]
fn a_wrong_reply_is_printed_and_told_with_the_right_one() {
    let endpoint = server([&["Hello, a!"], &["Hello, c!"]]);
    let (out, ending) = told(&["-s", &endpoint, "a", "b", "c"]);
    assert_eq!(out, "Hello, a!\nHello, c!\n");
    assert_failed(ending, Kind::Mismatch, 1, "said \"Hello, c!\", expected \"Hello, b!\"");
}

#[test]
fn a_lost_message_ends_the_run() {
    let endpoint = server([&["Hello, a!"], &[]]);
    let (out, ending) = told(&["-s", &endpoint, "--timeout", "2s", "a", "b", "c"]);
    assert_eq!(out, "Hello, a!\n");
    assert_failed(ending, Kind::Timeout, 1, "within 2s, expected \"Hello, b!\"");
}

#[test]
fn a_first_message_that_is_lost_is_a_missing_reply() {
    let told = json(&["-s", &server([]), "--timeout", "200ms", "a"]);
    assert_eq!(told["messages"].to_string(), r#"[{"message":"a","reply":null,"rtt_us":null}]"#);
    assert_eq!((&told["outcome"], &told["error"]["kind"]), (&"failed".into(), &"timeout".into()));
}

#[test]
fn a_port_where_nothing_listens_is_refused() {
    let address = free_udp_address();
    let (_, ending) = told(&["-s", &format!("udp://{address}"), "a"]);
    assert_failed(ending, Kind::Refused, 3, &format!("nothing listens at {address}"));
}

#[test]
fn under_a_wait_the_first_message_is_sent_until_it_is_answered() {
    let endpoint = server([&[], &[], &["Hello, a!", "Hello, a!"], &["Hello, b!"]]);
    let (out, ending) = told(&["-s", &endpoint, "--wait", "60s", "a", "b"]);
    ending.unwrap();
    assert_eq!(out, "Hello, a!\nHello, b!\n");
}

#[test]
fn a_wrong_reply_ends_a_wait() {
    let endpoint = server([&[], &["Hello, b!"]]);
    let (_, ending) = told(&["-s", &endpoint, "--wait", "1h", "a"]);
    assert_failed(ending, Kind::Mismatch, 1, "said \"Hello, b!\", expected \"Hello, a!\"");
}

#[test]
fn when_a_wait_is_over_its_failure_tells_how_long_it_was() {
    let endpoint = format!("udp://{}", free_udp_address());
    let (_, ending) = told(&["-s", &endpoint, "--wait", "300ms", "a"]);
    assert_failed(ending, Kind::Refused, 3, "expected \"Hello, a!\" (tried for ");
}

#[test]
fn a_unix_datagram_server_can_reply_and_nothing_is_left_behind() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hello.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    thread::spawn(move || {
        let (_, client) = socket.recv_from(&mut [0; 16]).unwrap();
        socket.send_to_addr(b"Hello, Bob!", &client).unwrap();
    });
    let (out, ending) = told(&["-s", &format!("unixgram://{}", path.display()), "Bob"]);
    ending.unwrap();
    assert_eq!(out, "Hello, Bob!\n");
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1);
}

#[test]
fn a_unix_datagram_server_that_is_not_there_is_refused() {
    let (_, ending) = told(&["-s", "unixgram:///no/such/hello.sock", "Bob"]);
    assert_failed(ending, Kind::Refused, 3, "there is no socket at /no/such/hello.sock");
}

/// An address where nothing listens; no other test asks for a port of it.
fn free_udp_address() -> String {
    UdpSocket::bind("127.77.0.1:0").unwrap().local_addr().unwrap().to_string()
}
