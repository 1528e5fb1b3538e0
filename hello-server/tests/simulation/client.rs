//! Clients: what each is going to do, and when it may.

use std::collections::VecDeque;
use std::net::SocketAddr;

use hello_proto::Framing;

use crate::kernel::clock::{MILLISECOND, SECOND};
use crate::kernel::connection::{Connection, MAX_READ};
use crate::kernel::{Kernel, Limits};
use crate::oracle::frame;
use crate::random::Random;

/// What a client does next.
#[derive(Debug)]
enum Step {
    /// It sends this, in parts of any size.
    Send(Vec<u8>),
    /// A byte of urgent data on TCP, a message that carries a descriptor on a Unix socket.
    Mark,
    Pause(u64),
    HalfClose,
    Reset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    All,
    Little,
    Nothing,
}

#[derive(Debug)]
pub(crate) struct Client {
    listener: usize,
    address: SocketAddr,
    /// What counts as its address: its own, or the one in the header of its proxy.
    host: u8,
    script: VecDeque<Step>,
    reads: Reads,
    /// Closes when the server has closed, as a client should.
    closes: bool,
    space: usize,
    /// How long its PROXY header is, if it has a proper one; none is needed without the protocol.
    header: Option<usize>,
    /// It does nothing before.
    until: u64,
    connection: Option<usize>,
    done: bool,
}

/// Where clients come from: the last bytes of their addresses.
pub(crate) const HOSTS: [u8; 3] = [1, 2, 3];

/// How much the network holds for the server.
const MAX_UNREAD: usize = 128 * 1024;

impl Client {
    pub(crate) fn random(random: &mut Random, limits: Limits, listeners: usize) -> Self {
        let script = script(random, limits);
        let reads = match random.within(0..100) {
            0..75 => Reads::All,
            75..90 => Reads::Little,
            _ => Reads::Nothing,
        };
        let space = random.pick(&[1, 7, 100, 4096, 1 << 20, 1 << 20, 1 << 20, 1 << 20]);
        let wait = random.pick(&[0, 0, MILLISECOND, SECOND]);
        let (closes, until) = (random.percent(90), random.within(0..wait + 1));
        Self { reads, closes, space, until, ..Self::new(random, limits, listeners, script) }
    }

    /// One of a crowd, which says one thing at once, and leaves after `stay`; a few have much to say
    /// first, and may be slow to read the replies.
    pub(crate) fn brief(random: &mut Random, limits: Limits, listeners: usize, stay: u64) -> Self {
        let bytes = message(random, limits.framing, 3);
        let mut script = VecDeque::from([Step::Send(bytes), Step::Pause(stay)]);
        let mut space = 1 << 20;
        if random.percent(10) {
            flush(&mut script, &mut flood(random, limits));
            space = random.pick(&[4096, 1 << 20]);
        }
        script.push_back(Step::HalfClose);
        Self { space, ..Self::new(random, limits, listeners, script) }
    }

    fn new(
        random: &mut Random,
        limits: Limits,
        listeners: usize,
        mut script: VecDeque<Step>,
    ) -> Self {
        let host = random.pick(&HOSTS);
        let header = header(random, limits, host);
        // Each proxy has its own.
        let address = match limits.proxy_protocol {
            true => [10, 1, random.within(0..256) as u8, random.within(0..256) as u8],
            false => [10, 0, 0, host],
        };
        if let Some(mut bytes) = header.clone().filter(|bytes| !bytes.is_empty()) {
            if random.percent(10) {
                // It does not send all of it, and closes or waits.
                bytes.truncate(random.size(1..bytes.len()));
                script.retain(|step| random.percent(50) && matches!(step, Step::HalfClose));
            }
            script.push_front(Step::Send(bytes));
        }
        Self {
            listener: random.size(0..listeners),
            address: SocketAddr::from((address, 1)),
            host,
            script,
            reads: Reads::All,
            closes: true,
            space: 1 << 20,
            header: header.map(|bytes| bytes.len()),
            until: 0,
            connection: None,
            done: false,
        }
    }

    /// When it goes on, if that is later.
    pub(crate) fn waits_until(&self, kernel: &Kernel) -> Option<u64> {
        (!self.done && self.until > kernel.now).then_some(self.until)
    }

    /// Whether the server has more of it to read than it reads in a turn.
    pub(crate) fn floods(&self, kernel: &Kernel) -> bool {
        self.connection.is_some_and(|index| kernel.connections[index].input.len() > MAX_READ)
    }

    /// Whether there is anything for it to do now.
    pub(crate) fn can_act(&self, kernel: &Kernel) -> bool {
        if self.done || self.until > kernel.now {
            return false;
        }
        let Some(connection) = self.connection else { return true };
        let it = &kernel.connections[connection];
        self.can_send(it) || self.can_read(it) || self.sees_end(it)
    }

    fn can_send(&self, it: &Connection) -> bool {
        match self.script.front() {
            Some(Step::Send(_)) => it.input.len() < MAX_UNREAD,
            // There is only one mark at a time.
            Some(Step::Mark) => it.unix || !it.has_mark(),
            step => step.is_some(),
        }
    }

    fn can_read(&self, it: &Connection) -> bool {
        self.reads != Reads::Nothing && !it.output.is_empty()
    }

    fn sees_end(&self, it: &Connection) -> bool {
        let end = it.output.is_empty() && it.shut.is_some() && self.closes;
        it.lost || (end && self.reads != Reads::Nothing)
    }

    /// Does one thing.
    pub(crate) fn act(&mut self, kernel: &mut Kernel) {
        let Some(connection) = self.connection else {
            let unix = self.listener == 1;
            let mut it =
                Connection::new(unix, self.address, self.space, self.header, kernel.limits);
            it.host = (!unix || kernel.limits.proxy_protocol).then_some(self.host);
            self.connection = kernel.connect(self.listener, it);
            kernel.log(|| format!("a client connects: {:?}", self.connection));
            self.done = self.connection.is_none();
            return;
        };
        let it = &kernel.connections[connection];
        let (send, read, end) = (self.can_send(it), self.can_read(it), self.sees_end(it));
        if end {
            // A client that is told of the end closes; what it had still to say is lost.
            kernel.log(|| format!("client {connection} closes"));
            if !kernel.connections[connection].closed {
                kernel.half_close(connection);
            }
            self.done = true;
        } else if read && (!send || kernel.random.percent(50)) {
            let most = if self.reads == Reads::Little { 16 } else { usize::MAX };
            let length = kernel.connections[connection].output.len();
            let count = match kernel.random.percent(50) {
                true => length,
                false => kernel.random.size(1..length + 1),
            };
            let count = kernel.take(connection, count.min(most));
            kernel.log(|| format!("client {connection} takes {count}"));
            if self.reads == Reads::Little {
                self.until = kernel.now + kernel.random.within(0..100 * MILLISECOND);
            }
        } else if send {
            self.send(connection, kernel);
        }
    }

    fn send(&mut self, connection: usize, kernel: &mut Kernel) {
        let Some(step) = self.script.front_mut() else { return };
        match step {
            Step::Send(bytes) => {
                let count = match kernel.random.percent(70) {
                    true => bytes.len(),
                    false => kernel.random.size(1..bytes.len() + 1),
                };
                let rest = bytes.split_off(count);
                let part = std::mem::replace(bytes, rest);
                kernel.log(|| format!("client {connection} sends {:?}", shortened(&part)));
                kernel.deliver(connection, &part);
                if !bytes.is_empty() {
                    return;
                }
            }
            Step::Mark if kernel.connections[connection].unix => kernel.cut(connection),
            Step::Mark => {
                kernel.log(|| format!("client {connection} sends an urgent byte"));
                kernel.deliver_urgent(connection);
            }
            Step::Pause(time) => self.until = kernel.now + *time,
            Step::HalfClose => {
                kernel.log(|| format!("client {connection} closes its direction"));
                kernel.half_close(connection);
            }
            Step::Reset => {
                kernel.log(|| format!("client {connection} resets"));
                kernel.reset(connection);
                self.done = true;
            }
        }
        self.script.pop_front();
    }
}

fn shortened(bytes: &[u8]) -> String {
    match bytes.len() {
        0..100 => bytes.escape_ascii().to_string(),
        length => format!("{}... {length} bytes", bytes[..50].escape_ascii()),
    }
}

/// The header of its proxy, of version 1 or 2: empty without the protocol, `None` if it is missing.
fn header(random: &mut Random, limits: Limits, host: u8) -> Option<Vec<u8>> {
    if !limits.proxy_protocol {
        return Some(Vec::new());
    }
    match random.within(0..100) {
        0..10 => None,
        10..40 => {
            let addresses = [10, 0, 0, host, 10, 0, 0, 9, 0, 1, 0, 2];
            Some([b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", &addresses[..]].concat())
        }
        _ => Some(format!("PROXY TCP4 10.0.0.{host} 10.0.0.9 1 2\r\n").into()),
    }
}

/// What a client does, from beginning to end.
fn script(random: &mut Random, limits: Limits) -> VecDeque<Step> {
    let mut script = VecDeque::new();
    let mut pending = Vec::new();
    for _ in 0..random.size(0..6) {
        match random.within(0..100) {
            0..3 => pending.extend(flood(random, limits)),
            3..6 => {
                let length = limits.max_message + random.size(1..4);
                pending.extend(message(random, limits.framing, length));
            }
            6..8 => {
                let length = limits.max_message - random.size(0..4);
                pending.extend(message(random, limits.framing, length));
            }
            8..10 => {
                flush(&mut script, &mut pending);
                burst(&mut script, random, limits);
            }
            _ => {
                let length = random.size(0..limits.max_message.min(40) + 1);
                pending.extend(message(random, limits.framing, length));
            }
        }
        // Together with what follows, or before it.
        if random.percent(60) {
            flush(&mut script, &mut pending);
            match random.within(0..100) {
                0..25 => script.push_back(Step::Mark),
                25..50 => script.push_back(pause(random, limits)),
                _ => {}
            }
        }
    }
    if random.percent(20) {
        flush(&mut script, &mut pending);
        script.push_back(pause(random, limits));
    }
    let end = random.within(0..100);
    if end < 35 {
        // Alone or not, and what follows it is for nobody.
        if random.percent(50) {
            flush(&mut script, &mut pending);
        }
        pending.extend(frame(limits.framing, b"exit"));
        if random.percent(50) {
            flush(&mut script, &mut pending);
        }
        match random.within(0..100) {
            0..40 => pending.extend(message(random, limits.framing, 3)),
            40..45 => {
                flush(&mut script, &mut pending);
                burst(&mut script, random, limits);
            }
            _ => {}
        }
    } else if end < 50 && limits.framing != Framing::Raw {
        // The beginning of a message.
        pending.extend(b"\0\0\0");
    }
    flush(&mut script, &mut pending);
    match end {
        0..10 | 40..75 => script.push_back(Step::HalfClose),
        75..85 => script.push_back(Step::Reset),
        _ => {}
    }
    script
}

/// Now and then until the server is about to lose patience.
fn pause(random: &mut Random, limits: Limits) -> Step {
    let time = random.pick(&[MILLISECOND, 90 * MILLISECOND, SECOND, 3 * SECOND]);
    let late = limits.idle_timeout + random.within(0..50 * MILLISECOND);
    Step::Pause(if random.percent(20) { late } else { random.within(0..time) })
}

fn flush(script: &mut VecDeque<Step>, pending: &mut Vec<u8>) {
    if !pending.is_empty() {
        script.push_back(Step::Send(std::mem::take(pending)));
    }
}

fn message(random: &mut Random, framing: Framing, length: usize) -> Vec<u8> {
    // Repeated, but not in step with any buffer, so that bytes out of place are seen.
    let letters: Vec<u8> = (0..length.min(61)).map(|_| b'a' + random.within(0..26) as u8).collect();
    let mut bytes = letters.repeat(length / 61 + 1);
    bytes.truncate(length);
    match framing {
        Framing::Line if random.percent(10) => [&*bytes, b"\r\n"].concat(),
        framing => frame(framing, &bytes),
    }
}

/// More reads, each of which ends early, than a session has in a turn.
fn burst(script: &mut VecDeque<Step>, random: &mut Random, limits: Limits) {
    for _ in 0..random.size(17..40) {
        script.push_back(Step::Send(message(random, limits.framing, 1)));
        script.push_back(Step::Mark);
    }
}

/// More than a read takes, and more replies than a session may hold.
fn flood(random: &mut Random, limits: Limits) -> Vec<u8> {
    let messages = random.pick(&[2_000, 10_000, 40_000]);
    let length = limits.max_message.min(random.pick(&[0, 1, 30]));
    frame(limits.framing, &vec![b'x'; length]).repeat(messages / (length + 1))
}
