//! One scripted session: says the messages, and checks what the server says.

mod datagram;
mod stream;

use std::io::Write;
use std::process::ExitCode;

use crate::config::Say;
use crate::failure::Failure;
use crate::report::Report;
use crate::script::Script;

/// Runs a session and reports it on `out`.
pub(crate) fn run(config: &Say, out: impl Write) -> ExitCode {
    let mut report = Report::new(Some(&config.target.endpoint), config.json, out);
    let outcome = session(config, &mut report);
    report.finish(outcome)
}

fn session(config: &Say, report: &mut Report<impl Write>) -> Result<(), Failure> {
    let target = &config.target;
    let mut script = Script::open(&config.source, target)?;
    if target.is_datagram() {
        datagram::run(target, &mut script, report)
    } else {
        stream::run(target, &mut script, report)
    }
}

#[cfg(test)]
mod tests;
