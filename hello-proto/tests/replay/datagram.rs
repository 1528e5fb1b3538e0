//! Whatever datagram comes: its greeting, a line if it is one, or silence; and what came before leaves no
//! trace.

use hello_proto::{DatagramBuffer, Framing};

const LIMIT: usize = 16;

/// The first byte picks the framing, the second how long the first of two datagrams is.
pub(crate) fn holds(input: &[u8]) {
    let [framing, length, rest @ ..] = input else {
        return;
    };
    let framing = Framing::ALL[usize::from(*framing) % Framing::ALL.len()];
    let (first, second) = rest.split_at(usize::from(*length).min(rest.len()));
    let mut buffer = DatagramBuffer::new(framing, LIMIT);
    for datagram in [first, second] {
        let line = datagram.strip_suffix(b"\n").filter(|_| framing == Framing::Line);
        let message = line.map_or(datagram, |line| line.strip_suffix(b"\r").unwrap_or(line));
        let end = if line.is_some() { "\n" } else { "" };
        let greeting = [b"Hello, ", message, b"!", end.as_bytes()].concat();
        let is_short = message.len() <= LIMIT;
        assert_eq!(answer(&mut buffer, datagram), is_short.then_some(greeting));
        assert_eq!(framing.check_datagram(datagram, LIMIT).is_ok(), is_short && line.is_none());
    }
}

fn answer(buffer: &mut DatagramBuffer, datagram: &[u8]) -> Option<Vec<u8>> {
    let space = buffer.recv_buf();
    let length = datagram.len().min(space.len());
    space[..length].copy_from_slice(&datagram[..length]);
    buffer.greeting(length).map(<[u8]>::to_vec)
}
