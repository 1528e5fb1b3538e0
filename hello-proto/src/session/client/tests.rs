use super::*;
use crate::framing::tests::delimited;
use crate::{DecodeError, ServerSession, SessionEnd, greeting};
use proptest::prelude::*;

/// A session whose server has said the welcome, in which these messages have been sent.
fn session(framing: Framing, messages: &[&[u8]]) -> ClientSession {
    let mut session = ClientSession::new(framing, 1024);
    let mut welcome = Vec::new();
    framing.encode(WELCOME, &mut welcome);
    assert_eq!(session.receive(&mut &*welcome), Ok(1));
    for message in messages {
        session.send(message, &mut Vec::new()).unwrap();
    }
    session
}

/// All that a session makes of `chunks`: the number of right replies, or the error, again and again.
fn receive<'a>(
    session: &mut ClientSession,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Result<usize, ReplyError>> {
    let mut results = Vec::new();
    for mut input in chunks {
        loop {
            match session.receive(&mut input) {
                Ok(0) => break,
                result => results.push(result),
            }
        }
        assert_eq!(input, b"", "input is used up");
    }
    results
}

fn mismatch(reply: &str, expected: Option<&str>) -> Result<usize, ReplyError> {
    let expected = expected.map(|expected| expected.as_bytes().to_vec());
    Err(ReplyError::Mismatch { reply: reply.as_bytes().to_vec(), expected })
}

#[test]
fn right_replies_are_counted_at_once() {
    let mut session = session(Framing::Line, &[b"a", b"b", b"c"]);
    let mut input = &b"Hello, a!\nHello, b!\nHel"[..];
    assert_eq!(session.receive(&mut input), Ok(2));
    assert_eq!((session.pending(), session.receive(&mut input)), (1, Ok(0)));
    assert_eq!(receive(&mut session, [&b"lo, c!\n"[..]]), [Ok(1)]);
    assert_eq!((session.pending(), session.receive_end()), (0, Ok(())));
}

#[test]
fn a_wrong_reply_stands_for_one_and_the_next_is_checked_again() {
    let input = b"Hello, a!\nHello, x!\nHello, c!\n";
    let expected = [Ok(1), mismatch("Hello, x!", Some("Hello, b!")), Ok(1)];
    let messages: [&[u8]; 3] = [b"a", b"b", b"c"];
    assert_eq!(receive(&mut session(Framing::Line, &messages), [&input[..]]), expected);
    let mut session = session(Framing::Line, &messages);
    assert_eq!(receive(&mut session, input.chunks(1)), expected);
    assert!(!session.is_closed());
}

#[test]
fn two_replies_that_change_places_are_both_wrong() {
    assert_eq!(
        receive(&mut session(Framing::Line, &[b"a", b"b"]), [&b"Hello, b!\nHello, a!\n"[..]]),
        [mismatch("Hello, b!", Some("Hello, a!")), mismatch("Hello, a!", Some("Hello, b!"))]
    );
}

#[test]
fn a_reply_that_nobody_asked_for_is_wrong_and_ends_the_session() {
    for framing in Framing::ALL {
        let mut wire = Vec::new();
        framing.encode(b"Hello, Bob!", &mut wire);
        framing.encode(b"Hello, Bob!", &mut wire);
        let mut session = session(framing, &[b"Bob"]);
        let received = receive(&mut session, [&*wire]);
        assert_eq!(received, [Ok(1), mismatch("Hello, Bob!", None)], "{framing}");
        assert!(session.is_closed());
    }
}

#[test]
fn an_error_of_the_server_is_not_taken_for_a_wrong_reply_and_ends_the_session() {
    for framing in Framing::ALL {
        let mut wire = Vec::new();
        framing.encode(b"Error: server is full", &mut wire);
        let error = ReplyError::Server(b"server is full".to_vec());
        let mut session = session(framing, &[b"Bob"]);
        assert_eq!(receive(&mut session, [&*wire, &b"more"[..]]), [Err(error)], "{framing}");
        assert!(session.is_closed());
        assert_eq!(session.receive_end(), Ok(()));
    }
}

#[test]
fn a_raw_reply_ends_at_the_expected_length_or_with_what_arrived_wrong() {
    let mut session = session(Framing::Raw, &[b"Bob", b"Eve"]);
    assert_eq!(
        receive(&mut session, [&b"Hel"[..], b"lo, Bob!Hel", b"lo; no", b"?"]),
        [Ok(1), mismatch("Hello; no", Some("Hello, Eve!")), mismatch("?", None)]
    );
}

#[test]
fn a_line_that_ends_in_cr_lf_is_as_right_as_to_say() {
    let mut session = session(Framing::Line, &[b"a", b"b"]);
    let chunks = [&b"Hello, a!\r"[..], b"\nHello, b!\n"];
    assert_eq!(receive(&mut session, chunks), [Ok(1), Ok(1)]);
}

#[test]
fn a_server_that_closes_early_is_reported_with_the_reply_that_was_pending() {
    let mut early = session(Framing::Line, &[b"Bob"]);
    assert_eq!(early.receive(&mut &b"Hello"[..]), Ok(0));
    let expected = Some(b"Hello, Bob!".to_vec());
    assert_eq!(early.receive_end(), Err(ReplyError::Closed { expected }));
    assert!(early.is_closed());

    let mut inside = session(Framing::Line, &[]);
    assert_eq!(inside.receive(&mut &b"Err"[..]), Ok(0));
    assert_eq!(inside.receive_end(), Err(ReplyError::Closed { expected: None }));
}

#[test]
fn a_reply_without_end_is_an_error_once_it_is_too_long() {
    let endless = vec![b'x'; 4096];
    let mut session = session(Framing::Line, &[b"Bob"]);
    let too_long = DecodeError::TooLong { limit: 1032 };
    assert_eq!(receive(&mut session, [&*endless]), [Err(ReplyError::Decode(too_long))]);
    assert!(session.is_closed());
}

#[test]
fn an_error_longer_than_any_greeting_is_still_read() {
    let mut session = ClientSession::new(Framing::Line, 1);
    let error = ReplyError::Server(vec![b'x'; 1000]);
    let wire = [b"Error: ", &[b'x'; 1000][..], b"\n"].concat();
    assert_eq!(session.receive(&mut &*wire), Err(error));
}

#[test]
fn a_message_that_cannot_be_sent_leaves_no_trace() {
    let (mut session, mut out) = (ClientSession::new(Framing::Line, 4), Vec::new());
    assert_eq!(session.send(b"exit", &mut out), Err(MessageError::Exit));
    assert_eq!(session.send(b"a\n", &mut out), Err(MessageError::LineFeed));
    let too_long = MessageError::TooLong { length: 5, limit: 4 };
    assert_eq!(session.send(b"12345", &mut out), Err(too_long));
    assert_eq!((session.pending(), &*out), (1, &b""[..]), "the welcome alone is pending");
}

#[test]
fn a_session_that_has_ended_refuses_to_go_on() {
    let mut out = Vec::new();
    let mut exited = session(Framing::Line, &[]);
    exited.exit(&mut out);
    exited.exit(&mut out);
    assert_eq!(exited.send(b"Bob", &mut out), Err(MessageError::SessionClosed));
    assert_eq!((&*out, exited.is_closed()), (&b"exit\n"[..], false));

    exited.receive_end().unwrap();
    let mut input = &b"Hello, Bob!\n"[..];
    assert_eq!((exited.receive(&mut input), input), (Ok(0), &b""[..]));

    let mut closed = session(Framing::Line, &[]);
    closed.receive_end().unwrap();
    closed.exit(&mut out);
    assert_eq!(closed.send(b"Bob", &mut out), Err(MessageError::SessionClosed));
    assert_eq!(out, b"exit\n");
}

#[test]
fn what_has_been_received_is_forgotten() {
    let (mut session, mut out) = (session(Framing::Line, &[]), Vec::new());
    // One reply is always pending, so that there is never a moment to forget all of them.
    session.send(b"Bob", &mut out).unwrap();
    for _ in 0..1000 {
        session.send(b"Bob", &mut out).unwrap();
        assert_eq!(session.receive(&mut &b"Hello, Bob!\n"[..]), Ok(1));
    }
    assert!(session.expected.len() < 100, "{}", session.expected.len());
}

proptest! {
    #[test]
    fn both_sides_understand_each_other_however_the_bytes_are_split(
        framing in delimited(),
        messages: Vec<Vec<u8>>, up in 1usize..40, down in 1usize..40,
    ) {
        let mut client = ClientSession::new(framing, 1024);
        let mut server = ServerSession::new(framing, 1024);
        let (mut sent, mut reply) = (Vec::new(), Vec::new());
        server.start(&mut reply);
        for message in &messages {
            let _ = client.send(message, &mut sent);
        }
        client.exit(&mut sent);
        let end = sent.chunks(up).find_map(|mut chunk| server.receive(&mut chunk, &mut reply));
        prop_assert_eq!(end, Some(SessionEnd::Exit));
        for mut chunk in reply.chunks(down) {
            while client.receive(&mut chunk).unwrap() > 0 {}
        }
        prop_assert_eq!(client.receive_end(), Ok(()));
    }

    #[test]
    fn however_the_bytes_arrive_every_reply_is_judged_alike(
        framing in delimited(),
        flaws in proptest::collection::vec(proptest::bool::weighted(0.2), 1..80),
        size in 1usize..40,
    ) {
        let mut session = session(framing, &vec![&b"Bob"[..]; flaws.len()]);
        let mut wire = Vec::new();
        for is_flawed in &flaws {
            framing.encode(&greeting(if *is_flawed { b"Eve" } else { b"Bob" }), &mut wire);
        }
        let mut judged = Vec::new();
        for result in receive(&mut session, wire.chunks(size)) {
            match result {
                Ok(count) => judged.resize(judged.len() + count, false),
                Err(_) => judged.push(true),
            }
        }
        prop_assert_eq!(judged, flaws);
    }

    #[test]
    fn no_reply_panics_a_client(bytes: Vec<u8>, size in 1usize..9, framing in 0usize..3) {
        let mut session = ClientSession::new(Framing::ALL[framing], 8);
        session.send(b"Bob", &mut Vec::new()).unwrap();
        for mut chunk in bytes.chunks(size) {
            while !chunk.is_empty() {
                let _ = session.receive(&mut chunk);
            }
        }
        let _ = session.receive_end();
    }
}
