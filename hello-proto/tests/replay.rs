//! What the fuzzer checks of any input, checked of the inputs that it found interesting: one a line,
//! in hexadecimal, in `replay/inputs/TARGET.hex`. See CONTRIBUTING.md for how to look for more.

#[path = "replay/client_session.rs"]
mod client_session;
#[path = "replay/datagram.rs"]
mod datagram;
#[path = "replay/decoder.rs"]
mod decoder;
#[path = "replay/endpoint.rs"]
mod endpoint;
#[path = "replay/proxy_header.rs"]
mod proxy_header;
#[path = "replay/server_session.rs"]
mod server_session;

fn replay(inputs: &str, holds: fn(&[u8])) {
    assert!(inputs.lines().count() > 100, "there are inputs");
    for line in inputs.lines() {
        // Shown by a test that fails.
        println!("{line}");
        holds(&from_hex(line));
    }
}

fn from_hex(line: &str) -> Vec<u8> {
    let (digits, _) = line.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| {
        let pair = str::from_utf8(pair).expect("hexadecimal is ASCII");
        u8::from_str_radix(pair, 16).expect("two hexadecimal digits")
    };
    digits.iter().map(byte).collect()
}

#[test]
fn decoders_hold_for_every_interesting_input() {
    replay(include_str!("replay/inputs/decoder.hex"), decoder::holds);
}

#[test]
fn the_servers_session_holds_for_every_interesting_input() {
    replay(include_str!("replay/inputs/server_session.hex"), server_session::holds);
}

#[test]
fn the_clients_session_holds_for_every_interesting_input() {
    replay(include_str!("replay/inputs/client_session.hex"), client_session::holds);
}

#[test]
fn datagrams_hold_for_every_interesting_input() {
    replay(include_str!("replay/inputs/datagram.hex"), datagram::holds);
}

#[test]
fn endpoints_hold_for_every_interesting_input() {
    replay(include_str!("replay/inputs/endpoint.hex"), endpoint::holds);
}

#[test]
fn headers_of_a_proxy_hold_for_every_interesting_input() {
    replay(include_str!("replay/inputs/proxy_header.hex"), proxy_header::holds);
}
