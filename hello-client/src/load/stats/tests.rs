use super::*;

/// Keeps events, in short.
#[derive(Debug, Default)]
pub(crate) struct Notes(pub(crate) Vec<String>);

impl Observer for Notes {
    fn on_event(&mut self, event: Event<'_>, _: Instant) {
        let numbers = |batch: Batch| format!("{}+{}", batch.first, batch.count);
        self.0.push(match event {
            Event::Reached => "reached".to_owned(),
            Event::Answered(batch) => format!("answered {}", numbers(batch)),
            Event::Wrong(Some(batch), what) => format!("wrong {}: {what}", numbers(batch)),
            Event::Wrong(None, what) => format!("wrong: {what}"),
            Event::Lost(batch, why) => format!("lost {}: {why}", numbers(batch)),
            Event::Late(batch) => format!("late {}", numbers(batch)),
            Event::Reordered(batch) => format!("reordered {}", numbers(batch)),
            Event::Duplicated => "duplicated".to_owned(),
            Event::Failed(error) => format!("failed: {error}"),
            Event::Unsent(count) => format!("unsent {count}"),
            Event::Overflowed(count) => format!("overflowed {count}"),
            Event::Paced(pace) => format!("{pace:?}"),
            Event::SessionEnded { connected_in, .. } => format!("ended {connected_in:?}"),
            Event::Tcp(totals) => format!("{totals:?}"),
            Event::Varied(jitter) => format!("{jitter:?}"),
        });
    }
}

impl Notes {
    /// The events since the last call.
    pub(crate) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.0)
    }
}

const LATE: ConnectionError = ConnectionError::Lost(ErrorKind::Timeout);

#[test]
fn messages_of_the_warm_up_are_not_counted_and_errors_are() {
    let start = Instant::now();
    let warm = start + Duration::from_secs(1);
    let mut stats = Stats::new(warm);
    for since in [start, warm] {
        let batch = Batch { first: 0, count: 3, since };
        let now = since + Duration::from_secs(2);
        let wrong = ReplyError::Mismatch { reply: vec![], expected: None };
        stats.on_event(Event::Answered(batch), now);
        stats.on_event(Event::Lost(batch, &LATE), now);
        stats.on_event(Event::Late(batch), now);
        stats.on_event(Event::Reordered(batch), now);
        stats.on_event(Event::Wrong(Some(Batch { count: 1, ..batch }), &wrong), now);
        stats.on_event(Event::Failed(&ConnectionError::Connect(ErrorKind::Refused)), now);
        stats.on_event(Event::Duplicated, since);
    }
    assert_eq!((stats.sent(), stats.received(), stats.lost()), (7, 3, 3));
    assert_eq!((stats.late, stats.reordered, stats.duplicated), (3, 3, 1));
    assert_eq!((stats.wrong_replies, stats.errors()), (2, 4));
    assert_eq!(stats.messages_per_s(), Some(1.5));
    stats.on_event(Event::Duplicated, warm);
    stats.on_event(Event::Failed(&LATE), start);
    assert_eq!((stats.duplicated, stats.errors()), (2, 5));
}

#[test]
fn a_message_of_the_warm_up_that_is_answered_after_it_changes_no_figure() {
    let start = Instant::now();
    let [warm, now] = [1, 3].map(|seconds| start + Duration::from_secs(seconds));
    let mut stats = Stats::new(warm);
    stats.on_event(Event::Answered(Batch { first: 0, count: 1, since: start }), now);
    let connected_in = Duration::from_millis(1);
    stats.on_event(Event::SessionEnded { since: start, connected_in }, now);
    assert_eq!((stats.elapsed(), stats.latency.longest()), (Duration::ZERO, 0));
    assert_eq!(stats.sessions_per_s(), None);
}

#[test]
fn sessions_are_timed_and_counted_a_second() {
    let start = Instant::now();
    let mut stats = Stats::new(start);
    for (millis, since) in [(100, start), (500, start + Duration::from_millis(250))] {
        let connected_in = Duration::from_millis(millis / 100);
        let ended = Event::SessionEnded { since, connected_in };
        stats.on_event(ended, start + Duration::from_millis(millis));
    }
    let mut sum = Stats::new(start);
    assert_eq!(sum.sessions_per_s(), None);
    sum.add(stats);
    assert_eq!(sum.sessions_per_s(), Some(4.0));
    let sessions = sum.sessions.expect("there are some");
    let longest = [&sessions.connecting, &sessions.whole].map(|times| times.summary().max);
    assert_eq!(longest, [Some(5_000.0), Some(250_000.0)]);
}

#[test]
fn a_run_began_when_its_warm_up_was_over_by_the_wall_clock() {
    const MINUTE: Duration = Duration::from_secs(60);
    let (before, now, after) = (SystemTime::now(), Instant::now(), SystemTime::now());
    // The wall clock may be set by a little meanwhile.
    let slack = Duration::from_secs(5);
    let during = |from: SystemTime, until: SystemTime| from - slack..=until + slack;
    let over = Stats::new(now - MINUTE).started_at();
    assert!(during(before - MINUTE, after - MINUTE).contains(&over), "{over:?}");
    let interrupted = Stats::new(now + MINUTE).started_at();
    assert!(during(before + MINUTE, after + MINUTE).contains(&interrupted), "{interrupted:?}");
}

/// Counts from `start` on, a second later.
fn stats(start: Instant, events: &[Event<'_>]) -> Stats {
    let mut stats = Stats::new(start);
    let now = start + Duration::from_secs(1);
    events.iter().for_each(|event| stats.on_event(*event, now));
    stats
}

#[test]
fn what_our_own_system_dropped_is_not_lost() {
    let since = Instant::now();
    let [five, three] = [5, 3].map(|count| Batch { first: 0, count, since });
    let mut stats = stats(since, &[Event::Answered(five), Event::Lost(three, &LATE)]);
    stats.on_event(Event::Overflowed(2), Instant::now());
    assert_eq!((stats.sent(), stats.lost(), stats.receive_buffer_drops), (8, 1, 2));
    // Of what was dropped, some may have been copies.
    stats.on_event(Event::Overflowed(2), Instant::now());
    assert_eq!((stats.sent(), stats.lost(), stats.receive_buffer_drops), (8, 0, 4));
}

#[test]
fn nothing_ever_came_back_is_3_and_any_reply_is_1() {
    const LATE_MESSAGE: &str = "no message was answered within 5s";
    const UNMEASURED: &str = "it ended before any message was measured";
    let refused = ConnectionError::Connect(ErrorKind::Refused);
    let target = crate::cli::tests::target(&["-s", "udp://127.0.0.1:9"]);
    let since = Instant::now();
    let lost = Event::Lost(Batch { first: 0, count: 3, since }, &LATE);
    for (events, code) in [
        (&[lost][..], (3, LATE_MESSAGE)),
        (&[Event::Failed(&refused), lost], (3, "nothing ever came back: connection refused")),
        (&[], (3, UNMEASURED)),
        (&[Event::Reached, lost], (1, LATE_MESSAGE)),
        (
            &[Event::Reached, Event::Failed(&refused)],
            (1, "no message was answered: connection refused"),
        ),
        (&[Event::Reached], (1, UNMEASURED)),
    ] {
        let error = stats(since, events).evaluate(&target, &Thresholds::default()).unwrap_err();
        assert_eq!((error.exit_code(), &*error.to_string()), code, "{events:?}");
    }
}

#[test]
fn a_run_with_an_answer_is_a_success_within_its_thresholds() {
    let target = crate::cli::tests::target(&[]);
    let since = Instant::now();
    let answered = Event::Answered(Batch { first: 0, count: 3, since });
    let lost = Event::Lost(Batch { first: 3, count: 1, since }, &LATE);
    let stats = stats(since, &[answered, lost]);
    assert!(stats.evaluate(&target, &Thresholds::default()).is_ok());
}

#[test]
fn the_limit_of_the_client_hides_that_of_the_path() {
    let start = Instant::now();
    let pace = |sent, seconds, limit| {
        let period = Duration::from_secs(seconds);
        stats(start, &[Event::Paced(Pace { sent, period, limit })])
    };
    let mut sum = pace(100, 2, None);
    assert_eq!((sum.limit, sum.sent_per_s()), (None, Some(50.0)));
    sum.add(pace(60, 2, Some(Limit::Client)));
    sum.add(pace(0, 2, Some(Limit::Path)));
    assert_eq!((sum.limit, sum.sent_per_s()), (Some(Limit::Client), Some(80.0)));
    let answered = Event::Answered(Batch { first: 0, count: 8, since: start });
    assert_eq!(stats(start, &[answered]).sent_per_s(), Some(8.0), "in a closed loop");
    assert_eq!(pace(0, 2, None).sent_per_s(), None);
}

#[test]
fn without_a_reply_there_is_no_rate() {
    let mut stats = Stats::new(Instant::now());
    assert_eq!(stats.messages_per_s(), None);
    stats.end(Instant::now());
    assert_eq!(stats.messages_per_s(), None);
}

#[test]
fn in_no_time_there_is_no_rate() {
    let start = Instant::now();
    let mut stats = Stats::new(start);
    stats.on_event(Event::Answered(Batch { first: 0, count: 8, since: start }), start);
    let connected_in = Duration::ZERO;
    stats.on_event(Event::SessionEnded { since: start, connected_in }, start);
    let rates = [stats.messages_per_s(), stats.sessions_per_s(), stats.sent_per_s()];
    assert_eq!(rates, [None; 3]);
}

#[test]
fn silence_at_the_end_is_part_of_the_rate() {
    let start = Instant::now();
    let mut stats = Stats::new(start);
    let batch = Batch { first: 0, count: 8, since: start };
    stats.on_event(Event::Answered(batch), start + Duration::from_secs(1));
    stats.end(start + Duration::from_secs(4));
    assert_eq!(stats.messages_per_s(), Some(2.0));
}

#[test]
fn threads_are_added_up() {
    let start = Instant::now();
    let mut sum = Stats::new(start);
    for seconds in [2, 1] {
        let mut stats = Stats::new(start);
        let now = start + Duration::from_secs(seconds);
        stats.on_event(Event::Answered(Batch { first: 0, count: 4, since: start }), now);
        stats.on_event(Event::Failed(&LATE), now);
        sum.add(stats);
    }
    assert_eq!((sum.received(), sum.errors()), (8, 2));
    assert_eq!(sum.elapsed(), Duration::from_secs(2));
}

#[test]
fn every_count_of_every_thread_is_in_the_sum() {
    let start = Instant::now();
    let mut sum = Stats::new(start);
    for is_first in [true, false] {
        sum.add(Stats {
            unanswered: 1,
            unsent: 2,
            receive_buffer_drops: 3,
            late: 4,
            duplicated: 5,
            reordered: 6,
            wrong_replies: 7,
            answered_wrongly: 8,
            is_interrupted: is_first,
            is_reached: is_first,
            ..Stats::new(start)
        });
    }
    assert_eq!((sum.unanswered(), sum.unsent, sum.receive_buffer_drops), (2, 4, 6));
    assert_eq!((sum.late, sum.duplicated, sum.reordered), (8, 10, 12));
    assert_eq!((sum.wrong_replies, sum.answered_wrongly), (14, 16));
    assert!(sum.is_interrupted && sum.is_reached);
}

#[test]
fn what_did_not_leave_is_counted() {
    let start = Instant::now();
    assert_eq!(stats(start, &[Event::Unsent(2), Event::Unsent(3)]).unsent, 5);
}
