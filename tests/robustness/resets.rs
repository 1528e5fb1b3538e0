//! Clients that reset or half-close in each phase of a session.

use super::hostile_clients::{pipeline_until_stuck, small_rcvbuf};
use super::procfs::Usage;
use crate::harness::{RawClient, Server, wait_until};

const TOO_LONG: &[u8] = b"Error: message longer than 1024 bytes\n";

/// A phase of a session, as a client sees it.
#[derive(Clone, Copy, Debug)]
enum Phase {
    BeforeTheWelcomeIsRead,
    BetweenMessages,
    InsideAMessage,
    WithRepliesPending,
    WithRepliesNotRead,
    AfterAnError,
}

impl Phase {
    const ALL: [Self; 6] = [
        Self::BeforeTheWelcomeIsRead,
        Self::BetweenMessages,
        Self::InsideAMessage,
        Self::WithRepliesPending,
        Self::WithRepliesNotRead,
        Self::AfterAnError,
    ];

    /// A client in this phase.
    fn reach(self, server: &Server) -> RawClient {
        match self {
            Self::BeforeTheWelcomeIsRead => server.connect(),
            Self::BetweenMessages => server.session(),
            Self::InsideAMessage => {
                let mut client = server.session();
                client.send(b"Mich");
                client
            }
            Self::WithRepliesPending => {
                let mut client = server.session();
                client.send(&b"Michael\n".repeat(1000));
                client
            }
            Self::WithRepliesNotRead => {
                let mut client = small_rcvbuf(&server.endpoints()[0]);
                pipeline_until_stuck(&mut client);
                client
            }
            Self::AfterAnError => {
                let mut client = server.session();
                client.send(&[b'x'; 1025]);
                client.expect(TOO_LONG);
                client
            }
        }
    }

    /// What a client still reads that half-closes then.
    fn left_to_read(self) -> Vec<u8> {
        match self {
            Self::BeforeTheWelcomeIsRead => b"Welcome!\n".to_vec(),
            Self::InsideAMessage => b"Hello, Mich!\n".to_vec(),
            Self::WithRepliesPending => b"Hello, Michael!\n".repeat(1000),
            Self::BetweenMessages | Self::AfterAnError => Vec::new(),
            Self::WithRepliesNotRead => unreachable!("it depends on how much was sent"),
        }
    }
}

#[test]
fn a_reset_in_each_phase_ends_that_session_and_no_other() {
    const ROUNDS: u64 = 3;
    let server = Server::start("tcp://127.0.0.1:0");
    let (mut control, before) = Usage::with_a_session(&server);
    for phase in Phase::ALL.repeat(ROUNDS as usize) {
        phase.reach(&server).reset();
        control.send(b"Michael\n");
        control.expect(b"Hello, Michael!\n");
    }
    before.expect_back(&server);
    control.send(b"exit\n");
    control.expect_last(b"");
    let summary = server.summary();
    summary.expect(&[("opened", 6 * ROUNDS + 1), ("exit", 1), ("sessions too-long", ROUNDS)]);
    // The server may also have read all of a session before it was reset.
    assert_eq!(summary.count("lost") + summary.count("end-of-stream"), 5 * ROUNDS, "{summary:?}");
    summary.expect_all_ended();
}

#[test]
fn a_half_close_in_each_phase_ends_that_session_when_all_is_delivered() {
    let server = Server::start("tcp://127.0.0.1:0");
    let (mut control, before) = Usage::with_a_session(&server);
    for phase in Phase::ALL {
        let mut client = phase.reach(&server);
        client.half_close();
        if let Phase::WithRepliesNotRead = phase {
            let received = client.read_to_end();
            let replies = received.strip_prefix(b"Welcome!\n").expect("a welcome");
            assert!(replies.chunks(9).all(|reply| reply == b"Hello, !\n"));
        } else {
            client.expect_last(&phase.left_to_read());
        }
    }
    before.expect_back(&server);
    control.half_close();
    control.expect_last(b"");
    let summary = server.summary();
    summary.expect(&[("opened", 7), ("end-of-stream", 6), ("sessions too-long", 1)]);
    summary.expect_all_ended();
}

#[test]
fn a_rejected_client_may_reset_or_half_close() {
    let server = Server::start("tcp://127.0.0.1:0 --max-sessions 1");
    let (mut only, before) = Usage::with_a_session(&server);
    for _ in 0..20 {
        server.connect().reset();
        let mut client = server.connect();
        client.send(b"Michael\n");
        client.expect(b"Error: server is full\n");
        client.reset();
        let mut client = server.connect();
        client.half_close();
        client.expect_last(b"Error: server is full\n");
    }
    before.expect_back(&server);
    only.send(b"Michael\nexit\n");
    only.expect_last(b"Hello, Michael!\n");
    let summary = server.summary();
    summary.expect(&[("opened", 1), ("refused-full", 60), ("lost", 0)]);
    summary.expect_all_ended();
}

#[test]
fn a_client_that_goes_on_after_exit_still_gets_every_reply() {
    let mut server = Server::start("tcp://127.0.0.1:0 -vv");
    for exit_comes_alone in [false, true] {
        let mut client = small_rcvbuf(&server.endpoints()[0]);
        let message = "x".repeat(100);
        client.send(format!("{message}\n").repeat(200).as_bytes());
        if exit_comes_alone {
            wait_until("the messages are read", || client.is_read_by_peer());
        }
        client.send(b"exit\n");
        // More replies than the client's buffer holds are still on their way.
        server.process.stderr.wait_for("exit\\n");
        client.send(b"late\n");
        let replies = format!("Hello, {message}!\n").repeat(200);
        client.expect_last(format!("Welcome!\n{replies}").as_bytes());
    }
    server.summary().expect(&[("opened", 2), ("exit", 2), ("messages", 400)]);
}
