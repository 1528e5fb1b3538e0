//! Figures for people, which a test that passes would swallow if it printed them.

use std::fmt;
use std::io::{self, Write};

pub(super) fn print(figures: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{figures}");
}
