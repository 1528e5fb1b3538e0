//! Faults on purpose, so that tests can show what a real one does. Only a build with the feature
//! `fault-injection` has them. The environment variable `HELLO_FAULT` names one: `SITE` panics
//! there, `SITE:ERRNO` fails there with that error, three times.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

static FAILURES: AtomicU32 = AtomicU32::new(0);

/// Panics if this is the `site` to panic at.
#[inline(always)]
pub(crate) fn hit(site: &str) {
    assert!(fault().as_deref() != Some(site), "a fault was injected here");
}

/// Fails if this is the `site` to fail at.
#[inline(always)]
pub(crate) fn error(site: &str) -> io::Result<()> {
    let errno = fault().and_then(|fault| fault.strip_prefix(site)?.strip_prefix(':')?.parse().ok());
    match errno {
        Some(errno) if FAILURES.fetch_add(1, Ordering::Relaxed) < 3 => {
            Err(io::Error::from_raw_os_error(errno))
        }
        _ => Ok(()),
    }
}

#[inline(always)]
fn fault() -> Option<String> {
    cfg!(feature = "fault-injection").then(|| std::env::var("HELLO_FAULT").ok())?
}
