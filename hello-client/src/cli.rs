//! From the words of a command line to a [`Config`], or to the one line that says what is wrong
//! with them.

mod args;
mod measure;
mod measure_args;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::time::Duration;

use clap::Parser;
use hello_proto::{Endpoint, prompt};
use log::LevelFilter;

use crate::config::{Command, Config, Family, Say, Source, Target};
use crate::failure::Failure;
use args::{Args, CommandArgs, OutputArgs, SayArgs, ServerArgs};

/// How long connecting may take, and each reply, unless it is said.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is nothing to do.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The help or the version was asked for, and printed.
    Told,
    /// The command line is wrong.
    Usage {
        /// What is wrong with it.
        failure: Failure,
        /// Whether it asks for JSON all the same.
        json: bool,
    },
}

/// Reads a command line, the program's name first.
///
/// # Errors
///
/// [`Stop`], if there is nothing to do.
pub(crate) fn parse(words: Vec<OsString>) -> Result<Config, Stop> {
    let json = words.iter().skip(1).take_while(|word| *word != "--").any(|word| word == "--json");
    let usage = |message| Stop::Usage { failure: Failure::usage(message), json };
    match Args::try_parse_from(words) {
        Ok(args) => config(args).map_err(usage),
        Err(error) if error.use_stderr() => Err(usage(prompt::one_line(&error.to_string()))),
        Err(help) => {
            // Who closed standard output does not want the help.
            let _ = help.print();
            Err(Stop::Told)
        }
    }
}

fn config(args: Args) -> Result<Config, String> {
    let Args { command, say, server, output } = args;
    if command.is_some() && (!say.message.is_empty() || say.file.is_some()) {
        return Err("a command comes before its messages and its --file, expected 'say' first, \
                    or -- before the messages"
            .to_owned());
    }
    let log = log_level(&output);
    let json = output.json;
    let command = match command.unwrap_or(CommandArgs::Say(say)) {
        CommandArgs::Say(say) => {
            let target = target(server, |_| TIMEOUT)?;
            Command::Say(Say { target, source: source(say), json })
        }
        CommandArgs::Bench(args) => {
            let target = target(server, measure::timeout)?;
            Command::Bench(measure::bench(args, target, &output)?)
        }
        CommandArgs::Ping(args) => {
            let target = target(server, measure::timeout)?;
            Command::Ping(measure::ping(args, target, &output)?)
        }
    };
    Ok(Config { command, log })
}

fn source(say: SayArgs) -> Source {
    match say.file {
        Some(file) if file == Path::new("-") => Source::Stdin,
        Some(file) => Source::File(file),
        None if say.message.is_empty() => {
            Source::Arguments(["Michael", "Tracy", "Sarah"].map(Vec::from).into())
        }
        None => Source::Arguments(say.message.into_iter().map(OsStringExt::into_vec).collect()),
    }
}

/// Where `timeout` is not given, it follows from the endpoint.
fn target(args: ServerArgs, timeout: impl FnOnce(&Endpoint) -> Duration) -> Result<Target, String> {
    let family = match (args.ipv4, args.ipv6) {
        (true, _) => Family::V4,
        (_, true) => Family::V6,
        _ => Family::Any,
    };
    let option = if args.ipv4 { "-4" } else { "-6" };
    if let Endpoint::Unix(_) | Endpoint::Unixgram(_) = args.server {
        let option = match (family, args.bind) {
            (Family::Any, None) => None,
            (Family::Any, Some(_)) => Some("--bind"),
            _ => Some(option),
        };
        if let Some(option) = option {
            return Err(format!(
                "{option} cannot be used with --server '{}', expected a tcp or udp endpoint",
                args.server
            ));
        }
    }
    let family = match args.bind {
        Some(bind) if !family.admits(bind) => {
            return Err(format!(
                "{option} cannot be used with --bind '{}', expected one family",
                bind.ip()
            ));
        }
        Some(bind) => Family::of(bind),
        None => family,
    };
    Ok(Target {
        timeout: args.timeout.unwrap_or_else(|| timeout(&args.server)),
        endpoint: args.server,
        wait: args.wait,
        family,
        bind: args.bind,
        framing: args.framing,
        limit: args.max_message,
    })
}

fn log_level(args: &OutputArgs) -> LevelFilter {
    match (args.quiet, args.verbose) {
        (0, 0) => LevelFilter::Warn,
        (0, 1) => LevelFilter::Info,
        (0, 2) => LevelFilter::Debug,
        (0, _) => LevelFilter::Trace,
        (1, _) => LevelFilter::Error,
        _ => LevelFilter::Off,
    }
}

#[cfg(test)]
pub(crate) mod tests;
