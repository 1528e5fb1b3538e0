//! Whatever happens, on however many threads, however late their intervals are taken: the rows add up
//! to the report, and its figures are in order.

use std::collections::VecDeque;
use std::ptr;
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use hello_proto::ReplyError;

use crate::error::ErrorKind;
use crate::load::{
    Batch, ConnectionError, Event, Interval, Latency, Observer, Outage, Plan, Row, Stats, Timeline,
    next_interval, outages,
};
use crate::options::{BenchOptions, Target};
use crate::replay::bench;
use crate::thresholds::Thresholds;

/// The first four bytes are the number of threads, the length of an interval, the warm-up and the
/// duration; then each four are something that happens.
pub(crate) fn holds(input: &[u8]) {
    static BENCH: LazyLock<(BenchOptions, Target)> =
        LazyLock::new(|| bench(&["--max-loss", "1", "--max-p99", "1ms", "--max-errors", "1"]));
    let (options, target) = &*BENCH;
    let Some((&[threads, length, warm_up, duration], steps)) = input.split_first_chunk() else {
        return;
    };
    let mut plan = Plan::new(target.clone(), vec![], 16);
    plan.warm_until = plan.start + time(warm_up);
    plan.end = (duration > 0).then(|| plan.warm_until + time(duration));
    let length = time(length).max(Duration::from_millis(10));
    let mut run = Run::new(&plan, length, usize::from(threads % 3) + 1);
    let (steps, _) = steps.as_chunks();
    // An interval has a histogram, and takes its time.
    let mut steps = steps.iter().take(100);
    while run.taken.iter().map(VecDeque::len).sum::<usize>() < 12
        && let Some(step) = steps.next()
    {
        run.step(*step);
    }
    run.finish(&plan, &options.thresholds);
}

/// From 0 to some hours, most of them short.
fn time(byte: u8) -> Duration {
    Duration::from_micros(u64::from(byte & 15) << (2 * (byte >> 4)))
}

struct Run {
    now: Instant,
    timelines: Vec<Timeline>,
    receivers: Vec<Receiver<Interval>>,
    /// The intervals that were taken.
    taken: Vec<VecDeque<Interval>>,
    /// The same events, counted without intervals.
    whole: Stats,
}

impl Run {
    fn new(plan: &Plan, length: Duration, threads: usize) -> Self {
        let channels = (0..threads).map(|_| sync_channel(Timeline::QUEUE_LEN));
        let (senders, receivers): (Vec<_>, Vec<_>) = channels.unzip();
        let timeline = |sender| Timeline::new(plan, length, sender);
        Self {
            now: plan.start,
            timelines: senders.into_iter().map(timeline).collect(),
            receivers,
            taken: (0..threads).map(|_| VecDeque::new()).collect(),
            whole: Stats::new(plan.warm_until),
        }
    }

    fn step(&mut self, [what, passed, ago, count]: [u8; 4]) {
        const LATE: ConnectionError = ConnectionError::Lost(ErrorKind::Timeout);
        self.now += time(passed);
        let now = self.now;
        let thread = usize::from(what >> 4) % self.timelines.len();
        let since = now.checked_sub(time(ago)).unwrap_or(now);
        let batch = Batch { first: 0, count: u64::from(count & 15) << (count >> 4), since };
        let wrong = ReplyError::Mismatch { reply: vec![], expected: None };
        let event = match what & 15 {
            0..4 => Event::Answered(batch),
            4 => Event::Lost(batch, &LATE),
            5 => Event::Late(batch),
            6 => Event::Reordered(batch),
            7 => Event::Duplicated,
            8 => Event::Wrong(Some(batch), &wrong),
            9 => Event::Wrong(None, &wrong),
            10 => Event::Failed(&LATE),
            11 => Event::Unsent(batch.count),
            12 => Event::Overflowed(batch.count),
            13 => Event::SessionEnded { since, connected_in: now - since },
            14 => return self.take(),
            _ => return self.timelines[thread].on_tick(now, &|| Some(since)),
        };
        self.timelines[thread].on_event(event, now);
        self.whole.on_event(event, now);
    }

    fn take(&mut self) {
        for (receiver, taken) in self.receivers.iter().zip(&mut self.taken) {
            taken.extend(receiver.try_iter());
        }
    }

    fn finish(mut self, plan: &Plan, thresholds: &Thresholds) {
        let mut gaps = Vec::new();
        for timeline in self.timelines.drain(..).collect::<Vec<_>>() {
            // The last interval waits for its place.
            self.take();
            gaps.push(timeline.finish(None));
        }
        self.take();
        let (sum, until) = self.add_up(plan.warm_until);
        assert_eq!(counts(&sum), counts(&self.whole));
        assert_eq!(sum.latency.histogram(), self.whole.latency.histogram());
        assert_eq!(sum.elapsed(), self.whole.elapsed());
        assert_in_order(&sum.latency);
        assert!(sum.messages_per_s().is_none_or(|rate| rate.is_finite() && rate > 0.0));
        if let Err(error) = sum.evaluate(&plan.target, thresholds) {
            assert!(!error.to_string().contains(char::is_control), "{error}");
        }
        assert_apart(
            &outages(gaps, (plan.warm_until, until), Duration::ZERO),
            until - plan.warm_until,
        );
    }

    /// Puts all intervals together, as a bench does.
    fn add_up(&mut self, origin: Instant) -> (Stats, Instant) {
        let (receivers, taken) = (&self.receivers, &mut self.taken);
        let mut receive = |receiver: &Receiver<Interval>| {
            let thread = receivers.iter().position(|one| ptr::eq(one, receiver))?;
            taken[thread].pop_front()
        };
        let (mut sum, mut until) = (Stats::new(origin), origin);
        let (mut messages, mut errors, mut lost) = (0, 0, 0);
        while let Some(interval) = next_interval(receivers, &mut receive) {
            let row = Row::new(origin, until, &interval);
            // A thread that looked at its clock after its last reply has handed over more than that.
            assert!(interval.until >= until || row.is_empty(), "{row:?}");
            until = until.max(interval.until);
            messages += row.messages;
            errors += row.errors;
            lost += row.lost;
            sum.add(interval.stats);
        }
        assert!(taken.iter().all(VecDeque::is_empty));
        assert_eq!([messages, errors, lost], [sum.received(), sum.errors(), sum.unanswered()]);
        (sum, until)
    }
}

fn counts(stats: &Stats) -> [u64; 10] {
    [
        stats.sent(),
        stats.received(),
        stats.lost(),
        stats.unsent,
        stats.receive_buffer_drops,
        stats.late,
        stats.duplicated,
        stats.reordered,
        stats.wrong_replies,
        stats.errors(),
    ]
}

fn assert_in_order(latency: &Latency) {
    let summary = latency.summary();
    let percentiles = [summary.min, summary.p50, summary.p90, summary.p99, summary.p999];
    let figures = [&percentiles[..], &[summary.p9999, summary.max]].concat();
    if summary.samples == 0 {
        assert!(figures.iter().all(Option::is_none) && summary.mean.is_none());
        return;
    }
    assert!(figures.is_sorted() && figures[0] >= Some(0.0), "{summary:?}");
    assert!(summary.min <= summary.mean && summary.mean <= summary.max, "{summary:?}");
}

/// They are in the run, at least as long as the shortest, and none begins before another ends.
fn assert_apart(outages: &[Outage], run: Duration) {
    assert!(outages.iter().all(|one| one.duration >= Duration::from_millis(100)), "{outages:?}");
    assert!(outages.iter().all(|one| one.start + one.duration <= run), "{outages:?}");
    let is_before = |pair: &[Outage]| pair[0].start + pair[0].duration <= pair[1].start;
    assert!(outages.windows(2).all(is_before), "{outages:?}");
}
