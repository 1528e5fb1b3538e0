//! What the server answers, logs and counts, as literal bytes on raw sockets.

mod drain;
mod environment;
mod framing;
mod full;
mod idle;
mod inherited;
mod lifecycle;
mod limits;
mod listening;
mod log;
mod metrics;
mod notifications;
mod pipelining;
#[cfg(target_os = "linux")] // HAProxy and nginx in network namespaces
mod proxies;
mod proxy_protocol;
mod signals;
mod socket_file;
mod summary;
mod tcp;
mod udp;
mod units;
mod unix;
mod usage;

use crate::harness::{DatagramClient, RawClient, Server};

/// Gives a server something of everything to count: a session that has ended with `exit`, one that
/// stays open after two messages, and a datagram. Returns the one that stays, and who sent that.
#[track_caller]
fn some_of_everything(server: &Server) -> (RawClient, DatagramClient) {
    let mut exits = server.session();
    exits.send(b"exit\n");
    exits.expect_last(b"");
    let mut stays = server.session();
    stays.send(b"Michael\nTracy\n");
    stays.expect(b"Hello, Michael!\nHello, Tracy!\n");
    let mut datagrams = DatagramClient::to(server.endpoint("udp"));
    datagrams.send(b"Sarah");
    datagrams.expect(b"Hello, Sarah!");
    (stays, datagrams)
}
