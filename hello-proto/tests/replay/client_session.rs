//! Whatever a server says: no reply is accepted but the one expected, and nothing panics.

use hello_proto::{ClientSession, Framing, greeting};

/// The first byte picks the framing, the second how the rest is split; the rest is what the server
/// says to `Bob` and an empty message.
pub(crate) fn holds(input: &[u8]) {
    let [framing, seed, said @ ..] = input else {
        return;
    };
    let framing = Framing::ALL[usize::from(*framing) % Framing::ALL.len()];
    let mut session = ClientSession::new(framing, 16);
    let mut expected = vec![b"Welcome!".to_vec()];
    for message in [&b"Bob"[..], b""] {
        if session.say(message, &mut Vec::new()).is_ok() {
            expected.push(greeting(message));
        }
    }
    let mut expected = expected.into_iter();
    for mut chunk in said.chunks(usize::from(*seed) + 1) {
        loop {
            match session.receive(&mut chunk) {
                Ok(Some(reply)) => assert_eq!(Some(reply), expected.next().as_deref()),
                Ok(None) => break,
                Err(unexpected) => {
                    assert!(!unexpected.to_string().contains(char::is_control));
                    return;
                }
            }
        }
    }
    if session.receive_end().is_ok() {
        assert_eq!(expected.next(), None);
    }
}
