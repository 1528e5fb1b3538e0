//! Two workers without their threads, turn by turn.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::*;
use crate::admission::Admission;
use crate::config::Config;
use crate::stream::Peer;

fn two_workers() -> [Worker; 2] {
    let shared = Arc::new(Shared::new(&Config {
        addresses: vec![],
        framing: hello_proto::Framing::Line,
        workers: 2,
        udp_loops: 1,
        max_sessions: 100,
        max_sessions_per_address: 0,
        max_message: 1024,
        idle_timeout: Duration::from_secs(60),
        grace: Duration::from_secs(5),
        backlog: 16,
    }));
    let polls = [(); 2].map(|()| Poll::new().unwrap());
    let (pool, receivers) = Pool::new(&polls).unwrap();
    let mut workers =
        polls.into_iter().zip(receivers).enumerate().map(|(index, (poll, handed))| {
            Worker::new(Arc::clone(&shared), Arc::clone(&pool), index, handed, poll).unwrap()
        });
    [(); 2].map(|()| workers.next().unwrap())
}

/// A client, and its stream as the acceptor hands it over.
fn client(id: u64) -> (TcpStream, Stream, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    ours.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (theirs, address) = listener.accept().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let peer = Peer::Ip(address);
    let permit = Admission::new(1, 0).admit(&peer).unwrap();
    let stream = Stream::Tcp(mio::net::TcpStream::from_std(theirs));
    (ours, stream, Client { id, peer, _permit: permit })
}

fn expect(client: &mut TcpStream, said: &[u8]) {
    let mut heard = vec![0; said.len()];
    client.read_exact(&mut heard).unwrap();
    assert_eq!(heard.escape_ascii().to_string(), said.escape_ascii().to_string());
}

#[test]
fn a_busy_worker_hands_half_of_its_sessions_over_and_no_client_notices() {
    let [mut busy, mut idle] = two_workers();
    let mut events = Events::with_capacity(16);
    let mut turn = |worker: &mut Worker| worker.turn(&mut events, Some(Duration::ZERO)).unwrap();

    let mut clients: Vec<_> = (0..4)
        .map(|id| {
            let (ours, stream, client) = client(id);
            busy.pool.give(busy.index, stream, client);
            ours
        })
        .collect();
    turn(&mut busy);
    for client in &mut clients {
        expect(client, b"Welcome!\n");
        client.write_all(b"whole\npart").unwrap();
    }
    // Data that is on loopback is there at once.
    turn(&mut busy);
    for client in &mut clients {
        expect(client, b"Hello, whole!\n");
        // Arrives while nobody watches the stream.
        client.write_all(b"ed\n").unwrap();
    }
    busy.hand_over_half(idle.index);
    turn(&mut idle);
    turn(&mut idle);
    turn(&mut busy);
    assert_eq!((busy.sessions.len(), idle.sessions.len()), (2, 2));
    for client in &mut clients {
        expect(client, b"Hello, parted!\n");
        client.write_all(b"exit\n").unwrap();
    }
    turn(&mut busy);
    turn(&mut idle);
    assert_eq!((busy.stats.opened, busy.stats.ended(), busy.stats.messages), (4, 2, 4));
    assert_eq!((idle.stats.opened, idle.stats.ended(), idle.stats.messages), (0, 2, 4));
}
