//! Faults on purpose, so that tests can show what a real one does. Only a build with the feature
//! `fault-injection` has them. The environment variable `HELLO_FAULT` names one: `SITE` panics
//! there, `SITE:ERRNO` fails there with that error, three times.

#[cfg(feature = "fault-injection")]
mod enabled {
    use std::io;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static FAULT: LazyLock<String> =
        LazyLock::new(|| std::env::var("HELLO_FAULT").unwrap_or_default());
    static FAILURES_LEFT: AtomicU32 = AtomicU32::new(3);

    /// Panics if this is the `site` to panic at.
    pub(crate) fn hit(site: &str) {
        assert!(*FAULT != site, "a fault was injected here");
    }

    /// Fails if this is the `site` to fail at.
    pub(crate) fn error(site: &str) -> io::Result<()> {
        let errno = FAULT.split_once(':').filter(|(at, _)| *at == site);
        let Some(Ok(errno)) = errno.map(|(_, errno)| errno.parse()) else {
            return Ok(());
        };
        let take = |left: u32| left.checked_sub(1);
        match FAILURES_LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => Err(io::Error::from_raw_os_error(errno)),
            Err(_) => Ok(()),
        }
    }
}

#[cfg(not(feature = "fault-injection"))]
mod disabled {
    use std::io;

    #[inline(always)]
    pub(crate) fn hit(_site: &str) {}

    #[inline(always)]
    pub(crate) fn error(_site: &str) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(not(feature = "fault-injection"))]
pub(crate) use disabled::{error, hit};
#[cfg(feature = "fault-injection")]
pub(crate) use enabled::{error, hit};
