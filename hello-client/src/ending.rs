//! How every command ends: one sentence on standard error, an exit code, and in JSON an outcome.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;

use crate::failure::{Failure, Kind};

/// The part of every JSON object that says how the run ended.
#[derive(Debug, Serialize)]
pub(crate) struct Ending {
    outcome: &'static str,
    error: Option<ErrorObject>,
}

#[derive(Debug, Serialize)]
struct ErrorObject {
    kind: Kind,
    message: String,
}

impl Default for Ending {
    fn default() -> Self {
        Self { outcome: "ok", error: None }
    }
}

impl Ending {
    /// The ending of a run that failed.
    pub(crate) fn failed(failure: &Failure) -> Self {
        let error = ErrorObject { kind: failure.kind, message: failure.to_string() };
        Self { outcome: "failed", error: Some(error) }
    }

    /// The ending of a run.
    pub(crate) fn of(outcome: &Result<(), Failure>) -> Self {
        outcome.as_ref().err().map_or_else(Self::default, Self::failed)
    }
}

/// Writes an object in one line.
///
/// # Errors
///
/// Those of `out`.
pub(crate) fn write_json(object: &impl Serialize, mut out: impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut out, object)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Says why a run with `endpoint`, if it is known, failed, and returns its exit code.
pub(crate) fn conclude(endpoint: Option<&str>, outcome: Result<(), Failure>) -> ExitCode {
    let Err(failure) = outcome else { return ExitCode::SUCCESS };
    let endpoint = endpoint.filter(|_| failure.kind != Kind::Usage);
    let place = endpoint.map(|endpoint| format!("{endpoint}: ")).unwrap_or_default();
    // Where standard error is closed, the exit code has to do.
    let _ = writeln!(io::stderr(), "hello-client: {place}{failure}");
    ExitCode::from(failure.exit_code())
}
