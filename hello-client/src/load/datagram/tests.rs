use super::*;
use crate::cli::tests::target;
use crate::load::stats::Stats;
use crate::load::stats::tests::Notes;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

/// A session with messages of `size` bytes, that are lost after a second.
fn new_session(size: usize) -> DatagramSession {
    DatagramSession::new(&Plan::new(target(&["--timeout", "1s"]), vec![], size))
}

/// Sends `count` messages, one a millisecond, and returns their replies.
fn send(datagrams: &mut DatagramSession, count: u32, start: Instant) -> Vec<Vec<u8>> {
    let mut replies = Vec::new();
    for number in 0..count {
        let since = start + number * Duration::from_millis(1);
        datagrams.send(Batch { first: number.into(), count: 1, since }, since);
        let message = datagrams.outgoing().unwrap().to_vec();
        replies.push(greeting(&message));
        datagrams.advance(message.len(), since);
    }
    replies
}

fn receive(datagrams: &mut DatagramSession, replies: &[&Vec<u8>], now: Instant) -> Vec<String> {
    let mut notes = Notes::default();
    replies.iter().for_each(|reply| datagrams.receive(reply, now, &mut notes).unwrap());
    notes.take()
}

#[test]
fn a_message_is_its_number_and_filler() {
    let mut datagrams = new_session(16);
    let replies = send(&mut datagrams, 300, Instant::now());
    assert_eq!(replies[0], b"Hello, 000000000000....!");
    assert_eq!(replies[299], b"Hello, 00000000012b....!");
    assert_eq!(new_session(NUMBER_SIZE).message, b"000000000000");
}

#[test]
fn a_copy_is_a_duplicate_and_no_second_answer() {
    let start = Instant::now();
    let mut datagrams = new_session(16);
    let r = send(&mut datagrams, 2, start);
    let events = receive(&mut datagrams, &[&r[0], &r[0], &r[1], &r[0]], start);
    assert_eq!(events, ["answered 0+1", "duplicated", "answered 1+1", "duplicated"]);
    assert_eq!(datagrams.in_flight(), 0);
}

#[test]
fn no_reply_is_expected_any_more_to_a_message_before_one_that_was_answered() {
    let start = Instant::now();
    let mut datagrams = new_session(16);
    let r = send(&mut datagrams, 5, start);
    let sent = |number| Some(start + number * Duration::from_millis(1));
    assert_eq!(datagrams.expected_since(), sent(0));
    receive(&mut datagrams, &[&r[2]], start);
    assert_eq!(datagrams.expected_since(), sent(3));
    // Those before it are lost.
    datagrams.expire(start + SECOND + 2 * Duration::from_millis(1), &mut Notes::default()).unwrap();
    assert_eq!(datagrams.expected_since(), sent(3));
    receive(&mut datagrams, &[&r[3], &r[4]], start);
    assert_eq!(datagrams.expected_since(), None);
}

#[test]
fn two_that_change_places_are_one_reordering() {
    let start = Instant::now();
    let mut datagrams = new_session(16);
    let r = send(&mut datagrams, 4, start);
    let events = receive(&mut datagrams, &[&r[1], &r[0], &r[2], &r[3]], start);
    assert_eq!(
        events,
        ["answered 1+1", "answered 0+1", "reordered 0+1", "answered 2+1", "answered 3+1"]
    );
}

#[test]
fn a_lost_message_delays_no_other() {
    let start = Instant::now();
    let mut datagrams = new_session(16);
    let r = send(&mut datagrams, 3, start);
    assert_eq!(receive(&mut datagrams, &[&r[1], &r[2]], start), ["answered 1+1", "answered 2+1"]);
    let mut notes = Notes::default();
    datagrams.expire(start + SECOND, &mut notes).unwrap();
    assert_eq!((notes.take().len(), datagrams.in_flight()), (0, 1));
    datagrams.expire(start + SECOND + Duration::from_nanos(1), &mut notes).unwrap();
    assert_eq!(notes.take(), ["lost 0+1: no reply in time"]);
    assert_eq!(datagrams.in_flight(), 0);
}

#[test]
fn a_reply_to_a_lost_message_is_late_and_then_a_duplicate() {
    let start = Instant::now();
    let mut datagrams = new_session(16);
    let r = send(&mut datagrams, 1, start);
    let mut notes = Notes::default();
    datagrams.expire(start + 2 * SECOND, &mut notes).unwrap();
    let events = receive(&mut datagrams, &[&r[0], &r[0]], start + 2 * SECOND);
    assert_eq!(events, ["late 0+1", "duplicated"]);
}

#[test]
fn as_many_lost_messages_are_remembered_as_there_is_room_for() {
    let start = Instant::now();
    let mut datagrams = new_session(16);
    assert!(datagrams.is_ready(), "there is no welcome to wait for");
    let r = send(&mut datagrams, DatagramSession::LOST_HISTORY as u32 + 1, start);
    let later = start + 1000 * SECOND;
    datagrams.expire(later, &mut Notes::default()).unwrap();
    assert_eq!(datagrams.lost.len(), DatagramSession::LOST_HISTORY);
    // The first one is forgotten, so that its reply could be a copy.
    assert_eq!(receive(&mut datagrams, &[&r[0], &r[1]], later), ["duplicated", "late 1+1"]);
}

#[test]
fn a_message_that_leaves_late_has_its_whole_time_and_is_timed_from_when_it_was_due() {
    let due = Instant::now();
    let mut datagrams = new_session(16);
    let left = due + 5 * SECOND;
    datagrams.send(Batch { first: 0, count: 1, since: due }, left);
    let reply = greeting(datagrams.outgoing().unwrap());
    datagrams.advance(16, left);
    let mut stats = Stats::new(due);
    datagrams.expire(left + SECOND, &mut stats).unwrap();
    datagrams.receive(&reply, left + SECOND, &mut stats).unwrap();
    assert_eq!((stats.received(), stats.lost(), stats.late), (1, 0, 0));
    assert_eq!(stats.latency.summary().max, Some(6e6));
}

#[test]
fn what_has_not_left_is_given_back_and_leaves_under_its_number_again() {
    let start = Instant::now();
    let mut datagrams = new_session(16);
    send(&mut datagrams, 2, start);
    assert_eq!(datagrams.room(), 1);
    let third = Batch { first: 2, count: 1, since: start };
    datagrams.send(third, start);
    assert_eq!((datagrams.room(), datagrams.unwritten(), datagrams.in_flight()), (0, 1, 3));
    assert_eq!((datagrams.take_unwritten(), datagrams.take_unwritten()), (Some(third), None));
    assert_eq!((datagrams.in_flight(), datagrams.outgoing()), (2, None));
    datagrams.send(third, start);
    assert_eq!(datagrams.outgoing(), Some(&b"000000000002...."[..]));
}

#[test]
fn numbers_that_were_given_up_without_a_socket_are_skipped() {
    let start = Instant::now();
    let mut datagrams = new_session(16);
    let r = send(&mut datagrams, 1, start);
    let why = ConnectionError::Lost(ErrorKind::Refused);
    datagrams.disconnect(&why, start, &mut Notes::default());
    datagrams.send(Batch { first: 9, count: 1, since: start }, start);
    let reply = greeting(datagrams.outgoing().unwrap());
    datagrams.advance(16, start);
    assert_eq!(receive(&mut datagrams, &[&r[0], &reply], start), ["late 0+1", "answered 9+1"]);
}

#[test]
fn a_reply_that_is_too_late_is_lost_though_nobody_has_looked_yet() {
    let start = Instant::now();
    let mut datagrams = new_session(16);
    let r = send(&mut datagrams, 1, start);
    let events = receive(&mut datagrams, &[&r[0], &r[0]], start + 2 * SECOND);
    assert_eq!(events, ["lost 0+1: no reply in time", "late 0+1", "duplicated"]);
}

#[test]
fn what_is_no_greeting_of_ours_is_wrong_byte_for_byte() {
    let start = Instant::now();
    let mut datagrams = new_session(16);
    send(&mut datagrams, 2, start);
    for reply in [
        "Hello, 000000000001...!",
        "Hello, 000000000001....",
        "Hello, 000000000001...,!",
        "Hello, 00000000000A....!",
        "Hello, +00000000001....!",
        "Hello, 000000000002....!",
        "Hello, !",
        "",
    ] {
        let events = receive(&mut datagrams, &[&reply.into()], start);
        assert!(events[0].starts_with("wrong: the server said "), "{reply}: {events:?}");
        assert!(events[0].ends_with("expected \"Hello, 000000000001....!\""), "{events:?}");
    }
    assert_eq!(datagrams.in_flight(), 2);
}

#[test]
fn when_the_way_is_cut_all_in_flight_is_lost() {
    let start = Instant::now();
    let mut datagrams = new_session(16);
    let r = send(&mut datagrams, 3, start);
    receive(&mut datagrams, &[&r[1]], start);
    let mut notes = Notes::default();
    datagrams.disconnect(&ConnectionError::Lost(ErrorKind::Refused), start, &mut notes);
    assert_eq!(notes.take(), ["lost 0+1: connection refused", "lost 2+1: connection refused"]);
    assert_eq!(datagrams.in_flight(), 0);
}

proptest! {
    #[test]
    fn every_message_is_either_received_or_lost(
        arrivals in proptest::collection::vec((0..50usize, 0..3000u64), 0..200)
    ) {
        let start = Instant::now();
        let mut datagrams = new_session(16);
        let replies = send(&mut datagrams, 50, start);
        let mut arrivals: Vec<_> = arrivals
            .into_iter()
            .map(|(index, at)| (start + Duration::from_millis(50 + at), index))
            .collect();
        arrivals.sort_unstable();
        let mut stats = Stats::new(start);
        for (now, index) in &arrivals {
            if index % 2 == 0 {
                datagrams.expire(*now, &mut stats).unwrap();
            }
            datagrams.receive(&replies[*index], *now, &mut stats).unwrap();
        }
        datagrams.expire(start + 10 * SECOND, &mut stats).unwrap();
        prop_assert_eq!(stats.sent(), 50);
        prop_assert_eq!(datagrams.in_flight(), 0);
        let answers = stats.received() + stats.late + stats.duplicated;
        prop_assert_eq!(answers, arrivals.len() as u64);
        prop_assert!(stats.late <= stats.lost() && stats.reordered <= stats.received());
        prop_assert!(datagrams.window.is_empty());
    }
}

#[test]
fn three_lost_in_a_row_are_silence_and_any_reply_or_another_socket_ends_it() {
    let start = Instant::now();
    let mut datagrams = new_session(16);
    let mut notes = Notes::default();
    let replies = send(&mut datagrams, 6, start);
    let late = start + SECOND + Duration::from_millis(2);
    datagrams.expire(late, &mut notes).unwrap();
    assert!(!datagrams.is_silent(), "two are lost");
    datagrams.expire(late + Duration::from_millis(1), &mut notes).unwrap();
    assert!(datagrams.is_silent());
    receive(&mut datagrams, &[&replies[0]], late);
    assert!(!datagrams.is_silent(), "it is there, and slow");
    datagrams.expire(late + SECOND, &mut notes).unwrap();
    assert!(datagrams.is_silent());
    datagrams.start(&Plan::new(target(&[]), vec![], 16), late);
    assert!(!datagrams.is_silent());
}
