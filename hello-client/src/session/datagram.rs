//! A session of datagrams: each message is one, and so is its reply.

use std::collections::VecDeque;
use std::io;
use std::iter;
use std::mem;
use std::time::{Duration, Instant};

use hello_proto::{check_greeting, greeted_message, greeting, quoted};
use log::info;

use crate::error::{Error, ErrorKind};
use crate::net::{Connection, Deadline, Timeout, connect_each, is_too_long};
use crate::options::Target;

/// How many replies are remembered, to recognize one that comes late or twice.
const REPLY_HISTORY: usize = 1024;

/// Room for the largest datagram.
const BUFFER: usize = 64 * 1024;

/// What a server is asked to find out only whether it is there.
pub(super) const PROBE: &[u8] = b"?";

/// What an empty datagram means that comes first: nginx sends one in that case.
const NO_BACKEND: &str = "not a hello server, or a balancer without a backend";

/// Messages and replies on one socket.
#[derive(Debug)]
pub(crate) struct DatagramSession {
    pub(crate) connection: Connection,
    /// From sending a message to its reply, the last one that came; not known if that message was
    /// sent more than once, since nobody can tell which one was answered (Karn's algorithm).
    pub(crate) round_trip: Option<Duration>,
    /// The messages that have not been answered yet, all different.
    unanswered: Vec<Sent>,
    /// The latest messages that were greeted.
    greeted: VecDeque<Vec<u8>>,
    buffer: Vec<u8>,
}

/// A message, when it was sent last, and how often.
#[derive(Debug)]
struct Sent {
    message: Vec<u8>,
    at: Instant,
    times: u32,
}

impl DatagramSession {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            round_trip: None,
            unanswered: Vec::new(),
            greeted: VecDeque::new(),
            buffer: vec![0; BUFFER],
        }
    }

    /// Sends `message`, and waits for its greeting, or for that of an earlier message that has not
    /// been answered yet.
    ///
    /// # Errors
    ///
    /// What came instead.
    pub(crate) fn say(&mut self, message: &[u8], deadline: Deadline) -> Result<(), Error> {
        self.round_trip = None;
        let mut is_resent = false;
        loop {
            let outcome =
                self.send(message, deadline).and_then(|()| self.receive(message, deadline));
            return match outcome {
                Ok(replied) => replied,
                // With this the system has learned the path's MTU, and will send fragments.
                Err(error) if is_too_long(&error) && !mem::replace(&mut is_resent, true) => {
                    self.connection.discard_errors();
                    self.unanswered.retain(|sent| sent.message != message);
                    continue;
                }
                Err(error) => {
                    Err(self.connection.error(&error, &quoted(&greeting(message)), deadline))
                }
            };
        }
    }

    /// Whether `message` was answered.
    fn has_greeted(&self, message: &[u8]) -> bool {
        self.greeted.iter().any(|greeted| greeted == message)
    }

    fn send(&mut self, message: &[u8], deadline: Deadline) -> io::Result<()> {
        let at = Instant::now();
        self.connection.send(message, deadline)?;
        match self.unanswered.iter_mut().find(|sent| sent.message == message) {
            Some(sent) => {
                sent.at = at;
                sent.times += 1;
            }
            None => self.unanswered.push(Sent { message: message.to_vec(), at, times: 1 }),
        }
        Ok(())
    }

    /// Waits for a reply that is neither late nor a copy.
    fn receive(&mut self, message: &[u8], deadline: Deadline) -> io::Result<Result<(), Error>> {
        loop {
            let length = self.connection.receive(&mut self.buffer, deadline)?;
            let reply = &self.buffer[..length];
            let greeted = greeted_message(reply);
            let sent = self.unanswered.iter().position(|sent| Some(&*sent.message) == greeted);
            if let Some(sent) = sent.map(|index| self.unanswered.swap_remove(index)) {
                self.round_trip = (sent.times == 1).then(|| sent.at.elapsed());
                if self.greeted.len() == REPLY_HISTORY {
                    self.greeted.pop_front();
                }
                self.greeted.push_back(sent.message);
                return Ok(Ok(()));
            }
            if greeted.is_some_and(|message| self.has_greeted(message)) {
                info!("ignored {}, which came before", quoted(reply));
            } else {
                let wrong = check_greeting(reply, message).map_err(Error::from);
                let is_first = self.greeted.is_empty();
                return Ok(wrong.map_err(|error| match (is_first, length) {
                    (true, 0) => error.in_context(NO_BACKEND),
                    (true, _) => error.in_context("not a hello server"),
                    (false, _) => error,
                }));
            }
        }
    }
}

/// A session with each address that a server may be at.
#[derive(Debug)]
pub(crate) struct Candidates {
    pub(super) sessions: Vec<DatagramSession>,
    /// Why there is none with the other addresses.
    pub(super) errors: Vec<Error>,
}

impl Candidates {
    /// All addresses of `target`. That a server is there is not known before its first reply.
    ///
    /// # Errors
    ///
    /// Why there is no address to send to.
    pub(crate) fn connect(target: &Target, timeout: Timeout) -> Result<Self, Error> {
        let (connections, errors) = connect_each(target, timeout)?;
        let sessions = connections.into_iter().map(DatagramSession::new).collect();
        Ok(Self { sessions, errors })
    }

    /// Asks one after the other in each of `rounds`, at least one, which end at these times and are
    /// numbered from 0, and returns the first one that is answered.
    ///
    /// # Errors
    ///
    /// A wrong answer, or if there was none, why. Silence comes first: the server may be where it
    /// is silent, but not where it is refused.
    pub(crate) fn first_answering(
        self,
        rounds: impl Iterator<Item = Deadline>,
        mut ask: impl FnMut(&mut DatagramSession, u64, Deadline) -> Result<(), Error>,
    ) -> Result<DatagramSession, Error> {
        let Self { mut sessions, mut errors } = self;
        let (mut silences, mut empty) = (Vec::new(), None);
        for (round, deadline) in (0..).zip(rounds) {
            silences.clear();
            let mut index = 0;
            while index < sessions.len() {
                let deadline = deadline.split(sessions.len() - index);
                match ask(&mut sessions[index], round, deadline) {
                    Ok(()) => {
                        let mut session = sessions.swap_remove(index);
                        session.connection.failed_addresses = (errors.len() + index) as u64;
                        return Ok(session);
                    }
                    // From a balancer, of which another server may answer the next one.
                    Err(error) if error.reply.as_ref().is_some_and(Vec::is_empty) => {
                        empty = Some(error);
                        index += 1;
                    }
                    Err(error) if error.reply.is_some() => return Err(error),
                    Err(error) if error.kind == ErrorKind::Timeout => {
                        silences.push(error);
                        index += 1;
                    }
                    // There is no point in asking it again.
                    Err(error) => {
                        errors.push(error);
                        sessions.remove(index);
                    }
                }
            }
            if sessions.is_empty() {
                break;
            }
        }
        silences.append(&mut errors);
        Err(empty.unwrap_or_else(|| Error::join(silences)))
    }
}

/// What it means that a message was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// Nothing else is answered either.
    Complete,
    /// Later ones were answered, so that some are lost, or the reply was late.
    Passing,
    /// Shorter ones are answered, all of them, and of this length none.
    TooLong,
}

impl Silence {
    /// How long finding it out may take.
    const DIAGNOSIS: Duration = Duration::from_millis(450);

    /// How often a shorter message has to be answered, and a longer one not: a path that loses every
    /// second datagram looks like that once in a hundred times.
    const ROUNDS: u32 = 3;

    /// Finds out what it means that `message` was not answered.
    pub(crate) fn diagnose(target: &Target, message: &[u8]) -> Self {
        let timeout = Timeout::within(Self::DIAGNOSIS);
        let candidates = Candidates::connect(target, timeout);
        let answered = candidates.and_then(|candidates| {
            let once = iter::once_with(|| timeout.start());
            candidates.first_answering(once, |session, _, deadline| session.say(PROBE, deadline))
        });
        let Ok(mut session) = answered else { return Self::Complete };
        if message.len() <= PROBE.len() {
            return Self::Passing;
        }
        for _ in 0..Self::ROUNDS {
            // What prevents it from leaving is a reason not to be answered, too.
            let _ = session.send(message, timeout.start());
            let outcome = session.say(PROBE, timeout.start());
            if outcome.is_err() || session.has_greeted(message) {
                return Self::Passing;
            }
        }
        // The replies to the last ones are as far from each other as the messages were.
        let rest = Deadline::after(session.round_trip.unwrap_or_default() * 2);
        let _ = session.receive(message, rest.at_most(timeout.start().wait()));
        if session.has_greeted(message) { Self::Passing } else { Self::TooLong }
    }
}

/// Says of `error` what it means that `message` was not answered, if that can be found out.
pub(crate) fn explain_silence(error: Error, target: &Target, message: &[u8]) -> Error {
    if error.kind != ErrorKind::Timeout {
        return error;
    }
    let hint = match Silence::diagnose(target, message) {
        Silence::Complete => return error,
        Silence::Passing => {
            "a later message was answered: some are lost on the way, or replies take longer \
             than --timeout"
        }
        Silence::TooLong => {
            "a shorter message is answered: this one is too long for the server's --max-message, \
             or for the path's MTU"
        }
    };
    error.of_server(true).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::target;
    use std::net::UdpSocket;
    use std::thread;

    /// A socket that is a server, and a session with it.
    fn server_and_session() -> (UdpSocket, DatagramSession) {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("udp://{}", server.local_addr().unwrap());
        let timeout = Timeout::new(Duration::from_secs(60));
        let mut candidates = Candidates::connect(&target(&["-s", &endpoint]), timeout).unwrap();
        (server, candidates.sessions.remove(0))
    }

    #[test]
    fn the_first_address_that_answers_is_talked_to() {
        let [(_one, silent), (server, answering), (_two, last)] =
            [(); 3].map(|()| server_and_session());
        let expected = answering.connection.local.clone();
        thread::spawn(move || {
            let (_, client) = server.recv_from(&mut [0; 16]).unwrap();
            server.send_to(b"Hello, Bob!", client).unwrap();
        });
        let once = iter::once(Deadline::after(Duration::from_secs(3)));
        let sessions = vec![silent, answering, last];
        let candidates = Candidates { sessions, errors: vec![] };
        let reached =
            candidates.first_answering(once, |session, _, deadline| session.say(b"Bob", deadline));
        assert_eq!(reached.unwrap().connection.local, expected);
    }

    #[test]
    fn a_reply_is_timed_from_its_own_message() {
        let (server, mut session) = server_and_session();
        let short = || Deadline::after(Duration::from_millis(50));
        assert_eq!(session.say(b"one", short()).unwrap_err().kind, ErrorKind::Timeout);
        let (_, client) = server.recv_from(&mut [0; 16]).unwrap();
        server.send_to(b"Hello, one!", client).unwrap();
        session.say(b"two", short()).unwrap();
        let round_trip = session.round_trip.unwrap();
        assert!(round_trip >= Duration::from_millis(50), "{round_trip:?}");
    }

    #[test]
    fn the_round_trip_of_a_message_that_was_sent_twice_is_not_known() {
        let (server, mut session) = server_and_session();
        let short = || Deadline::after(Duration::from_millis(50));
        session.say(b"one", short()).unwrap_err();
        let (_, client) = server.recv_from(&mut [0; 16]).unwrap();
        server.send_to(b"Hello, one!", client).unwrap();
        session.say(b"one", short()).unwrap();
        assert_eq!(session.round_trip, None);
    }
}
