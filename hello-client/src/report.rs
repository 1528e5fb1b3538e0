//! Reports: text for people, JSON for programs.

pub(crate) mod compare;
mod config;
pub(crate) mod hgrm;
pub(crate) mod json;
pub(crate) mod progress;
pub(crate) mod text;

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::error::{Error, ErrorKind};

/// Says on standard error why a run with `endpoint`, if it is known, failed, and returns its exit
/// code.
pub(crate) fn finish(endpoint: Option<impl Display>, outcome: Result<(), Error>) -> ExitCode {
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    let endpoint = endpoint.filter(|_| error.kind != ErrorKind::Usage);
    let place = endpoint.map(|endpoint| format!("{endpoint}: ")).unwrap_or_default();
    let advice = if error.kind == ErrorKind::Usage { "; see --help" } else { "" };
    // With standard error closed, the exit code is all that can be reported.
    let _ = writeln!(io::stderr(), "hello-client: {place}{error}{advice}");
    ExitCode::from(error.exit_code())
}
