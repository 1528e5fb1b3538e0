//! Reports: text for people, JSON for programs.

pub(crate) mod compare;
mod config;
pub(crate) mod hgrm;
pub(crate) mod json;
pub(crate) mod progress;
pub(crate) mod rows;
pub(crate) mod screen;
pub(crate) mod strip;
pub(crate) mod text;

use std::fmt::Display;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::error::{Error, ErrorKind};

/// How long the last line may wait for whoever reads standard error.
const STDERR_TIMEOUT: Duration = Duration::from_secs(1);

/// Says on standard error why a run with `endpoint`, if it is known, failed, and returns its exit
/// code.
pub(crate) fn finish(endpoint: Option<impl Display>, outcome: Result<(), Error>) -> ExitCode {
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    if error.is_reader_gone() {
        return ExitCode::SUCCESS;
    }
    let endpoint = endpoint.filter(|_| error.kind != ErrorKind::Usage);
    let place = endpoint.map(|endpoint| format!("{endpoint}: ")).unwrap_or_default();
    let advice = if error.kind == ErrorKind::Usage { "; see --help" } else { "" };
    // With standard error closed or full, the exit code is all that can be reported.
    if can_write(&io::stderr(), STDERR_TIMEOUT) {
        let _ = writeln!(io::stderr(), "hello-client: {place}{error}{advice}");
    }
    ExitCode::from(error.exit_code())
}

/// Whether a line can be written to `output` within `timeout`, or an error would say why not.
pub(crate) fn can_write(output: &impl AsFd, timeout: Duration) -> bool {
    let timeout = Timespec::try_from(timeout).ok();
    let mut output = [PollFd::new(output, PollFlags::OUT)];
    poll(&mut output, timeout.as_ref()).is_ok_and(|ready| ready > 0)
}
