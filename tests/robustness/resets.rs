//! Clients that break off, or stop sending, in each phase of a session.

use super::clients::{narrow, pipeline_until_stuck};
use super::observe::{Held, expect_all_ended};
use crate::harness::{Peer, Server};

const TOO_LONG: &[u8] = b"Error: message longer than 1024 bytes\n";

/// How far a client has come when it breaks off.
#[derive(Clone, Copy, Debug)]
enum Phase {
    BeforeTheWelcomeIsRead,
    BetweenMessages,
    InsideAMessage,
    WithRepliesOwed,
    WithRepliesNotTaken,
    AfterAnError,
}

impl Phase {
    const ALL: [Self; 6] = [
        Self::BeforeTheWelcomeIsRead,
        Self::BetweenMessages,
        Self::InsideAMessage,
        Self::WithRepliesOwed,
        Self::WithRepliesNotTaken,
        Self::AfterAnError,
    ];

    /// A client that has come so far.
    fn reach(self, server: &Server) -> Peer {
        match self {
            Self::BeforeTheWelcomeIsRead => server.connect(),
            Self::BetweenMessages => server.session(),
            Self::InsideAMessage => {
                let mut peer = server.session();
                peer.send(b"Mich");
                peer
            }
            Self::WithRepliesOwed => {
                let mut peer = server.session();
                peer.send(&b"Michael\n".repeat(1000));
                peer
            }
            Self::WithRepliesNotTaken => {
                let mut peer = narrow(&server.endpoints()[0]);
                pipeline_until_stuck(&mut peer);
                peer
            }
            Self::AfterAnError => {
                let mut peer = server.session();
                peer.send(&[b'x'; 1025]);
                peer.expect(TOO_LONG);
                peer
            }
        }
    }

    /// What a client still reads that stops sending then.
    fn left_to_read(self) -> Vec<u8> {
        match self {
            Self::BeforeTheWelcomeIsRead => b"Welcome!\n".to_vec(),
            Self::InsideAMessage => b"Hello, Mich!\n".to_vec(),
            Self::WithRepliesOwed => b"Hello, Michael!\n".repeat(1000),
            Self::BetweenMessages | Self::AfterAnError => Vec::new(),
            Self::WithRepliesNotTaken => unreachable!("it depends on how much was sent"),
        }
    }
}

#[test]
fn a_reset_in_each_phase_ends_that_session_and_no_other() {
    const ROUNDS: u64 = 3;
    let server = Server::start("tcp://127.0.0.1:0");
    let (mut witness, before) = Held::with_a_session(&server);
    for phase in Phase::ALL.repeat(ROUNDS as usize) {
        phase.reach(&server).reset();
        witness.send(b"Michael\n");
        witness.expect(b"Hello, Michael!\n");
    }
    before.expect_back(&server);
    witness.send(b"exit\n");
    witness.expect_last(b"");
    let summary = server.summary();
    summary.expect(&[("opened", 6 * ROUNDS + 1), ("exit", 1), ("sessions too-long", ROUNDS)]);
    // The server may also have read all of a session before it was reset.
    assert_eq!(summary.count("lost") + summary.count("end-of-stream"), 5 * ROUNDS, "{summary:?}");
    expect_all_ended(&summary);
}

#[test]
fn a_half_close_in_each_phase_ends_that_session_when_all_is_delivered() {
    let server = Server::start("tcp://127.0.0.1:0");
    let (witness, before) = Held::with_a_session(&server);
    for phase in Phase::ALL {
        let mut peer = phase.reach(&server);
        peer.half_close();
        if let Phase::WithRepliesNotTaken = phase {
            let heard = peer.read_to_end();
            let replies = heard.strip_prefix(b"Welcome!\n").expect("a welcome");
            assert!(replies.chunks(9).all(|reply| reply == b"Hello, !\n"));
        } else {
            peer.expect_last(&phase.left_to_read());
        }
    }
    before.expect_back(&server);
    drop(witness);
    let summary = server.summary();
    summary.expect(&[("opened", 7), ("end-of-stream", 6), ("sessions too-long", 1)]);
    expect_all_ended(&summary);
}

#[test]
fn a_client_that_is_turned_away_may_reset_or_half_close() {
    let server = Server::start("tcp://127.0.0.1:0 --max-sessions 1");
    let (mut only, before) = Held::with_a_session(&server);
    for _ in 0..20 {
        server.connect().reset();
        let mut peer = server.connect();
        peer.send(b"Michael\n");
        peer.expect(b"Error: server is full\n");
        peer.reset();
        let mut peer = server.connect();
        peer.half_close();
        peer.expect_last(b"Error: server is full\n");
    }
    before.expect_back(&server);
    only.send(b"Michael\nexit\n");
    only.expect_last(b"Hello, Michael!\n");
    let summary = server.summary();
    summary.expect(&[("opened", 1), ("refused-full", 60), ("lost", 0)]);
    expect_all_ended(&summary);
}
