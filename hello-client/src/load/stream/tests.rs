use super::*;
use crate::cli::tests::target;
use crate::load::stats::tests::Notes;

const CLOSED: ConnectionError = ConnectionError::Lost(ErrorKind::Closed);

/// A session that times out after a second.
fn new_session(now: Instant) -> StreamSession {
    let plan = Plan::new(target(&["--timeout", "1s"]), vec![], 2);
    let mut session = StreamSession::new(&plan);
    session.start(&plan, now);
    session
}

fn outgoing(session: &mut StreamSession) -> &[u8] {
    session.outgoing().unwrap_or_default()
}

fn is_overdue(session: &mut StreamSession, now: Instant) -> bool {
    session.expire(now, &mut Notes::default()).is_err()
}

/// Sends these messages; their bytes are ready to be written.
fn send(session: &mut StreamSession, batch: Batch, now: Instant) {
    session.send(batch, now);
    session.outgoing();
}

/// A welcomed session with this many messages in flight that were sent together, and the moment.
fn session(count: u64) -> (StreamSession, Instant) {
    let now = Instant::now();
    let mut session = new_session(now);
    assert!(!session.is_ready());
    session.receive(b"Welcome!\n", now, &mut Notes::default()).unwrap();
    assert!(session.is_ready());
    if count > 0 {
        send(&mut session, Batch { first: 0, count, since: now }, now);
    }
    (session, now)
}

#[test]
fn messages_that_are_sent_together_are_written_together() {
    let (mut session, now) = session(3);
    assert_eq!(outgoing(&mut session), b"aa\nbb\ncc\n");
    session.advance(4, now);
    assert_eq!(outgoing(&mut session), b"b\ncc\n");
    session.advance(5, now);
    assert_eq!(outgoing(&mut session), b"");
}

#[test]
fn the_pattern_repeats() {
    let (mut session, now) = session(0);
    let mut written = Vec::new();
    for first in 0..30 {
        session.send(Batch { first, count: 1, since: now }, now);
        written.extend_from_slice(outgoing(&mut session));
        let length = outgoing(&mut session).len();
        session.advance(length, now);
    }
    assert_eq!(written.len(), 90);
    assert!(written.ends_with(b"yy\nzz\naa\nbb\ncc\ndd\n"));
}

#[test]
fn each_reply_is_reported_with_the_message_it_answers() {
    let (mut session, now) = session(2);
    session.advance(6, now);
    send(&mut session, Batch { first: 2, count: 2, since: now }, now);
    let mut notes = Notes::default();
    session.receive(b"Hello, aa!\nHello, bb!\nHello, cc!\n", now, &mut notes).unwrap();
    assert_eq!(notes.take(), ["answered 0+2", "answered 2+1"]);
    session.receive(b"Hello, no!\n", now, &mut notes).unwrap();
    let wrong = "wrong 3+1: the server said \"Hello, no!\", expected \"Hello, dd!\"";
    assert_eq!((notes.take(), session.in_flight()), (vec![wrong.to_owned()], 0));
}

#[test]
fn a_reply_is_expected_to_the_first_message_in_flight() {
    let (mut session, now) = session(1);
    let later = now + Duration::from_secs(1);
    send(&mut session, Batch { first: 1, count: 1, since: later }, later);
    assert_eq!(session.expected_since(), Some(now));
    for (reply, expected) in [(b"Hello, aa!\n", Some(later)), (b"Hello, bb!\n", None)] {
        session.receive(reply, later, &mut Notes::default()).unwrap();
        assert_eq!(session.expected_since(), expected);
    }
}

#[test]
fn an_error_of_the_server_ends_the_session_and_what_is_in_flight_is_lost() {
    let (mut session, now) = session(3);
    let mut notes = Notes::default();
    let replies = b"Hello, aa!\nError: server is shutting down\n";
    let why = session.receive(replies, now, &mut notes).unwrap_err();
    assert_eq!(why, ConnectionError::Server("server is shutting down".to_owned()));
    session.disconnect(&why, now, &mut notes);
    let lost = "lost 1+2: Error: server is shutting down";
    assert_eq!((notes.take(), session.in_flight()), (vec!["answered 0+1".into(), lost.into()], 0));
    assert!(!session.is_silent(), "a stream says itself that it has ended");
}

#[test]
fn what_nobody_asked_for_is_wrong_and_ends_the_session() {
    let (mut session, now) = session(0);
    let mut notes = Notes::default();
    let why = session.receive(b"Hello, aa!\n", now, &mut notes).unwrap_err();
    assert_eq!(why, ConnectionError::Lost(ErrorKind::Mismatch));
    assert_eq!(notes.take().len(), 1);
}

#[test]
fn a_session_is_overdue_only_while_something_is_pending() {
    let second = Duration::from_secs(1);
    let (mut session, now) = session(2);
    assert!(!is_overdue(&mut session, now + second));
    assert!(is_overdue(&mut session, now + 2 * second));
    let mut notes = Notes::default();
    session.receive(b"Hello, aa!\n", now + second, &mut notes).unwrap();
    assert!(!is_overdue(&mut session, now + 2 * second), "each reply has its time");
    session.receive(b"Hello, ", now + 2 * second, &mut notes).unwrap();
    assert!(is_overdue(&mut session, now + 3 * second), "a part of one has none");
    session.receive(b"bb!\n", now + 2 * second, &mut notes).unwrap();
    assert!(!is_overdue(&mut session, now + 99 * second), "nothing is pending");
    session.advance(6, now);
    send(&mut session, Batch { first: 2, count: 1, since: now }, now + 99 * second);
    assert!(!is_overdue(&mut session, now + 100 * second), "it was sent late");
    session.disconnect(&CLOSED, now, &mut notes);

    let mut unwelcomed = new_session(now);
    assert!(is_overdue(&mut unwelcomed, now + 2 * second), "the welcome is pending");
    let mut reconnected = new_session(now + 9 * second);
    assert!(!is_overdue(&mut reconnected, now + 10 * second), "since it was connected");
}

#[test]
fn there_is_room_for_as_much_as_is_written_at_once() {
    let (mut session, now) = session(1);
    session.advance(3, now);
    for _ in 0..3 {
        let count = session.room();
        send(&mut session, Batch { first: 0, count, since: now }, now);
        let length = outgoing(&mut session).len();
        assert!((0..3).contains(&(length - StreamSession::OUTPUT_HIGH_WATER)), "{length}");
        assert_eq!(session.room(), 0);
        session.advance(length, now);
    }
}

#[test]
fn what_has_not_left_as_a_whole_is_given_back() {
    let (mut session, now) = session(3);
    let later = Batch { first: 3, count: 2, since: now + Duration::from_secs(1) };
    send(&mut session, later, now);
    assert_eq!(outgoing(&mut session), b"aa\nbb\ncc\ndd\nee\n");
    assert_eq!((session.unwritten(), session.in_flight()), (5, 5));
    session.advance(4, now);
    assert_eq!((session.unwritten(), session.in_flight()), (4, 5));
    assert_eq!(session.take_unwritten(), Some(later));
    assert_eq!(session.take_unwritten(), Some(Batch { first: 1, count: 2, since: now }));
    assert_eq!((session.take_unwritten(), session.outgoing()), (None, None));
    assert_eq!(session.in_flight(), 1);
    let mut notes = Notes::default();
    session.disconnect(&CLOSED, now, &mut notes);
    assert_eq!(notes.take(), ["lost 0+1: cut off (closed)"]);
}

#[test]
fn exit_is_no_message_that_has_not_left() {
    let (mut session, now) = session(0);
    session.exit(now);
    assert_eq!(outgoing(&mut session), b"exit\n");
    assert_eq!((session.unwritten(), session.take_unwritten()), (0, None));
}

#[test]
fn the_end_of_the_stream_is_right_after_exit_when_all_is_answered() {
    for (count, exits) in [(0, false), (1, false), (1, true), (0, true)] {
        let (mut session, now) = session(count);
        if exits {
            session.exit(now);
        }
        let expected = if count == 0 && exits { Ok(()) } else { Err(CLOSED) };
        assert_eq!(session.receive_end(), expected, "{count} in flight, exit: {exits}");
    }
}
