//! The objects that `--json` prints, with units in the names.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use hello_proto::Endpoint;
use serde::Serialize;

use super::compare::Comparison;
use super::config::{BytesPerS, Config};
use crate::error::{Error, ErrorKind};
use crate::load::{ErrorCounts, History, LatencySummary, Limit, Sessions, Stats};
use crate::options::{BenchOptions, PingOptions, Target};
use crate::units::{seconds, thousandths};

/// Writes `object` in one line.
///
/// # Errors
///
/// Those of `out`.
pub(crate) fn write_object(object: &impl Serialize, mut out: impl Write) -> io::Result<()> {
    let mut line = serde_json::to_vec(object)?;
    line.push(b'\n');
    out.write_all(&line).and_then(|()| out.flush())
}

/// Writes the [`Object`] of a run in one line.
///
/// # Errors
///
/// Standard output cannot be written.
pub(crate) fn write(
    report: &impl Serialize,
    outcome: &Result<(), Error>,
    out: impl Write,
) -> Result<(), Error> {
    write_object(&Object::new(report, outcome), out).map_err(Error::output)
}

/// A report, and how the run ended. With a usage error there was no run and there is no report; in all
/// commands the object then has the same shape.
#[derive(Debug, Serialize)]
pub(crate) struct Object<'a, R> {
    #[serde(flatten)]
    report: Option<&'a R>,
    outcome: &'static str,
    error: Option<&'a Error>,
}

impl<'a, R> Object<'a, R> {
    /// The object of a run with this `report`.
    pub(crate) fn new(report: &'a R, outcome: &'a Result<(), Error>) -> Self {
        let error = outcome.as_ref().err();
        Self {
            report: error.is_none_or(|error| error.kind != ErrorKind::Usage).then_some(report),
            outcome: self::outcome(error.is_none()),
            error,
        }
    }
}

/// The `outcome` of an object.
pub(crate) fn outcome(is_ok: bool) -> &'static str {
    if is_ok { "ok" } else { "failed" }
}

/// Which program measured, and when.
#[derive(Debug, Serialize)]
struct Run {
    version: &'static str,
    /// In UTC, as in RFC 3339.
    started_at: String,
}

impl Run {
    /// A run that measures from `started_at` on.
    fn new(started_at: SystemTime) -> Self {
        let started_at = humantime::format_rfc3339_millis(started_at).to_string();
        Self { version: env!("CARGO_PKG_VERSION"), started_at }
    }
}

/// A scripted session. Bytes that are not UTF-8 are shown lossily, and exactly in a `…_hex` beside.
#[derive(Debug, Serialize)]
pub(crate) struct SayReport {
    #[serde(flatten)]
    run: Run,
    pub(crate) endpoint: Option<String>,
    pub(crate) local_address: Option<String>,
    pub(crate) peer_address: Option<String>,
    welcome: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    welcome_hex: Option<String>,
    messages: Vec<Exchange>,
}

#[derive(Debug, Serialize)]
struct Exchange {
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_hex: Option<String>,
    reply: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_hex: Option<String>,
    /// With one digit behind the point.
    rtt_us: Option<f64>,
}

impl SayReport {
    /// A run with `endpoint`, if it is known, that starts now.
    pub(crate) fn new(endpoint: Option<&Endpoint>) -> Self {
        Self {
            run: Run::new(SystemTime::now()),
            endpoint: endpoint.map(Endpoint::to_string),
            local_address: None,
            peer_address: None,
            welcome: None,
            welcome_hex: None,
            messages: vec![],
        }
    }

    /// What came first on a stream, if anything did.
    pub(crate) fn welcomed(&mut self, welcome: Option<&[u8]>) {
        self.welcome = welcome.map(lossy);
        self.welcome_hex = welcome.and_then(hex_unless_utf8);
    }

    /// What came after `message`, if anything did.
    pub(crate) fn replied(
        &mut self,
        message: &[u8],
        reply: Option<&[u8]>,
        round_trip: Option<Duration>,
    ) {
        self.messages.push(Exchange {
            message: lossy(message),
            message_hex: hex_unless_utf8(message),
            reply: reply.map(lossy),
            reply_hex: reply.and_then(hex_unless_utf8),
            rtt_us: reply.and(round_trip).map(micros),
        });
    }
}

/// A time in microseconds, with one digit behind the point.
pub(crate) fn micros(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e7).round() / 10.0
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn hex_unless_utf8(bytes: &[u8]) -> Option<String> {
    let hex = || bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    str::from_utf8(bytes).is_err().then(hex)
}

/// A bench.
#[derive(Debug, Serialize)]
pub(crate) struct BenchReport<'a> {
    #[serde(flatten)]
    run: Run,
    endpoint: String,
    config: Config,
    connections: usize,
    pipeline: u64,
    size_bytes: usize,
    rate_per_s: Option<u64>,
    elapsed_s: f64,
    messages_per_s: Option<f64>,
    sent_per_s: Option<f64>,
    bytes_per_s: BytesPerS,
    /// Whether the client itself could not keep the asked rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    behind_schedule: Option<bool>,
    #[serde(flatten)]
    measurement: Measurement<'a>,
    #[serde(flatten)]
    sessions: Option<SessionFigures>,
    #[serde(flatten)]
    history: &'a History,
    #[serde(skip_serializing_if = "Option::is_none")]
    compare: Option<&'a Comparison>,
}

impl<'a> BenchReport<'a> {
    /// What a bench with these `options` counted, and what that is beside an earlier one.
    pub(crate) fn new(
        options: &BenchOptions,
        target: &Target,
        stats: &'a Stats,
        history: &'a History,
        compare: Option<&'a Comparison>,
    ) -> Self {
        let (sent_per_s, messages_per_s) = (stats.sent_per_s(), stats.messages_per_s());
        Self {
            run: Run::new(stats.started_at()),
            endpoint: target.endpoint.to_string(),
            config: Config::new(options, target),
            connections: options.connections,
            pipeline: options.pipeline,
            size_bytes: options.size,
            rate_per_s: options.rate,
            elapsed_s: seconds(stats.elapsed()),
            messages_per_s: messages_per_s.map(per_s),
            sent_per_s: sent_per_s.map(per_s),
            bytes_per_s: BytesPerS::new(target, options.size, sent_per_s, messages_per_s),
            behind_schedule: options.rate.map(|_| stats.limit == Some(Limit::Client)),
            measurement: Measurement::new(stats, target),
            sessions: options.reconnect.then(|| SessionFigures::new(stats)),
            history,
            compare,
        }
    }
}

/// What there is beside round trips, if each message has a session of its own.
#[derive(Debug, Serialize)]
struct SessionFigures {
    sessions_per_s: Option<f64>,
    connect_us: LatencySummary,
    session_us: LatencySummary,
}

impl SessionFigures {
    fn new(stats: &Stats) -> Self {
        let Sessions { connecting, whole } = stats.sessions.clone().unwrap_or_default();
        Self {
            sessions_per_s: stats.sessions_per_s().map(per_s),
            connect_us: connecting.summary(),
            session_us: whole.summary(),
        }
    }
}

/// A rate, with one digit behind the point.
fn per_s(rate: f64) -> f64 {
    (rate * 10.0).round() / 10.0
}

/// A ping.
#[derive(Debug, Serialize)]
pub(crate) struct PingReport<'a> {
    #[serde(flatten)]
    run: Run,
    endpoint: String,
    size_bytes: usize,
    interval_s: f64,
    #[serde(flatten)]
    measurement: Measurement<'a>,
}

impl<'a> PingReport<'a> {
    /// What a ping with these `options` counted.
    pub(crate) fn new(options: &PingOptions, target: &Target, stats: &'a Stats) -> Self {
        Self {
            run: Run::new(stats.started_at()),
            endpoint: target.endpoint.to_string(),
            size_bytes: options.size,
            interval_s: options.interval.as_secs_f64(),
            measurement: Measurement::new(stats, target),
        }
    }
}

/// The part that `bench` and `ping` share.
#[derive(Debug, Serialize)]
struct Measurement<'a> {
    rtt_us: LatencySummary,
    /// The mean difference of a round trip to the one before it on its connection.
    jitter_us: Option<f64>,
    /// Only of connections over TCP.
    tcp: Option<Tcp>,
    sent: u64,
    received: u64,
    lost: u64,
    unsent: u64,
    interrupted: bool,
    #[serde(flatten)]
    datagrams: Option<DatagramCounts>,
    errors: Errors<'a>,
}

/// What the system's TCP says of the connections, from their beginning to their end.
#[derive(Debug, Serialize)]
struct Tcp {
    retransmits: u64,
    /// The mean of the smoothed round trips that the connections had at their end.
    rtt_us: Option<f64>,
}

/// What can happen to datagrams alone.
#[derive(Debug, Serialize)]
struct DatagramCounts {
    duplicated: u64,
    reordered: u64,
    late: u64,
    receive_buffer_drops: u64,
}

#[derive(Debug, Serialize)]
struct Errors<'a> {
    total: u64,
    wrong_replies: u64,
    #[serde(flatten)]
    connections: &'a ErrorCounts,
}

impl<'a> Measurement<'a> {
    fn new(stats: &'a Stats, target: &Target) -> Self {
        Self {
            rtt_us: stats.latency.summary(),
            jitter_us: stats.jitter.micros().map(thousandths),
            tcp: stats.tcp.retransmits().map(|retransmits| Tcp {
                retransmits,
                rtt_us: stats.tcp.round_trip().map(thousandths),
            }),
            sent: stats.sent(),
            received: stats.received(),
            lost: stats.lost(),
            unsent: stats.unsent,
            interrupted: stats.is_interrupted,
            datagrams: target.is_datagram().then_some(DatagramCounts {
                duplicated: stats.duplicated,
                reordered: stats.reordered,
                late: stats.late,
                receive_buffer_drops: stats.receive_buffer_drops,
            }),
            errors: Errors {
                total: stats.errors(),
                wrong_replies: stats.wrong_replies,
                connections: &stats.connection_errors,
            },
        }
    }
}
