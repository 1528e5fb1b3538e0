//! Bugs on purpose, so that tests can show what a real one does. Only a build with the feature
//! `fault-injection` has them.

/// Panics if this is the `place` that the environment variable `HELLO_FAULT` names.
#[cfg(feature = "fault-injection")]
pub(crate) fn inject(place: &str) {
    assert!(std::env::var("HELLO_FAULT").as_deref() != Ok(place), "a fault was injected here");
}

#[cfg(not(feature = "fault-injection"))]
#[inline(always)]
pub(crate) fn inject(_place: &str) {}
