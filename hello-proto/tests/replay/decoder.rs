//! Any split of any stream gives the same messages and the same end.

use hello_proto::{DecodeError, Decoder, Framing};

const LIMIT: usize = 16;

/// The first byte picks the framing, the second how the rest is split.
pub(crate) fn holds(input: &[u8]) {
    let [framing, seed, stream @ ..] = input else {
        return;
    };
    let framing = Framing::ALL[usize::from(*framing) % Framing::ALL.len()];
    let split = decode(framing, &pieces(stream, *seed));
    if framing == Framing::Raw {
        // Chunks are messages: only the bytes are the same.
        assert_eq!(split.0.concat(), stream);
    } else {
        assert_eq!(split, decode(framing, &[stream]));
    }
}

fn decode(framing: Framing, chunks: &[&[u8]]) -> (Vec<Vec<u8>>, Result<(), DecodeError>) {
    let mut decoder = Decoder::new(framing, LIMIT);
    let mut messages = Vec::new();
    for mut input in chunks.iter().copied() {
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(message)) => {
                    assert!(message.len() <= LIMIT);
                    messages.push(message.to_vec());
                }
                Ok(None) => break,
                Err(error) => return (messages, Err(error)),
            }
        }
        assert!(input.is_empty());
    }
    match decoder.finish() {
        Ok(last) => {
            messages.extend(last.map(<[u8]>::to_vec));
            (messages, Ok(()))
        }
        Err(error) => (messages, Err(error)),
    }
}

/// Cuts `stream` into pieces whose lengths follow from `seed`.
pub(crate) fn pieces(mut stream: &[u8], seed: u8) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut length = usize::from(seed);
    while !stream.is_empty() {
        length = (length * 5 + 1) % 23;
        let (piece, rest) = stream.split_at(length.min(stream.len()));
        pieces.push(piece);
        stream = rest;
    }
    pieces
}
