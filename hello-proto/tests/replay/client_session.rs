//! Whatever a server says: no reply is accepted but the one expected, and nothing panics.

use hello_proto::{ClientSession, Decoder, Framing, greeting};

/// The first byte picks the framing, the second how the rest is split; the rest is what the server
/// says to `Bob` and an empty message.
pub(crate) fn holds(input: &[u8]) {
    let [framing, seed, stream @ ..] = input else {
        return;
    };
    let framing = Framing::ALL[usize::from(*framing) % Framing::ALL.len()];
    let mut session = ClientSession::new(framing, 16);
    let mut expected = vec![b"Welcome!".to_vec()];
    for message in [&b"Bob"[..], b""] {
        if session.send(message, &mut Vec::new()).is_ok() {
            expected.push(greeting(message));
        }
    }
    let mut accepted = 0;
    for mut chunk in stream.chunks(usize::from(*seed) + 1) {
        while !chunk.is_empty() {
            match session.receive(&mut chunk) {
                Ok(count) => accepted += count,
                Err(error) => {
                    assert!(!error.to_string().contains(char::is_control));
                    return;
                }
            }
        }
    }
    assert_eq!(session.pending(), expected.len() - accepted);
    assert_said(framing, stream, &expected[..accepted]);
    if session.receive_end().is_ok() {
        assert_eq!(accepted, expected.len());
    }
}

/// Asserts that `stream` begins with these replies.
fn assert_said(framing: Framing, mut stream: &[u8], replies: &[Vec<u8>]) {
    if framing == Framing::Raw {
        assert!(stream.starts_with(&replies.concat()));
        return;
    }
    let mut decoder = Decoder::new(framing, 1024);
    for reply in replies {
        assert_eq!(decoder.decode(&mut stream), Ok(Some(&**reply)));
    }
}
