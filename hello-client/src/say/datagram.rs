//! A session of datagrams: each message is one, and so is its reply.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::time::Instant;

use hello_proto::{check_greeting, greeted_message, greeting};
use log::info;

use super::Transcript;
use super::script::Script;
use crate::error::{Error, quoted};
use crate::net::{Connection, connect_each, first_answering};
use crate::options::Target;

/// How many replies are remembered, to recognize one that comes late or twice.
const REPLY_HISTORY: usize = 1024;

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
    transcript: &mut Transcript<impl Write>,
) -> Result<(), Error> {
    let first = script.next()?;
    let started = Instant::now();
    let candidates = connect_each(target)?;
    let Some(first) = first else { return Ok(()) };
    let wait = target.wait.saturating_sub(started.elapsed());
    let mut session = DatagramSession::new(target);
    let answered = first_answering(candidates, target, wait, |candidate, deadline| {
        transcript.connected(candidate);
        session.say(&first, candidate, deadline)
    });
    let mut connection = match answered {
        Ok(connection) => connection,
        Err(error) => return transcript.replied(&first, Err(error), session.sent.elapsed()),
    };
    transcript.replied(&first, Ok(()), session.sent.elapsed())?;
    while let Some(message) = script.next()? {
        let outcome = session.say(&message, &mut connection, Instant::now() + target.timeout());
        transcript.replied(&message, outcome, session.sent.elapsed())?;
    }
    Ok(())
}

#[derive(Debug)]
struct DatagramSession<'a> {
    target: &'a Target,
    /// When the last message was sent.
    sent: Instant,
    /// The latest messages that were greeted.
    greeted: VecDeque<Vec<u8>>,
    buffer: Vec<u8>,
}

impl<'a> DatagramSession<'a> {
    fn new(target: &'a Target) -> Self {
        Self { target, sent: Instant::now(), greeted: VecDeque::new(), buffer: vec![0; BUFFER] }
    }

    /// Sends `message`, and waits for its greeting.
    fn say(
        &mut self,
        message: &[u8],
        connection: &mut Connection,
        deadline: Instant,
    ) -> Result<(), Error> {
        let peer = connection.peer.clone();
        let failed = |error: io::Error| {
            let expected = quoted(&greeting(message));
            Error::instead_of(&expected, &error, &peer, self.target.timeout())
        };
        self.sent = Instant::now();
        connection.send(message, deadline).map_err(failed)?;
        loop {
            let length = connection.receive(&mut self.buffer, deadline).map_err(failed)?;
            let reply = &self.buffer[..length];
            let Err(wrong) = check_greeting(reply, message) else { break };
            let earlier = |message: &[u8]| self.greeted.iter().any(|earlier| earlier == message);
            if !greeted_message(reply).is_some_and(earlier) {
                return Err(wrong.into());
            }
            info!("ignored {}, which came before", quoted(reply));
        }
        if self.greeted.len() == REPLY_HISTORY {
            self.greeted.pop_front();
        }
        self.greeted.push_back(message.to_vec());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::target;
    use std::net::UdpSocket;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn the_first_address_that_answers_is_talked_to() {
        let [silent, answering] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let mut candidates = Vec::new();
        for server in [&silent, &answering, &silent] {
            let endpoint = format!("udp://{}", server.local_addr().unwrap());
            candidates.extend(connect_each(&target(&["-s", &endpoint])).unwrap());
        }
        let expected = candidates[1].local.clone();
        thread::spawn(move || {
            let (_, client) = answering.recv_from(&mut [0; 16]).unwrap();
            answering.send_to(b"Hello, Bob!", client).unwrap();
        });
        let target = target(&["--timeout", "3s"]);
        let mut session = DatagramSession::new(&target);
        let ask = |candidate: &mut Connection, deadline| session.say(b"Bob", candidate, deadline);
        let reached = first_answering(candidates, &target, Duration::ZERO, ask).unwrap();
        assert_eq!(reached.local, expected);
    }
}
