//! Whether paths work: for each endpoint a yes or a no, with the reason.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::iter;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use crate::error::{Error, ErrorKind};
use crate::net::{Connection, Deadline, Timeout, max_connections, retry_until};
use crate::options::{CheckOptions, OutputOptions, Target};
use crate::report::{self, json};
use crate::session::{Candidates, Silence, StreamSession};
use crate::threads::for_each_at_once;
use crate::units::{percent, plural};

/// Checks all `targets` at the same time, and reports them on `out` in their order.
pub(crate) fn run(
    options: &CheckOptions,
    targets: &[Target],
    output: &OutputOptions,
    mut out: impl Write,
) -> ExitCode {
    let width = targets.iter().map(|target| target.endpoint.to_string().len()).max();
    let width = width.unwrap_or_default();
    let is_text = !output.json && output.quiet == 0;
    let mut written = Ok(());
    let at_once = (max_connections(0) / SOCKETS_PER_ENDPOINT).clamp(1, MAX_THREADS);
    let mut checks = Vec::new();
    for targets in targets.chunks(at_once) {
        let check = |target| check(target, options);
        // With too many threads for the system it is checked after the others.
        let check_later = |target, _| check(target);
        for_each_at_once(targets, check, check_later, |check| {
            if is_text && written.is_ok() {
                let line = writeln!(out, "{:<width$}  {check}", check.endpoint);
                written = line.and_then(|()| out.flush()).map_err(Error::output);
            }
            checks.push(check);
        });
    }
    if output.json {
        let outcome = json::outcome(checks.iter().all(|check| check.error.is_none()));
        let report = Report { outcome, checks: &checks };
        written = json::write_object(&report, out).map_err(Error::output);
    }
    if written.as_ref().is_err_and(|error| !error.is_reader_gone()) {
        return report::finish(None::<&str>, written);
    }
    let codes = checks.iter().filter_map(|check| check.error.as_ref()).map(Error::exit_code);
    ExitCode::from(codes.max().unwrap_or_default())
}

/// How many endpoints are checked at the same time.
const MAX_THREADS: usize = 1000;

/// How many sockets each of them is given: over UDP each address of a name has one.
const SOCKETS_PER_ENDPOINT: usize = 4;

/// A packet of this size, in bytes, fits into any path.
const SMALL: usize = 500;

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report<'a> {
    outcome: &'static str,
    checks: &'a [Check],
}

/// What is known about the path to one endpoint.
#[derive(Debug, Default, Serialize)]
struct Check {
    endpoint: String,
    peer_address: Option<String>,
    outcome: &'static str,
    connect_us: Option<f64>,
    rtt_us: Option<f64>,
    /// How often a connection, or a reply to a datagram, was waited for.
    tries: u64,
    error: Option<Error>,
    /// How many other addresses of the same name do not work.
    #[serde(skip)]
    failed_addresses: u64,
}

impl Check {
    fn connected(&mut self, connection: &Connection) {
        self.peer_address = Some(connection.peer.clone());
    }
}

impl fmt::Display for Check {
    /// What stands behind the endpoint in its line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(error) = &self.error {
            return write!(f, "{error}");
        }
        let millis = |micros: f64| format!("{:.2} ms", micros / 1e3);
        write!(f, "ok       {}", self.peer_address.as_deref().unwrap_or_default())?;
        if let Some(connect) = self.connect_us {
            write!(f, ", connected in {}", millis(connect))?;
        }
        match self.rtt_us {
            Some(rtt) => write!(f, ", replied in {}", millis(rtt))?,
            None => write!(f, ", replied")?,
        }
        if self.tries > 1 {
            write!(f, " at try {}", self.tries)?;
        }
        if self.failed_addresses > 0 {
            write!(f, "; tried in vain: {} of its addresses", self.failed_addresses)?;
        }
        Ok(())
    }
}

/// Checks one endpoint.
fn check(target: &Target, options: &CheckOptions) -> Check {
    let mut check = Check { endpoint: target.endpoint.to_string(), ..Check::default() };
    let mut unanswered = Unanswered::default();
    let worked = retry_until(target, |timeout| {
        // What an earlier attempt found does not count.
        (check.peer_address, check.connect_us, check.rtt_us) = (None, None, None);
        if target.is_datagram() {
            over_datagrams(target, options, timeout, &mut check, &mut unanswered)
        } else {
            over_a_stream(target, options, timeout, &mut check)
        }
    });
    let outcome = match worked {
        Ok(loss) => options.thresholds.check(loss, check.rtt_us, check.failed_addresses),
        Err(error) if error.kind == ErrorKind::Timeout && unanswered.datagrams > 0 => {
            Err(unanswered.explain(error, target, options))
        }
        Err(error) => Err(error),
    };
    Check { outcome: json::outcome(outcome.is_ok()), error: outcome.err(), ..check }
}

/// A whole session: the welcome, one message and its reply, the end. Returns its loss, in percent.
fn over_a_stream(
    target: &Target,
    options: &CheckOptions,
    timeout: Timeout,
    check: &mut Check,
) -> Result<f64, Error> {
    check.tries += 1;
    let mut session = StreamSession::connect(target, timeout)?;
    check.connected(&session.connection);
    check.connect_us = Some(json::micros(session.connection.connected_in));
    check.failed_addresses = session.connection.failed_addresses;
    session.welcome(timeout.start())?;
    let deadline = timeout.start();
    session.say(&message(options), deadline).map_err(|error| match error.kind {
        ErrorKind::Timeout => not_replied(options.size, deadline),
        _ => error,
    })?;
    check.rtt_us = session.round_trip.map(json::micros);
    session.exit(timeout.start())?;
    Ok(0.0)
}

/// Why a message of this `size` was not answered on a stream, as far as that can be known.
fn not_replied(size: usize, deadline: Deadline) -> Error {
    let cause = if size > SMALL {
        "a path that drops large packets, or a server that is stuck"
    } else {
        "a server that is stuck"
    };
    let message =
        format!("welcomed, but no reply to a message of {size} bytes within {deadline}: {cause}");
    Error::unanswered(ErrorKind::Timeout, message)
}

/// One message after the other until one is answered. Returns the part of them that was not answered
/// in time, in percent.
fn over_datagrams(
    target: &Target,
    options: &CheckOptions,
    timeout: Timeout,
    check: &mut Check,
    unanswered: &mut Unanswered,
) -> Result<f64, Error> {
    let candidates = Candidates::connect(target, timeout).inspect_err(|_| check.tries += 1)?;
    let (mut tries, mut waited) = (0, Duration::ZERO);
    let rounds = timeout.rounds(options.tries as usize).inspect(|round| waited += round.wait());
    let answered = candidates.first_answering(rounds, |session, round, deadline| {
        tries = round + 1;
        check.connected(&session.connection);
        session.say(&message(options), deadline)
    });
    check.tries += tries;
    let session = answered.inspect_err(|error| unanswered.add(error, tries, waited))?;
    check.rtt_us = session.round_trip.map(json::micros);
    check.failed_addresses = session.connection.failed_addresses;
    Ok(percent(tries - 1, tries))
}

/// Datagrams in a row to which nothing came back.
#[derive(Debug, Default)]
struct Unanswered {
    datagrams: u64,
    waited: Duration,
}

impl Unanswered {
    /// Adds those of an attempt that ended with `error`. If that is not silence, the row is over.
    fn add(&mut self, error: &Error, datagrams: u64, waited: Duration) {
        if error.kind == ErrorKind::Timeout {
            self.datagrams += datagrams;
            self.waited += waited;
        } else {
            *self = Self::default();
        }
    }

    /// What `error` is, after all these, as far as that can be found out.
    fn explain(&self, error: Error, target: &Target, options: &CheckOptions) -> Error {
        let size = options.size;
        let (datagrams, waited) = (plural(self.datagrams, "datagram"), spaced(self.waited));
        match Silence::diagnose(target, &message(options)) {
            Silence::Complete => error.replaced(format!(
                "no reply to {datagrams} within {waited}: dropped on the way, or nothing answers \
                 there"
            )),
            Silence::Passing => error.of_server(true).replaced(format!(
                "no reply to {datagrams} within {waited}, but to a later one: some are lost on the \
                 way, or replies take longer than --timeout"
            )),
            Silence::TooLong => error.of_server(true).replaced(format!(
                "no reply to {datagrams} of {size} bytes within {waited}, but to a shorter one: too \
                 long for the server's --max-message, or for the path's MTU"
            )),
        }
    }
}

/// A message that nobody can guess, so that what comes is a reply to it, and to no other try.
fn message(options: &CheckOptions) -> Vec<u8> {
    // The keys of a hash map are random, so that nobody can guess those either.
    let numbers = iter::repeat_with(|| RandomState::new().build_hasher().finish());
    let digits = numbers.flat_map(|number| format!("{number:016x}").into_bytes());
    digits.take(options.size).collect()
}

/// A time such as `3 s` or `500 ms`, to the millisecond.
fn spaced(time: Duration) -> String {
    let text = format!("{:?}", Duration::from_millis(time.as_millis() as u64));
    let unit = text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len());
    format!("{} {}", &text[..unit], &text[unit..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yes_tells_how_many_addresses_failed() {
        for (failed_addresses, expected) in [
            (0, "ok       ::1, replied"),
            (1, "ok       ::1, replied; tried in vain: 1 of its addresses"),
            (2, "ok       ::1, replied; tried in vain: 2 of its addresses"),
        ] {
            let check = Check {
                peer_address: Some("::1".to_owned()),
                failed_addresses,
                ..Check::default()
            };
            assert_eq!(check.to_string(), expected);
        }
    }

    #[test]
    fn a_time_stands_apart_from_its_unit() {
        for (millis, expected) in [(3000, "3 s"), (1500, "1.5 s"), (300, "300 ms")] {
            assert_eq!(spaced(Duration::from_millis(millis)), expected);
        }
    }
}
