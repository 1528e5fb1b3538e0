//! A session of datagrams: each message is one, and so is its reply.

use std::io::Write;

use super::Transcript;
use super::script::Script;
use crate::error::Error;
use crate::net::{Timeout, retry_until};
use crate::options::Target;
use crate::session::{Candidates, explain_silence};

/// Says all of `script`.
///
/// # Errors
///
/// The first thing that was not as expected.
pub(super) fn run(
    target: &Target,
    script: &mut Script<'_>,
    transcript: &mut Transcript<impl Write>,
) -> Result<(), Error> {
    let Some(first) = script.next()? else {
        return Err(Error::usage("there is no message, and without one a datagram proves nothing"));
    };
    let mut round_trip = None;
    let answered = retry_until(target, |timeout| {
        let candidates = Candidates::connect(target, timeout)?;
        candidates.first_answering(timeout.resends(), |session, _, deadline| {
            transcript.connected(&session.connection);
            let outcome = session.say(&first, deadline);
            round_trip = session.round_trip;
            outcome
        })
    });
    let mut session = match answered {
        Ok(session) => session,
        Err(error) => {
            return transcript.replied(
                &first,
                Err(explain_silence(error, target, &first)),
                round_trip,
            );
        }
    };
    session.connection.log_as("answered by");
    transcript.replied(&first, Ok(()), round_trip)?;
    let timeout = Timeout::new(target.timeout());
    while let Some(message) = script.next()? {
        let outcome = session.say(&message, timeout.start());
        let outcome = outcome.map_err(|error| explain_silence(error, target, &message));
        transcript.replied(&message, outcome, session.round_trip)?;
    }
    Ok(())
}
