//! Connections whose PROXY protocol header never ends.

use super::procfs::{NOISE, Usage};
use crate::harness::{RawClient, Server};

const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// What the server may take for one that waits, in bytes.
const MAX_MEMORY: u64 = 8 * 1024;

/// All of the longest header but its last byte.
fn unfinished() -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x20\0\x0f\xf0".to_vec();
    header.resize(4095, 0);
    header
}

#[test]
fn connections_whose_header_never_ends_take_little_memory_and_delay_no_other() {
    let server = Server::start("tcp://127.0.0.1:0 --proxy-protocol --idle-timeout 0");
    let session = || {
        let mut client = server.connect();
        client.send(LOCAL);
        client.expect(b"Welcome!\n");
        client
    };
    let _first = session();
    let before = Usage::of(&server);
    let mut waiting: Vec<RawClient> = (0..1000).map(|_| server.connect()).collect();
    let header = unfinished();
    waiting.iter_mut().for_each(|client| client.send(&header));
    let mut client = session();
    client.send(b"Michael\n");
    client.expect(b"Hello, Michael!\n");
    let now = Usage::of(&server);
    let most = before.resident + 1000 * MAX_MEMORY + NOISE;
    assert!(now.resident <= most, "{before:?} before, {now:?} now");
    // They are headers all the same, once they end.
    for client in &mut waiting {
        client.send(b"\0Tracy\n");
    }
    for client in &mut waiting {
        client.expect(b"Welcome!\nHello, Tracy!\n");
    }
    drop(waiting);
    drop(client);
    before.expect_back(&server);
    server.summary().expect(&[("opened", 1002), ("refused-proxy-header", 0)]);
}
