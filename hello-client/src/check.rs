//! Whether paths work: for each endpoint a yes or a no, with the reason.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use serde::Serialize;

use crate::error::{Error, ErrorKind};
use crate::net::{Connection, Deadline, Timeout, retry_until};
use crate::options::{CheckOptions, OutputOptions, Target};
use crate::report::{self, json};
use crate::session::{DatagramSession, StreamSession, first_answering, is_shorter_answered};
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
    let checks: Vec<Check> = thread::scope(|scope| {
        let spawn = |target| {
            let thread = thread::Builder::new().spawn_scoped(scope, move || check(target, options));
            (target, thread)
        };
        let threads: Vec<_> = targets.iter().map(spawn).collect();
        let checks = threads.into_iter().map(|(target, thread)| match thread {
            Ok(thread) => thread.join().expect("the panic hook has reported it"),
            // With too many threads for the system it is checked after the others.
            Err(_) => check(target, options),
        });
        checks
            .inspect(|check| {
                if is_text && written.is_ok() {
                    let line = writeln!(out, "{:<width$}  {check}", check.endpoint);
                    written = line.and_then(|()| out.flush()).map_err(Error::output);
                }
            })
            .collect()
    });
    if output.json {
        let outcome = if checks.iter().all(Check::is_ok) { "ok" } else { "failed" };
        written = json::write_line(&Report { outcome, checks: &checks }, out);
    }
    if written.is_err() {
        return report::finish(None::<&str>, written);
    }
    let codes = checks.iter().filter_map(|check| check.error.as_ref()).map(Error::exit_code);
    ExitCode::from(codes.max().unwrap_or_default())
}

/// A packet of this size, in bytes, fits into any path.
const SMALL: usize = 500;

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report<'a> {
    outcome: &'static str,
    checks: &'a [Check],
}

/// What is known about the path to one endpoint.
#[derive(Debug, Serialize)]
struct Check {
    endpoint: String,
    peer_address: Option<String>,
    outcome: &'static str,
    connect_us: Option<f64>,
    rtt_us: Option<f64>,
    /// How often a connection, or a reply to a datagram, was waited for.
    tries: u64,
    error: Option<Error>,
}

impl Check {
    fn is_ok(&self) -> bool {
        self.error.is_none()
    }

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
        match self.tries {
            1 => Ok(()),
            tries => write!(f, " at try {tries}"),
        }
    }
}

/// Checks one endpoint.
fn check(target: &Target, options: &CheckOptions) -> Check {
    let mut check = Check {
        endpoint: target.endpoint.to_string(),
        peer_address: None,
        outcome: "ok",
        connect_us: None,
        rtt_us: None,
        tries: 0,
        error: None,
    };
    let worked = retry_until(target, |timeout| {
        if target.is_datagram() {
            over_datagrams(target, options, timeout, &mut check)
        } else {
            over_a_stream(target, options, timeout, &mut check)
        }
    });
    let outcome = worked.and_then(|Worked { loss, failed_addresses }| {
        options.thresholds.check(loss, check.rtt_us, failed_addresses)
    });
    if let Err(error) = outcome {
        check.outcome = "failed";
        check.error = Some(error);
    }
    check
}

/// What was not perfect about a path that works.
struct Worked {
    /// The part of the tries without an answer, in percent.
    loss: f64,
    /// How many other addresses of the same name do not work.
    failed_addresses: u64,
}

/// A whole session: the welcome, one message and its reply, the end.
fn over_a_stream(
    target: &Target,
    options: &CheckOptions,
    timeout: Timeout,
    check: &mut Check,
) -> Result<Worked, Error> {
    check.tries += 1;
    let mut session = StreamSession::connect(target, timeout)?;
    check.connected(&session.connection);
    check.connect_us = Some(json::micros(session.connection.connected_in));
    session.welcome(timeout.start())?;
    let deadline = timeout.start();
    session.say(&message(0, options), deadline).map_err(|error| match error.kind {
        ErrorKind::Timeout => not_replied(options.size, deadline),
        _ => error,
    })?;
    check.rtt_us = session.round_trip.map(json::micros);
    session.exit(timeout.start())?;
    Ok(Worked { loss: 0.0, failed_addresses: session.connection.failed_addresses })
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

/// One message, sent again until it is answered.
fn over_datagrams(
    target: &Target,
    options: &CheckOptions,
    timeout: Timeout,
    check: &mut Check,
) -> Result<Worked, Error> {
    let sessions =
        DatagramSession::connect_each(target, timeout).inspect_err(|_| check.tries += 1)?;
    let rounds = (0..options.tries).map(|_| timeout.start());
    let mut tries = 0;
    let answered = first_answering(sessions, rounds, |session, round, deadline| {
        tries = round + 1;
        check.connected(&session.connection);
        // Each try has its own message, so that a late reply is not taken for that to a later try.
        session.say(&message(round, options), deadline)
    });
    check.tries += tries;
    let session = answered.map_err(|error| match error.kind {
        ErrorKind::Timeout => silence(target, options, tries),
        _ => error,
    })?;
    check.rtt_us = session.round_trip.map(json::micros);
    let failed_addresses = session.connection.failed_addresses;
    Ok(Worked { loss: percent(tries - 1, tries), failed_addresses })
}

/// Why no datagram was answered, as far as that can be found out.
fn silence(target: &Target, options: &CheckOptions, tries: u64) -> Error {
    let size = options.size;
    let datagrams = plural(tries, "datagram");
    let waited = target.timeout().saturating_mul(u32::try_from(tries).unwrap_or(u32::MAX));
    let waited = spaced(waited);
    if is_shorter_answered(target, size) {
        let message = format!(
            "no reply to {datagrams} of {size} bytes within {waited}, but to a shorter one: too \
             long for the server's --max-message, or for the path's MTU"
        );
        return Error::unanswered(ErrorKind::Timeout, message);
    }
    let message = format!(
        "no reply to {datagrams} within {waited}: dropped on the way, or nothing answers there"
    );
    Error::unreached(ErrorKind::Timeout, message)
}

/// The message of a try, counted from 0.
fn message(round: u64, options: &CheckOptions) -> Vec<u8> {
    let letter = b'a' + (round % 26) as u8;
    vec![letter; options.size]
}

/// A time such as `3 s` or `500 ms`.
fn spaced(time: Duration) -> String {
    let text = format!("{time:?}");
    let unit = text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len());
    format!("{} {}", &text[..unit], &text[unit..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_stands_apart_from_its_unit() {
        for (millis, expected) in [(3000, "3 s"), (1500, "1.5 s"), (300, "300 ms")] {
            assert_eq!(spaced(Duration::from_millis(millis)), expected);
        }
    }
}
