//! Trying again until the server is there.

use std::thread;
use std::time::{Duration, Instant};

use log::debug;

use crate::failure::Failure;

const PAUSE: Duration = Duration::from_millis(100);

/// Makes an attempt, and then others until one succeeds or `wait` is over; the last one begins
/// when it is.
///
/// # Errors
///
/// How the last attempt failed, with the time spent if there was any to spend.
pub(crate) fn patiently<T>(
    wait: Duration,
    mut attempt: impl FnMut() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let started = Instant::now();
    loop {
        let failure = match attempt() {
            Ok(done) => return Ok(done),
            Err(failure) if wait.is_zero() => return Err(failure),
            Err(failure) => failure,
        };
        let left = wait.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Err(failure.after_trying(started.elapsed()));
        }
        debug!("{failure}; trying again");
        thread::sleep(PAUSE.min(left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;

    fn refused() -> Failure {
        Failure::unreached(Kind::Refused, "refused")
    }

    #[test]
    fn without_a_wait_there_is_one_attempt() {
        let mut attempts = 0;
        let outcome = patiently(Duration::ZERO, || {
            attempts += 1;
            Err::<(), _>(refused())
        });
        assert_eq!((outcome.unwrap_err().to_string(), attempts), ("refused".to_owned(), 1));
    }

    #[test]
    fn attempts_go_on_until_one_succeeds() {
        let mut attempts = 0;
        let outcome = patiently(Duration::from_secs(60), || {
            attempts += 1;
            if attempts < 3 { Err(refused()) } else { Ok(attempts) }
        });
        assert_eq!(outcome.unwrap(), 3);
    }

    #[test]
    fn when_the_wait_is_over_the_failure_tells_how_long_it_was() {
        let failure = patiently(Duration::from_millis(1), || Err::<(), _>(refused())).unwrap_err();
        assert!(failure.to_string().starts_with("refused (tried for "), "{failure}");
    }
}
