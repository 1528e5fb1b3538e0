use super::super::{Batch, ConnectionError};
use super::*;
use crate::cli::tests::target;
use crate::error::ErrorKind;
use proptest::prelude::*;
use std::sync::mpsc;

const SECOND: Duration = Duration::from_secs(1);
const LATE: ConnectionError = ConnectionError::Lost(ErrorKind::Timeout);

/// A run that is warm after half a second, and ends by the clock, if at all, after that.
fn plan(duration: Option<Duration>) -> Plan {
    let plan = Plan::new(target(&[]), vec![], 16);
    let warm_until = plan.start + SECOND / 2;
    Plan { warm_until, end: duration.map(|duration| warm_until + duration), ..plan }
}

/// A message that was answered, or lost, after this time in flight.
fn single(now: Instant, time: Duration) -> Batch {
    Batch { first: 0, count: 1, since: now - time }
}

/// The rows, and the sum, of these threads, which have ended.
fn rows(plan: &Plan, threads: Vec<Receiver<Interval>>) -> (Vec<Row>, Stats) {
    let mut rows = Vec::new();
    let mut sum = Stats::new(plan.warm_until);
    let mut from = plan.warm_until;
    while let Some(interval) = next_interval(&threads, |thread| thread.recv().ok()) {
        rows.push(Row::new(plan.warm_until, from, &interval));
        from = from.max(interval.until);
        sum.add(interval.stats);
    }
    rows.retain(|row| !row.is_empty());
    (rows, sum)
}

#[derive(Clone, Copy)]
enum What {
    Answered(Duration),
    Lost,
    Failed,
    Reached,
}

/// A thread with these events, each at its time from the end of the warm-up.
fn thread(
    plan: &Plan,
    queue: usize,
    events: impl IntoIterator<Item = (Duration, What)>,
) -> Receiver<Interval> {
    let (sender, receiver) = mpsc::sync_channel(queue);
    let mut timeline = Timeline::new(plan, SECOND, sender);
    for (time, what) in events {
        let now = plan.warm_until + time;
        let event = match what {
            What::Answered(time) => Event::Answered(single(now, time)),
            What::Lost => Event::Lost(single(now, Duration::ZERO), &LATE),
            What::Failed => Event::Failed(&LATE),
            What::Reached => Event::Reached,
        };
        timeline.on_event(event, now);
    }
    std::thread::spawn(|| timeline.finish(None));
    receiver
}

#[test]
fn a_row_has_what_came_in_its_time() {
    let plan = plan(Some(3 * SECOND));
    let answered = What::Answered(SECOND / 1000);
    let events = [(100, answered), (999, answered), (1000, answered), (2500, What::Lost)];
    let events = events.into_iter().chain([(2999, What::Failed)]);
    let events = events.map(|(millis, event)| (Duration::from_millis(millis), event));
    let (rows, _) = rows(&plan, vec![thread(&plan, 9, events)]);
    let times: Vec<_> = rows.iter().map(|row| (row.start_s, row.duration_s)).collect();
    assert_eq!(times, [(0.0, 1.0), (1.0, 1.0), (2.0, 1.0)]);
    let counts: Vec<_> = rows.iter().map(|row| (row.messages, row.lost, row.errors)).collect();
    assert_eq!(counts, [(2, 0, 0), (1, 0, 0), (0, 1, 1)]);
    assert_eq!((rows[0].max_us, rows[2].max_us), (Some(1000.0), None));
}

#[test]
fn a_run_that_the_clock_does_not_end_is_over_with_its_last_reply_or_loss() {
    let plan = plan(None);
    let answered = What::Answered(SECOND / 1000);
    for last in [answered, What::Lost] {
        let end = 5 * SECOND / 2;
        let events = [(SECOND / 4, answered), (end, last), (end + SECOND / 50, What::Reached)];
        let (rows, sum) = rows(&plan, vec![thread(&plan, 9, events)]);
        let durations: Vec<_> = rows.iter().map(|row| row.duration_s).collect();
        assert_eq!(durations, [1.0, 1.0, 0.5]);
        assert!(sum.elapsed() <= 5 * SECOND / 2);
    }
}

#[test]
fn an_interval_is_over_by_the_clock_though_nothing_happens() {
    let plan = plan(None);
    let (sender, receiver) = mpsc::sync_channel(9);
    let mut timeline = Timeline::new(&plan, SECOND, sender);
    let owed_since = plan.warm_until;
    timeline.on_tick(plan.warm_until + SECOND, &|| Some(owed_since));
    assert_eq!(receiver.try_recv().unwrap().until, plan.warm_until + SECOND);
    timeline.on_event(Event::Answered(single(owed_since, SECOND)), owed_since + 2 * SECOND);
    assert_eq!(receiver.try_recv().unwrap().until, plan.warm_until + 2 * SECOND);
    let end = plan.warm_until + 3 * SECOND;
    let outages = super::super::outage::outages(
        vec![timeline.finish(None)],
        (plan.warm_until, end),
        Duration::ZERO,
    );
    let durations: Vec<_> = outages.iter().map(|outage| outage.duration).collect();
    assert_eq!(durations, [2 * SECOND], "the tick has seen that a reply was owed");
}

#[test]
fn an_interval_that_cannot_be_handed_over_goes_on_to_one_of_the_next_ends() {
    let plan = plan(None);
    let at = |half_seconds| plan.warm_until + half_seconds * SECOND / 2;
    let (sender, receiver) = mpsc::sync_channel(1);
    let mut timeline = Timeline::new(&plan, SECOND, sender);
    // Nobody takes the first one until the second one and the third one are over, too.
    for half_seconds in [3, 7] {
        timeline.on_tick(at(half_seconds), &|| None);
    }
    assert_eq!(receiver.try_recv().map(|interval| interval.until), Ok(at(2)));
    timeline.on_tick(at(8), &|| None);
    assert_eq!(receiver.try_recv().map(|interval| interval.until), Ok(at(8)));
    timeline.on_tick(at(10), &|| None);
    assert_eq!(receiver.try_recv().map(|interval| interval.until), Ok(at(10)));
}

#[test]
fn the_last_of_the_most_intervals_goes_on_to_the_end() {
    let plan = plan(None);
    let (sender, receiver) = mpsc::sync_channel(9);
    let mut timeline = Timeline::new(&plan, SECOND, sender);
    timeline.count = Timeline::MAX_INTERVALS - 3;
    let end = plan.warm_until + 9 * SECOND;
    timeline.on_event(Event::Answered(single(end, SECOND)), end);
    timeline.finish(None);
    let ends: Vec<_> = receiver.iter().map(|interval| interval.until).collect();
    let full = [1, 2].map(|number| plan.warm_until + number * SECOND);
    assert_eq!(ends, [full[0], full[1], end]);
}

#[test]
fn what_comes_after_the_end_is_in_the_last_row() {
    let plan = plan(Some(SECOND));
    let end = Duration::from_millis(1020);
    let events = [(end, What::Answered(SECOND / 10)), (6 * SECOND, What::Lost)];
    let (rows, sum) = rows(&plan, vec![thread(&plan, 9, events)]);
    assert_eq!((rows.len(), rows[0].messages, rows[0].lost), (1, 1, 1));
    assert_eq!((rows[0].duration_s, sum.elapsed()), (1.02, end));
}

#[test]
fn an_interval_that_ends_with_the_run_is_its_last() {
    let plan = plan(Some(2 * SECOND));
    let end = Duration::from_millis(2020);
    let events = [(SECOND, What::Failed), (end, What::Answered(SECOND / 10))];
    let (rows, _) = rows(&plan, vec![thread(&plan, 9, events)]);
    let durations: Vec<_> = rows.iter().map(|row| row.duration_s).collect();
    assert_eq!(durations, [1.0, 1.02]);
}

#[test]
fn a_row_without_a_duration_and_counts_is_empty_and_has_no_rate() {
    let none = Row {
        start_s: 1.0,
        duration_s: 0.0,
        messages: 0,
        errors: 0,
        lost: 0,
        p50_us: None,
        p99_us: None,
        max_us: None,
    };
    assert!(none.is_empty());
    assert_eq!(none.messages_per_s(), None);
    for row in [
        Row { duration_s: 0.5, ..none.clone() },
        Row { messages: 1, ..none.clone() },
        Row { errors: 1, ..none.clone() },
        Row { lost: 1, ..none.clone() },
    ] {
        assert!(!row.is_empty(), "{row:?}");
    }
    let rate = |messages| Row { messages, duration_s: 0.5, ..none.clone() }.messages_per_s();
    assert_eq!((rate(7), rate(0)), (Some(14.0), Some(0.0)));
}

#[test]
fn the_percentiles_of_threads_are_those_of_all_their_messages() {
    let plan = plan(Some(SECOND));
    const TICK: Duration = Duration::from_millis(1);
    let messages = |count, time| {
        thread(&plan, 9, (0..count).map(|at| (SECOND / 2 + at * TICK, What::Answered(time))))
    };
    let threads = vec![messages(98, SECOND / 1000), messages(2, SECOND / 10)];
    let (rows, _) = rows(&plan, threads);
    assert_eq!((rows.len(), rows[0].messages, rows[0].max_us), (1, 100, Some(100_000.0)));
    let [p50, p99] = [rows[0].p50_us, rows[0].p99_us].map(Option::unwrap);
    assert!((p50 / 1000.0 - 1.0).abs() < 0.002, "{p50}");
    assert!((p99 / 100_000.0 - 1.0).abs() < 0.002, "{p99}");
}

#[test]
fn intervals_that_nobody_takes_become_one() {
    let plan = plan(None);
    let messages =
        || (0..1000).map(|number| (number * SECOND + SECOND / 2, What::Answered(Duration::ZERO)));
    let threads = [Timeline::QUEUE_LEN, 2000].map(|queue| thread(&plan, queue, messages()));
    let (rows, sum) = rows(&plan, threads.into());
    assert_eq!((rows.len(), sum.received()), (Timeline::QUEUE_LEN + 1, 2000));
    let (last, whole) = rows.split_last().unwrap();
    assert!(whole.iter().all(|row| (row.messages, row.duration_s) == (2, 1.0)), "{rows:?}");
    assert_eq!((last.messages, last.duration_s), (1968, 983.5));
}

proptest! {
    #[test]
    fn the_rows_add_up_to_the_report(
        threads in prop::collection::vec(
            prop::collection::vec((0..4000u64, 0..3000u64, 0..6), 0..60), 1..4,
        ),
        length in 10..2500u64,
        ends_by_the_clock: bool,
    ) {
        let plan = plan(ends_by_the_clock.then_some(2 * SECOND));
        let mut total = Stats::new(plan.warm_until);
        let wrong = hello_proto::ReplyError::Mismatch { reply: vec![], expected: None };
        let (mut receivers, mut running) = (vec![], vec![]);
        for mut events in threads {
            events.sort_unstable();
            let (sender, receiver) = mpsc::sync_channel(Timeline::QUEUE_LEN);
            let mut timeline = Timeline::new(&plan, Duration::from_millis(length), sender);
            for (at, rtt, kind) in events {
                let now = plan.start + Duration::from_millis(at);
                let since = now.checked_sub(Duration::from_millis(rtt)).unwrap_or(now);
                let batch = Batch { first: 0, count: 1 + rtt % 3, since };
                let event = match kind {
                    0 => Event::Lost(batch, &LATE),
                    1 => Event::Failed(&LATE),
                    2 => Event::Wrong(Some(batch), &wrong),
                    _ => Event::Answered(batch),
                };
                timeline.on_event(event, now);
                total.on_event(event, now);
            }
            running.push(timeline);
            receivers.push(receiver);
        }
        // The threads end while their intervals are taken.
        let rows = std::thread::scope(|scope| {
            running.into_iter().for_each(|timeline| {
                scope.spawn(|| timeline.finish(None));
            });
            rows(&plan, receivers).0
        });
        let sum = |figure: fn(&Row) -> u64| rows.iter().map(figure).sum::<u64>();
        prop_assert_eq!(sum(|row| row.messages), total.received());
        prop_assert_eq!(sum(|row| row.errors), total.errors());
        prop_assert_eq!(sum(|row| row.lost), total.lost());
        let mut end = 0.0;
        for row in &rows {
            prop_assert!((row.start_s - end).abs() < 1e-5);
            end = row.start_s + row.duration_s;
        }
        prop_assert!(rows.is_empty() || end + 1e-5 >= total.elapsed().as_secs_f64());
    }
}
