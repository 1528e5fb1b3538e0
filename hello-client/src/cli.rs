//! The command line: its help, and what clap makes of it.

mod hints;

use std::ffi::OsString;
use std::mem;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};
use hello_proto::{Endpoint, EndpointSpec};

use crate::error::Error;
use crate::load::validate_size;
use crate::options::{
    BenchOptions, CheckOptions, OutputOptions, PingOptions, SHORT_HELP, SayOptions, ServerOptions,
    Servers, Target, check_timeout, measurement_timeout, servers_or_default, session_timeout,
};

/// The first line is in the form that rustc and cargo have.
const LONG_VERSION: &str =
    concat!(env!("BUILD_VERSION"), "\ntarget ", env!("BUILD_TARGET"), "\n", env!("BUILD_RUSTC"));

const EXAMPLES: &str = "\
Endpoints:
  HOST:PORT           TCP; for check, TCP and UDP
  tcp://HOST:PORT     TCP
  udp://HOST:PORT     UDP
  unix:///PATH        a Unix stream socket
  unixgram:///PATH    a Unix datagram socket
  IPv6 addresses go in brackets, as in [::1]:9999.

Examples:
  hello-client check db1:9999             do TCP and UDP get there and back?
  hello-client                            Michael, Tracy and Sarah to 127.0.0.1:9999
  hello-client -s udp://[::1]:9999 Bob    does a datagram get there and back?
  hello-client -s db1:9999 --wait 60s hi  wait for a server that is starting
  hello-client -s unix:///run/hello.sock  a Unix socket
  hello-client -f names.txt --json        a script, as JSON for another program
  hello-client -f -                       type a line, see the reply
  hello-client -- say db1:9999            messages that look like something else
  hello-client ping db1:9999              round trips, one a second
  hello-client bench --connections 64     how much, and how fast?

Environment:
  HELLO_SERVER  the endpoint without --server, instead of 127.0.0.1:9999
  RUST_LOG      what is logged, instead of -v and -q
  NO_COLOR      if set, no colours

Exit codes:
  0  every reply came, and was right
  1  a reply was wrong, missing or late, or the server ended the session with an error
  2  the command line or the script asks for what cannot be done
  3  nothing ever came back";

/// Says hello to a server over TCP, UDP or a Unix socket, and checks every reply
///
/// Says each MESSAGE to a hello server, waits for its reply, and checks it byte for
/// byte. What the server says is printed on standard output, one reply a line;
/// everything else goes to standard error. Without a command, `say` is meant.
#[derive(Debug, Parser)]
#[command(
    verbatim_doc_comment,
    name = "hello-client",
    version = env!("BUILD_VERSION"),
    long_version = LONG_VERSION,
    override_usage = "hello-client [OPTIONS] [MESSAGE]...\n       \
                      hello-client [OPTIONS] <COMMAND> ...",
    after_help = SHORT_HELP,
    after_long_help = EXAMPLES,
    disable_help_subcommand = true,
    args_override_self = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    say: SayOptions,
    #[command(flatten)]
    server: ServerOptions,
    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(CheckOptions),
    /// One scripted session: the same as no command
    #[command(after_help = SHORT_HELP, after_long_help = EXAMPLES)]
    Say(SayOptions),
    Bench(BenchOptions),
    Ping(PingOptions),
}

/// What is to be done, and with which server.
#[derive(Debug)]
pub(crate) enum Task {
    Check(CheckOptions, Vec<Target>),
    Say(SayOptions, Target),
    Bench(Box<BenchOptions>, Target),
    Ping(PingOptions, Vec<Target>),
}

/// Why there is nothing to run.
#[derive(Debug)]
pub(crate) enum Exit {
    /// The help or the version was asked for, and printed.
    Help,
    /// The command line is wrong.
    Usage {
        /// What is wrong with it.
        error: Error,
        /// What it asks for all the same.
        format: Format,
    },
}

/// What is printed of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Lines for people.
    Text,
    /// One object.
    Json,
    /// An object a line.
    JsonLines,
}

/// The command line as it is parsed.
fn command() -> clap::Command {
    Cli::command()
}

/// Reads a command line, the program's name first, where `environment` is the value of
/// `HELLO_SERVER`.
///
/// # Errors
///
/// [`Exit`], if there is nothing to run.
pub(crate) fn parse(
    words: Vec<OsString>,
    environment: Option<OsString>,
) -> Result<(Task, OutputOptions), Exit> {
    let has = |flag| words.iter().skip(1).take_while(|word| *word != "--").any(|word| word == flag);
    let format = match (has("--json-lines"), has("--json")) {
        (true, _) => Format::JsonLines,
        (false, true) => Format::Json,
        (false, false) => Format::Text,
    };
    let usage = |message| Exit::Usage { error: Error::usage(message), format };
    match Cli::try_parse_from(words) {
        Ok(cli) => cli.validate(environment).map_err(usage),
        Err(error) if error.use_stderr() => Err(usage(one_line(&error))),
        Err(help) => {
            // Ignore a closed stdout.
            let _ = help.print();
            Err(Exit::Help)
        }
    }
}

impl Cli {
    /// Checks what clap cannot, and returns what is to be done.
    fn validate(self, environment: Option<OsString>) -> Result<(Task, OutputOptions), String> {
        let Self { command, mut say, server, output } = self;
        if command.is_some() && (!say.message.is_empty() || say.file.is_some()) {
            return Err("a command comes before its messages and its --file; put 'say' first, or \
                        -- before the messages"
                .to_owned());
        }
        if command.is_none()
            && let Some(why) = hints::command(&say.message, &Self::command())
        {
            return Err(why);
        }
        let mut before = mem::take(&mut say.servers.given);
        // First those before the command, then its arguments, then its options.
        let servers = |positional: Vec<EndpointSpec>, mut options: Servers| {
            before.extend(positional);
            before.append(&mut options.given);
            servers_or_default(before, environment)
        };
        let task = match command.unwrap_or(Command::Say(say)) {
            Command::Check(mut check) => {
                let endpoints = mem::take(&mut check.endpoints);
                let servers = servers(endpoints, mem::take(&mut check.servers))?;
                let sockets = [Endpoint::Tcp, Endpoint::Udp];
                let targets = server.targets(servers, &sockets, check_timeout)?;
                targets.iter().try_for_each(|target| check.validate(target))?;
                Task::Check(check, targets)
            }
            Command::Say(mut say) => {
                if let Some(why) = hints::address(&say.message) {
                    return Err(why);
                }
                say.message.append(&mut say.literal);
                let servers = servers(vec![], mem::take(&mut say.servers))?;
                Task::Say(say, server.target(servers, session_timeout)?)
            }
            Command::Bench(mut bench) => {
                let endpoint = Vec::from_iter(bench.endpoint.take());
                let servers = servers(endpoint, mem::take(&mut bench.servers))?;
                let target = server.target(servers, measurement_timeout)?;
                bench.validate(&target)?;
                validate_size(bench.size, &target)?;
                Task::Bench(Box::new(bench), target)
            }
            Command::Ping(mut ping) => {
                if ping.json_lines && output.json {
                    return Err("--json-lines cannot be used with --json".to_owned());
                }
                let endpoints = mem::take(&mut ping.endpoints);
                let servers = servers(endpoints, mem::take(&mut ping.servers))?;
                let targets = server.targets(servers, &[Endpoint::Tcp], measurement_timeout)?;
                targets.iter().try_for_each(|target| validate_size(ping.size, target))?;
                Task::Ping(ping, targets)
            }
        };
        Ok((task, output))
    }
}

/// What clap has to say in one line, without the usage, and without its advice to put `--` before
/// an option.
fn one_line(error: &clap::Error) -> String {
    if let (ErrorKind::UnknownArgument, Some(ContextValue::String(flag))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
        && let Some(hint) = hints::flag(flag, &command())
    {
        return format!("unexpected argument '{flag}' found; {hint}");
    }
    let rendered = error.render().to_string();
    let lines = rendered.trim_start_matches("error: ").lines().map(str::trim);
    let message = lines.take_while(|line| {
        !line.starts_with("Usage:") && !line.starts_with("For more information")
    });
    let is_shown = |line: &&str| !line.is_empty() && !line.starts_with("tip: to pass ");
    message.filter(is_shown).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod docs;
#[cfg(test)]
pub(crate) mod tests;
