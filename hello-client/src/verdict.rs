//! Whether a measurement shows a path that works.

use crate::config::Target;
use crate::failure::{Failure, Kind};
use crate::measure::Tally;
use crate::units::number;

/// What is wrong with the path to `target`, if what was counted shows that.
///
/// Loss, and connections that failed beside others that did not, are figures, not failures.
///
/// # Errors
///
/// A reply was wrong, none came, or the server was never reached.
pub(crate) fn verdict(tally: &Tally, target: &Target) -> Result<(), Failure> {
    if let Some(first) = &tally.first_wrong {
        let first = Failure::from(first.clone());
        let message = format!("wrong replies: {}; the first: {first}", number(tally.wrong));
        return Err(Failure::unanswered(first.kind, message));
    }
    if tally.received() > 0 {
        return Ok(());
    }
    // The server's own words, if it had any, tell most.
    let problem = tally.problems.each().map(|(problem, _)| problem).last();
    Err(match problem {
        Some(problem) if !tally.is_reached => {
            let message = format!("the server was never reached: {problem}");
            Failure::unreached(problem.kind(), message)
        }
        Some(problem) => {
            Failure::unanswered(problem.kind(), format!("no message was answered: {problem}"))
        }
        None if tally.sent() == 0 => Failure::unanswered(
            Kind::Timeout,
            "it ended before any message was measured, expected a longer run",
        ),
        None => {
            let message = format!("no message was answered within {:?}", target.timeout);
            Failure::unanswered(Kind::Timeout, message)
        }
    })
}
