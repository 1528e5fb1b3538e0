//! Whatever a server says, and however the network cuts, loses, doubles or reorders it: every message
//! that left ends in one way, and of a server that does as it should none was wrong.

use std::collections::{BTreeSet, VecDeque};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use hello_proto::{ServerSession, greeting};

use super::datagram::DatagramSession;
use super::schedule::{Rate, Schedule};
use super::session::Session;
use super::stream::StreamSession;
use super::{Batch, ConnectionError, Event, Observer, Plan, Stats};
use crate::error::ErrorKind;
use crate::options::Target;
use crate::replay::bench;

/// The first byte picks the framing, the second the load; then each two are something that happens.
pub(crate) fn stream_holds(input: &[u8]) {
    static TARGETS: LazyLock<[Target; 3]> =
        LazyLock::new(|| ["line", "length", "raw"].map(|framing| bench(&["--framing", framing]).1));
    let [framing, load, steps @ ..] = input else { return };
    let target = &TARGETS[usize::from(*framing) % TARGETS.len()];
    Run::<StreamSession>::new(target, *load).finish(steps);
}

/// The first byte picks the load; then each two are something that happens.
pub(crate) fn datagram_holds(input: &[u8]) {
    static TARGET: LazyLock<Target> = LazyLock::new(|| bench(&["udp://a:1"]).1);
    let [load, steps @ ..] = input else { return };
    Run::<DatagramSession>::new(&TARGET, *load).finish(steps);
}

/// A session of messages of 16 bytes, its schedule, and the server at its other end.
struct Run<S> {
    plan: Plan,
    now: Instant,
    schedule: Schedule,
    session: S,
    is_exiting: bool,
    server: ServerSession,
    /// What the server has said and has not arrived: of a stream, bytes in the first.
    arriving: VecDeque<Vec<u8>>,
    outcomes: Outcomes,
}

/// What became of the messages that left.
struct Outcomes {
    pending: BTreeSet<u64>,
    answered: BTreeSet<u64>,
    lost: BTreeSet<u64>,
    /// How many ended.
    ended: u64,
    /// Whether a stranger said something on this connection.
    is_forged: bool,
    stats: Stats,
}

impl Observer for Outcomes {
    fn on_event(&mut self, event: Event<'_>, now: Instant) {
        match event {
            Event::Answered(batch) => self.end(batch, |outcomes| &mut outcomes.answered),
            Event::Lost(batch, _) => self.end(batch, |outcomes| &mut outcomes.lost),
            Event::Wrong(batch, error) => {
                assert!(self.is_forged, "{error}");
                assert!(!error.to_string().contains(char::is_control));
                batch.into_iter().for_each(|batch| self.end(batch, |outcomes| &mut outcomes.lost));
            }
            Event::Late(batch) => assert!(self.lost.remove(&batch.first) && batch.count == 1),
            Event::Reordered(batch) => assert!(self.answered.contains(&batch.first)),
            _ => {}
        }
        self.stats.on_event(event, now);
    }
}

impl Outcomes {
    fn end(&mut self, batch: Batch, outcome: fn(&mut Self) -> &mut BTreeSet<u64>) {
        assert!(batch.count > 0);
        for number in batch.first..batch.first + batch.count {
            assert!(self.pending.remove(&number), "{number} ended before");
            outcome(self).insert(number);
            self.ended += 1;
        }
    }
}

impl<S: Session> Run<S> {
    fn new(target: &Target, load: u8) -> Self {
        let mut plan = Plan::new(target.clone(), vec![], 16);
        let is_delimited = target.is_datagram() || target.framing.is_delimited();
        plan.window = if is_delimited { u64::from(load >> 1) + 1 } else { 1 };
        let rate = Rate { period: Duration::from_secs(1), messages: 1000 };
        plan.rate = (load % 2 == 1).then_some(rate);
        let outcomes = Outcomes {
            pending: BTreeSet::new(),
            answered: BTreeSet::new(),
            lost: BTreeSet::new(),
            ended: 0,
            is_forged: false,
            stats: Stats::new(plan.start),
        };
        let mut run = Self {
            now: plan.start,
            schedule: plan.schedule(0),
            session: S::new(&plan),
            is_exiting: false,
            server: ServerSession::new(plan.target.framing, 16),
            arriving: VecDeque::new(),
            outcomes,
            plan,
        };
        run.connect();
        run
    }

    fn connect(&mut self) {
        self.session.start(&self.plan, self.now);
        self.server = ServerSession::new(self.plan.target.framing, 16);
        self.arriving.clear();
        if !S::IS_DATAGRAM {
            let mut welcome = Vec::new();
            self.server.start(&mut welcome);
            self.arriving.push_back(welcome);
        }
        self.is_exiting = false;
        self.outcomes.is_forged = false;
    }

    /// Takes all steps, and then gives up what is in flight.
    fn finish(mut self, mut steps: &[u8]) {
        while let [what, much, rest @ ..] = steps {
            steps = rest;
            let forged = usize::from(*much) % 64;
            let outcome = match what % 8 {
                0 => self.send(u64::from(*much)),
                1 => self.write(usize::from(*much) + 1),
                2 | 3 => self.arrive(usize::from(*much)),
                4 => {
                    let (said, rest) = steps.split_at(forged.min(steps.len()));
                    steps = rest;
                    self.outcomes.is_forged = true;
                    self.session.receive(said, self.now, &mut self.outcomes)
                }
                5 => self.lose(usize::from(*much)),
                6 => {
                    self.now += Duration::from_millis(u64::from(*much) * 10);
                    self.session.expire(self.now, &mut self.outcomes)
                }
                _ => self.end_stream(),
            };
            if let Err(why) = outcome {
                self.disconnect(&why);
                self.connect();
            }
            self.check();
        }
        self.disconnect(&ConnectionError::Lost(ErrorKind::Closed));
        assert!(self.outcomes.pending.is_empty());
        assert_eq!(self.outcomes.stats.sent(), self.outcomes.ended);
    }

    fn check(&self) {
        let Self { session, outcomes, .. } = self;
        assert_eq!(session.in_flight(), outcomes.pending.len() as u64);
        assert!(session.unwritten() <= session.in_flight());
        assert!(session.in_flight() <= self.plan.window);
        assert!(session.expected_since().is_none_or(|since| since <= self.now));
        assert!(session.in_flight() > 0 || session.expected_since().is_none());
    }

    /// As a connection does.
    fn send(&mut self, most: u64) -> Result<(), ConnectionError> {
        if !self.session.is_ready() || self.is_exiting {
            return Ok(());
        }
        let ready = self.schedule.ready(self.session.in_flight(), self.now);
        let mut wanted = ready.min(self.session.room()).min(most);
        while wanted > 0 {
            let batch = self.schedule.next_batch(wanted, self.now);
            self.outcomes.pending.extend(batch.first..batch.first + batch.count);
            self.session.send(batch, self.now);
            wanted -= batch.count;
        }
        Ok(())
    }

    /// The socket takes at most this many bytes, or one datagram, and the server answers.
    fn write(&mut self, most: usize) -> Result<(), ConnectionError> {
        let Some(mut written) = self.session.outgoing() else { return Ok(()) };
        if S::IS_DATAGRAM {
            self.arriving.push_back(greeting(written));
        } else if self.plan.target.framing.is_delimited() {
            written = &written[..most.min(written.len())];
        }
        let length = written.len();
        let mut replies = Vec::new();
        while !S::IS_DATAGRAM && !written.is_empty() {
            self.server.receive(&mut written, &mut replies);
        }
        if let Some(said) = self.arriving.front_mut().filter(|_| !S::IS_DATAGRAM) {
            said.append(&mut replies);
        }
        self.session.advance(length, self.now);
        Ok(())
    }

    /// This many bytes that the server said, or one of its datagrams, come.
    fn arrive(&mut self, which: usize) -> Result<(), ConnectionError> {
        if S::IS_DATAGRAM {
            let index = which % self.arriving.len().max(1);
            let Some(reply) = self.arriving.remove(index) else { return Ok(()) };
            return self.session.receive(&reply, self.now, &mut self.outcomes);
        }
        let Some(said) = self.arriving.front_mut() else { return Ok(()) };
        let piece: Vec<_> = said.drain(..said.len().min(which + 1)).collect();
        self.session.receive(&piece, self.now, &mut self.outcomes)
    }

    /// The network loses one of the datagrams, or doubles it.
    fn lose(&mut self, which: usize) -> Result<(), ConnectionError> {
        if S::IS_DATAGRAM && !self.arriving.is_empty() {
            let index = which / 2 % self.arriving.len();
            if which.is_multiple_of(2) {
                self.arriving.remove(index);
            } else {
                self.arriving.push_back(self.arriving[index].clone());
            }
        }
        Ok(())
    }

    /// Says `exit` if it can be said, or else the server has closed the stream.
    fn end_stream(&mut self) -> Result<(), ConnectionError> {
        if S::IS_DATAGRAM {
            return Ok(());
        }
        if self.session.is_ready() && self.session.in_flight() == 0 && !self.is_exiting {
            self.session.exit(self.now);
            self.is_exiting = true;
            return Ok(());
        }
        self.session.receive_end()?;
        assert!(self.is_exiting && self.outcomes.pending.is_empty());
        Err(ConnectionError::Lost(ErrorKind::Closed))
    }

    fn disconnect(&mut self, why: &ConnectionError) {
        while let Some(batch) = self.session.take_unwritten() {
            self.schedule.put_back(batch.count);
            for number in batch.first..batch.first + batch.count {
                assert!(self.outcomes.pending.remove(&number), "{number} was not in flight");
            }
        }
        self.session.disconnect(why, self.now, &mut self.outcomes);
    }
}

#[test]
fn sessions_on_streams_hold_for_every_interesting_input() {
    let inputs = include_str!("../replay/inputs/load_stream.hex");
    crate::replay::replay(inputs, stream_holds);
}

#[test]
fn datagrams_of_a_load_hold_for_every_interesting_input() {
    let inputs = include_str!("../replay/inputs/load_datagram.hex");
    crate::replay::replay(inputs, datagram_holds);
}
