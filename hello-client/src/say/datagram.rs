//! A session of datagrams: each message is one, and so is its reply.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use hello_proto::{Unexpected, greeting};
use log::info;

use crate::config::Target;
use crate::failure::{Failure, Quoted};
use crate::report::Report;
use crate::script::Script;
use crate::transport::{Connection, Deadline, connect_each, patiently};

/// How long a server that may not be there yet has to answer, before it is asked again.
const PROBE: Duration = Duration::from_millis(200);

/// How many replies are remembered, to know one that comes late or twice.
const REMEMBERED: usize = 1024;

/// Room for the largest datagram.
const BUFFER: usize = 64 * 1024;

/// Says all of `script`.
///
/// # Errors
///
/// The first thing that was not as expected.
pub(super) fn run(
    target: &Target,
    script: &mut Script<'_>,
    report: &mut Report<impl Write>,
) -> Result<(), Failure> {
    let first = script.next()?;
    let started = Instant::now();
    let candidates = connect_each(target)?;
    let Some(first) = first else { return Ok(()) };
    let wait = target.wait.saturating_sub(started.elapsed());
    let mut dialogue = Dialogue::new(target);
    let reached = dialogue.reach(candidates, &first, wait, report);
    dialogue.tell(&first, &reached, report)?;
    let mut connection = reached?;
    while let Some(message) = script.next()? {
        let deadline = Deadline::after(target.timeout);
        let heard = dialogue.say(&message, &mut connection, deadline);
        dialogue.tell(&message, &heard, report)?;
        heard?;
    }
    Ok(())
}

#[derive(Debug)]
struct Dialogue<'a> {
    target: &'a Target,
    /// When the last message was sent.
    sent: Instant,
    /// Replies that came, the latest ones.
    heard: VecDeque<Vec<u8>>,
    buffer: Vec<u8>,
}

impl<'a> Dialogue<'a> {
    fn new(target: &'a Target) -> Self {
        Self { target, sent: Instant::now(), heard: VecDeque::new(), buffer: vec![0; BUFFER] }
    }

    /// Says the first message to one candidate after the other, and again until `wait` is over,
    /// and returns the candidate that answers.
    fn reach(
        &mut self,
        mut candidates: Vec<Connection>,
        message: &[u8],
        wait: Duration,
        report: &mut Report<impl Write>,
    ) -> Result<Connection, Failure> {
        let waiting = Deadline::after(wait);
        let answered = patiently(wait, || {
            let is_last = waiting.remaining().is_zero();
            let timeout = self.target.timeout;
            let deadline = Deadline::after(if is_last { timeout } else { PROBE.min(timeout) });
            let mut failures = Vec::new();
            let count = candidates.len();
            for (index, candidate) in candidates.iter_mut().enumerate() {
                report.connected(candidate);
                match self.say(message, candidate, deadline.share_of(count - index)) {
                    Ok(()) => return Ok(Ok(index)),
                    Err(failure) if failure.said.is_some() => return Ok(Err(failure)),
                    Err(failure) => failures.push(failure.before_any_reply()),
                }
            }
            Err(Failure::all(failures))
        })?;
        let connection = candidates.swap_remove(answered?);
        connection.log_as("answered by");
        Ok(connection)
    }

    /// Sends `message`, and waits for its greeting.
    fn say(
        &mut self,
        message: &[u8],
        connection: &mut Connection,
        deadline: Deadline,
    ) -> Result<(), Failure> {
        let expected = greeting(message);
        let (peer, timeout) = (connection.peer.clone(), self.target.timeout);
        let failed =
            |error: io::Error| Failure::instead_of(&Quoted(&expected), &error, &peer, timeout);
        self.sent = Instant::now();
        connection.send(message, deadline).map_err(failed)?;
        loop {
            let length = connection.receive(&mut self.buffer, deadline).map_err(failed)?;
            let said = &self.buffer[..length];
            if said == expected {
                break;
            }
            if !self.heard.iter().any(|heard| heard == said) {
                let said = said.to_vec();
                return Err(Unexpected::Reply { said, expected: Some(expected) }.into());
            }
            info!("ignored {}, which came before", Quoted(said));
        }
        if self.heard.len() == REMEMBERED {
            self.heard.pop_front();
        }
        self.heard.push_back(expected);
        Ok(())
    }

    /// Reports how it went to say `message`; if it went well, the reply was its greeting.
    fn tell<T>(
        &self,
        message: &[u8],
        outcome: &Result<T, Failure>,
        report: &mut Report<impl Write>,
    ) -> Result<(), Failure> {
        let round_trip = self.sent.elapsed();
        let greeting = greeting(message);
        let reply = match outcome {
            Ok(_) => Some(&*greeting),
            Err(failure) => failure.said.as_deref(),
        };
        report.replied(message, reply, round_trip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::say;
    use std::net::UdpSocket;
    use std::thread;

    #[test]
    fn the_first_address_that_answers_is_talked_to() {
        let [silent, answering] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let mut candidates = Vec::new();
        for server in [&silent, &answering, &silent] {
            let endpoint = format!("udp://{}", server.local_addr().unwrap());
            candidates.extend(connect_each(&say(&["-s", &endpoint]).target).unwrap());
        }
        let expected = candidates[1].local.clone();
        thread::spawn(move || {
            let (_, client) = answering.recv_from(&mut [0; 16]).unwrap();
            answering.send_to(b"Hello, Bob!", client).unwrap();
        });
        let target = say(&["--timeout", "3s"]).target;
        let mut report = Report::new(None, false, Vec::new());
        let mut dialogue = Dialogue::new(&target);
        let reached = dialogue.reach(candidates, b"Bob", Duration::ZERO, &mut report).unwrap();
        assert_eq!(reached.local, expected);
    }
}
