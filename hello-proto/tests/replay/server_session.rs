//! Whatever a client sends, however it is split: the same replies, the same end, bounded output.

use hello_proto::{Framing, ServerSession, SessionEnd};

const LIMIT: usize = 16;

/// The first byte picks the framing, the second how the rest is split.
pub(crate) fn holds(input: &[u8]) {
    let [framing, seed, stream @ ..] = input else {
        return;
    };
    let framing = Framing::ALL[usize::from(*framing) % Framing::ALL.len()];
    let size = usize::from(*seed) + 1;
    let chunks: Vec<_> = stream.chunks(size).collect();
    let split = answer(framing, &chunks);
    if framing != Framing::Raw {
        assert_eq!(split, answer(framing, &[stream]));
    }
}

fn answer(framing: Framing, chunks: &[&[u8]]) -> (Vec<u8>, u64, SessionEnd) {
    let mut session = ServerSession::new(framing, LIMIT);
    let (mut reply, mut out) = (Vec::new(), Vec::new());
    for mut input in chunks.iter().copied() {
        while !input.is_empty() {
            let end = session.receive(&mut input, &mut out);
            assert!(out.len() <= ServerSession::OUTPUT_HIGH_WATER + 64);
            reply.append(&mut out);
            if let Some(end) = end {
                return (reply, session.messages(), end);
            }
        }
    }
    let end = session.receive_end(&mut reply);
    (reply, session.messages(), end)
}
