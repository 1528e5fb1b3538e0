//! What a server says: the welcome, the greeting, the error.

/// The first thing that a server says on a stream.
pub const WELCOME: &[u8] = b"Welcome!";

pub(crate) const PREFIX: &[u8] = b"Hello, ";
pub(crate) const SUFFIX: &[u8] = b"!";
pub(crate) const LINE_SUFFIX: &[u8] = b"!\n";
pub(crate) const ERROR: &[u8] = b"Error: ";

/// By how many bytes a greeting is longer than its message.
pub(crate) const GREETING_OVERHEAD: usize = PREFIX.len() + SUFFIX.len();

/// The greeting of `message`.
///
/// ```
/// assert_eq!(hello_proto::greeting(b"Michael"), b"Hello, Michael!");
/// ```
#[must_use]
pub fn greeting(message: &[u8]) -> Vec<u8> {
    [PREFIX, message, SUFFIX].concat()
}
