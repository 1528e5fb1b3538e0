//! However the beginning of a connection is split: the same header or the same error, at the same byte,
//! and within the bound.

use hello_proto::{ProxyHeader, ProxyHeaderError};

/// The input is what is received.
pub(crate) fn holds(received: &[u8]) {
    let whole = ProxyHeader::parse(received);
    let decided = |length: &usize| ProxyHeader::parse(&received[..*length]) != Ok(None);
    let Some(decided) = (0..=received.len()).find(decided) else {
        assert_eq!(whole, Ok(None));
        return;
    };
    assert!(decided <= ProxyHeader::MAX_LENGTH);
    for length in decided..=received.len().min(decided + 200) {
        assert_eq!(ProxyHeader::parse(&received[..length]), whole, "{length} bytes");
    }
    match whole {
        // It ends where it is complete: nothing of what follows is taken.
        Ok(header) => assert_eq!(header.map(|header| header.length), Some(decided)),
        Err(ProxyHeaderError::TooLong { limit }) => assert!(limit <= ProxyHeader::MAX_LENGTH),
        Err(error) => assert!(!error.to_string().contains(char::is_control)),
    }
}
