//! A session on a stream: a welcome, one message and its reply after the other, `exit`, the end.

use std::io::Write;
use std::os::fd::AsFd;

use super::Transcript;
use super::script::Script;
use crate::error::Error;
use crate::net::{Timeout, retry_until};
use crate::options::Target;
use crate::session::StreamSession;

/// Connects, and says all of `script`.
///
/// # Errors
///
/// The first thing that was not as expected.
pub(super) fn run(
    target: &Target,
    script: &mut Script<'_>,
    transcript: &mut Transcript<impl Write>,
) -> Result<(), Error> {
    let welcomed = retry_until(target, |timeout| {
        let mut session = StreamSession::connect(target, timeout)?;
        transcript.connected(&session.connection);
        session.welcome(timeout.start())?;
        Ok(session)
    });
    let mut session = transcript.welcomed(welcomed)?;
    let timeout = Timeout::new(target.timeout());
    let script_end = loop {
        if script.is_interrupted_by(session.connection.as_fd()) {
            return transcript.exited(Err(session.interruption(timeout.start())));
        }
        match script.next() {
            Ok(Some(message)) => {
                let outcome = session.say(&message, timeout.start());
                transcript.replied(&message, outcome, session.round_trip)?;
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    let exited = transcript.exited(session.exit(timeout.start()));
    script_end.and(exited)
}
