use super::super::stats::tests::Notes;
use super::*;
use crate::error::ErrorKind;
use proptest::prelude::*;

fn per_second(messages: u64) -> Rate {
    Rate { period: Duration::from_secs(1), messages }
}

/// A timetable without an end.
fn endless(rate: Rate, start: Instant) -> Timetable {
    Timetable::new(rate, (start, start), None, None)
}

#[test]
fn a_closed_loop_fills_its_window_and_times_from_the_sending() {
    let mut schedule = Schedule::closed(4);
    let now = Instant::now();
    assert_eq!((schedule.ready(0, now), schedule.ready(3, now)), (4, 1));
    assert_eq!(schedule.next_batch(4, now), Batch { first: 0, count: 4, since: now });
    assert_eq!(schedule.next_batch(1, now).first, 4);
}

#[test]
fn an_open_loop_has_nothing_to_send_before_it_is_due() {
    let start = Instant::now();
    let schedule = Schedule::open(endless(per_second(10), start), (0, 1), 2);
    let now = start + Duration::from_millis(200);
    let before = now - Duration::from_nanos(1);
    assert_eq!((schedule.backlog(start), schedule.backlog(before)), (1, 2));
    let ready = [0, 1, 2].map(|in_flight| schedule.ready(in_flight, now));
    assert_eq!((schedule.backlog(now), ready), (3, [2, 1, 0]));
    assert_eq!([start, before].map(|now| schedule.ready(0, now)), [1, 2]);
    assert!(schedule.is_open() && !Schedule::closed(2).is_open());
}

#[test]
fn a_message_that_is_sent_late_is_timed_from_when_it_was_due() {
    let start = Instant::now();
    let mut schedule = Schedule::open(endless(per_second(10), start), (0, 1), 1);
    let late = start + Duration::from_secs(5);
    assert_eq!(schedule.next_batch(2, late), Batch { first: 0, count: 1, since: start });
    assert_eq!(schedule.next_batch(1, late).since, start + Duration::from_millis(100));
}

#[test]
fn what_has_not_left_has_been_due_since_its_time() {
    let start = Instant::now();
    let mut schedule = Schedule::open(endless(per_second(10), start), (1, 2), 9);
    let first = start + Duration::from_millis(100);
    assert_eq!(schedule.due_since(first - Duration::from_nanos(1)), None);
    assert_eq!(schedule.due_since(first + Duration::from_secs(1)), Some(first));
    schedule.next_batch(1, first);
    let second = start + Duration::from_millis(300);
    assert_eq!([first, second].map(|now| schedule.due_since(now)), [None, Some(second)]);
    assert_eq!(Schedule::closed(9).due_since(second), None);
}

#[test]
fn what_did_not_leave_is_due_again() {
    let start = Instant::now();
    let mut schedule = Schedule::open(endless(per_second(1), start), (0, 1), 9);
    let now = start + Duration::from_secs(4);
    let first = [(); 5].map(|()| schedule.next_batch(1, now));
    schedule.put_back(2);
    assert_eq!(schedule.backlog(now), 2);
    assert_eq!([(); 2].map(|()| schedule.next_batch(1, now)), first[3..]);

    let mut quota = Quota::new(start, None, Some(5));
    assert_eq!(quota.take_quota(5, now), 5);
    quota.put_back(2, now);
    quota.put_back(3, start - Duration::from_nanos(1));
    assert_eq!(quota.take_quota(9, now), 2, "those of the warm-up are not in the quota");
}

#[test]
fn what_is_given_up_is_lost_for_its_reason_and_not_due_any_more() {
    let start = Instant::now();
    let mut schedule = Schedule::open(endless(per_second(10), start), (0, 1), 9);
    let now = start + Duration::from_millis(250);
    schedule.next_batch(1, now);
    let (mut notes, why) = (Notes::default(), ConnectionError::Lost(ErrorKind::Timeout));
    // The second time there is nothing left to give up.
    (0..2).for_each(|_| schedule.give_up(now, &why, &mut notes));
    assert_eq!(notes.take(), [format!("lost 1+2: {why}")]);
    assert_eq!(schedule.backlog(now), 0);
    assert_eq!(schedule.next_batch(1, now).first, 3);
}

#[test]
fn after_the_close_nothing_is_due_and_nothing_may_leave() {
    let start = Instant::now();
    for mut schedule in
        [Schedule::closed(9), Schedule::open(endless(per_second(10), start), (0, 1), 9)]
    {
        assert!(schedule.ready(0, start) > 0);
        schedule.close();
        assert_eq!((schedule.ready(0, start), schedule.due_since(start)), (0, None));
    }
}

#[test]
fn what_did_not_leave_in_the_warm_up_is_skipped() {
    let start = Instant::now();
    let mut schedule = Schedule::open(endless(per_second(10), start), (0, 1), 9);
    let warm = start + Duration::from_secs(1);
    schedule.skip_until(warm);
    assert_eq!((schedule.backlog(warm), schedule.next_batch(1, warm).since), (1, warm));
    schedule.skip_until(warm);
    assert_eq!(schedule.next_batch(1, warm).first, 11);
}

#[test]
fn progress_is_counted_from_the_end_of_the_warm_up() {
    let start = Instant::now();
    let warm = start + Duration::from_secs(1);
    let mut schedule = Schedule::open(endless(per_second(10), start), (1, 2), 9);
    // Of 20 messages in two seconds, half are this connection's; half of them count.
    let now = start + Duration::from_millis(1999);
    assert_eq!(schedule.progress(warm, now, 0), (5, 0));
    for number in 0..8 {
        assert_eq!(schedule.next_batch(1, now).first, number);
    }
    assert_eq!(schedule.progress(warm, now, 0), (5, 3));
    assert_eq!(schedule.progress(warm, now, 1), (5, 2));
    assert_eq!(schedule.progress(start, now, 0), (10, 8));
}

#[test]
fn a_number_of_messages_is_counted_from_the_end_of_the_warm_up() {
    let start = Instant::now();
    let warm = start + Duration::from_secs(1);
    let mut quota = Quota::new(warm, None, Some(5));
    assert_eq!(quota.take_quota(100, start), 100);
    assert_eq!(quota.take_quota(3, warm), 3);
    assert!(!quota.is_exhausted(warm));
    assert_eq!(quota.take_quota(3, warm), 2);
    assert_eq!(quota.take_quota(3, warm), 0);
    assert!(quota.is_exhausted(warm));

    let timetable = Timetable::new(per_second(10), (start, warm), None, Some(5));
    assert_eq!(timetable.total(), 15);
    assert_eq!(timetable.due(14), Some(warm + Duration::from_millis(400)));
    assert_eq!((timetable.due(15), timetable.due_by(warm + 2 * (warm - start))), (None, 15));
    assert_eq!(timetable.end(), Some(warm + Duration::from_millis(500)));
}

#[test]
fn nothing_is_due_at_the_end_or_after_it() {
    let start = Instant::now();
    let end = start + Duration::from_secs(1);
    let mut quota = Quota::new(start, Some(end), None);
    assert_eq!(quota.take_quota(7, end - Duration::from_nanos(1)), 7);
    assert!(!quota.is_exhausted(start));
    assert_eq!(quota.take_quota(7, end), 0);
    assert!(quota.is_exhausted(end));

    let timetable = Timetable::new(per_second(10), (start, start), Some(end), None);
    assert_eq!((timetable.total(), timetable.end()), (10, Some(end)));
}

#[test]
fn a_run_of_any_rate_and_length_has_a_total() {
    let start = Instant::now();
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    let rate = Rate { period: Duration::from_nanos(1), messages: u64::MAX };
    let timetable = Timetable::new(rate, (start, start), Some(start + year), None);
    assert_eq!(timetable.total(), u64::MAX);
    assert_eq!((timetable.end(), timetable.due_by(start + year)), (None, u64::MAX));
    let rate = Rate { period: year, messages: 1 };
    let timetable = Timetable::new(rate, (start, start), None, Some(1_000_000_000_000));
    assert_eq!(timetable.due_by(start + year), 2);
}

proptest! {
    #[test]
    fn connections_that_take_turns_send_the_whole_rate_at_even_distances(
        messages in 1..5_000_000u64, turns in 1..50u64, rounds in 1..20u64
    ) {
        let start = Instant::now();
        let timetable = endless(per_second(messages), start);
        let mut schedules: Vec<_> = (0..turns)
            .map(|turn| Schedule::open(timetable, (turn, turns), 1))
            .collect();
        for number in 0..turns * rounds {
            let schedule = &mut schedules[usize::try_from(number % turns).unwrap()];
            let due = start + per_second(messages).due(number);
            prop_assert_eq!(timetable.due(number), Some(due));
            // Several messages may be due in the same nanosecond.
            prop_assert!(schedule.backlog(due) > 0);
            prop_assert_eq!(schedule.next_batch(1, start).since, due);
        }
    }

    #[test]
    fn as_many_messages_are_due_as_have_their_time_before(
        period in 1..100_000_000_000u64, messages in 1..5_000_000_000u64, number in 0..1u64 << 40
    ) {
        let rate = Rate { period: Duration::from_nanos(period), messages };
        let due = rate.due(number);
        // All of these are due by then, and none of those behind them.
        let count = rate.due_before(due + Duration::from_nanos(1));
        prop_assert!(count > number);
        prop_assert!(rate.due(count - 1) <= due && due < rate.due(count));
        prop_assert!(rate.due_before(due) <= number);
    }

    #[test]
    fn no_rounding_adds_up(messages in 1..5_000_000u64, seconds in 0..100_000u64) {
        let due = per_second(messages).due(messages * seconds);
        prop_assert_eq!(due, Duration::from_secs(seconds));
    }
}
