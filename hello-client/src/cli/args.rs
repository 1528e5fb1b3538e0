//! The command line as clap sees it, and its help.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::measure_args::{BenchArgs, PingArgs};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Parser, Subcommand};
use hello_proto::{Address, DEFAULT_MAX_MESSAGE, Endpoint, Framing, MAX_MESSAGE, prompt};

const EXAMPLES: &str = "\
Examples:
  hello-client                            Michael, Tracy and Sarah to 127.0.0.1:9999
  hello-client -s udp://[::1]:9999 Bob    does a datagram get there and back?
  hello-client -s db1:9999 --wait 60s hi  wait for a server that is starting
  hello-client -s unix:///run/hello.sock  a Unix socket
  hello-client -f names.txt --json        a script, told to another program
  hello-client -f -                       type a line, see the reply
  hello-client -- say                     a message with the name of a command
  hello-client ping                       round trips, one a second
  hello-client bench --connections 64     how much, and how fast?

Exit codes:
  0  every reply came, and was right
  1  a reply was wrong, missing or late, or the server ended the session with an error
  2  the command line or the script asks for what cannot be done
  3  the server could not be reached";

/// Says hello to a server over TCP, UDP or a Unix socket, and checks every reply
///
/// Says each MESSAGE to a hello server, waits for its reply, and checks it byte for
/// byte. What the server says is printed on standard output, one reply a line;
/// everything else goes to standard error. Without a command, `say` is meant.
#[derive(Debug, Parser)]
#[command(
    verbatim_doc_comment,
    name = "hello-client",
    version,
    override_usage = "hello-client [OPTIONS] [MESSAGE]...\n       \
                      hello-client [OPTIONS] <COMMAND> ...",
    after_help = "See --help for examples and exit codes.",
    after_long_help = EXAMPLES,
    disable_help_subcommand = true,
    args_override_self = true
)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Option<CommandArgs>,
    #[command(flatten)]
    pub(super) say: SayArgs,
    #[command(flatten)]
    pub(super) server: ServerArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum CommandArgs {
    /// One scripted session: the same as no command
    #[command(after_help = "See --help for examples and exit codes.", after_long_help = EXAMPLES)]
    Say(SayArgs),
    Bench(BenchArgs),
    Ping(PingArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct SayArgs {
    /// What to say; Michael Tracy Sarah, if there is no --file either
    pub(super) message: Vec<OsString>,
    /// Say the lines of FILE, `-` for standard input
    ///
    /// LF ends a line, and a CR before it is dropped. A file is checked whole before
    /// anything is sent; what is piped or typed is said line by line as it comes.
    #[arg(short, long, value_name = "FILE", conflicts_with = "message", verbatim_doc_comment)]
    pub(super) file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Server")]
pub(super) struct ServerArgs {
    /// Where the server listens: HOST:PORT, or with tcp://, udp://, unix:// or unixgram://
    ///
    /// HOST:PORT is tcp://HOST:PORT; IPv6 addresses are in brackets; paths are
    /// absolute, as in unix:///run/hello.sock. Every address of a name is tried in
    /// turn.
    #[arg(short, long, global = true, value_name = "ENDPOINT", value_parser = endpoint)]
    #[arg(verbatim_doc_comment)]
    #[arg(env = "HELLO_SERVER", default_value = "127.0.0.1:9999")]
    pub(super) server: Endpoint,
    /// How long connecting may take, and then each reply
    ///
    /// [default: 5s; bench and ping over udp and unixgram: 1s]
    #[arg(long, global = true, value_name = "DURATION", value_parser = timeout)]
    pub(super) timeout: Option<Duration>,
    /// Keep trying for so long until the server is there
    ///
    /// Every try, so also the last one, may take its --timeout. Over UDP, which has no
    /// connections, the first message is sent again until it is answered.
    #[arg(verbatim_doc_comment)]
    #[arg(long, global = true, value_name = "DURATION", value_parser = prompt::duration)]
    #[arg(default_value = "0")]
    pub(super) wait: Duration,
    /// Where a message ends on a stream; the server must be told the same
    #[arg(long, global = true, value_parser = framing(), default_value = Framing::default().name())]
    pub(super) framing: Framing,
    /// The longest message, from 1 to 65499
    #[arg(long, global = true, value_name = "BYTES", value_parser = prompt::number(1..=MAX_MESSAGE))]
    #[arg(default_value_t = DEFAULT_MAX_MESSAGE)]
    pub(super) max_message: usize,
    /// Use only the IPv4 addresses of a name
    #[arg(short = '4', global = true, conflicts_with = "ipv6")]
    pub(super) ipv4: bool,
    /// Use only the IPv6 addresses of a name
    #[arg(short = '6', global = true)]
    pub(super) ipv6: bool,
    /// Connect from this address of this machine: IP, or IP:PORT
    #[arg(long, global = true, value_name = "ADDR", value_parser = bind)]
    pub(super) bind: Option<SocketAddr>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// Print one JSON object, also on failure, rather than text
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Log more: which address was reached, and with -vv every try; RUST_LOG overrides
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(super) verbose: u8,
    /// Log less; why a run failed is still said
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "verbose")]
    pub(super) quiet: u8,
}

fn endpoint(text: &str) -> Result<Endpoint, String> {
    let endpoint =
        match text.parse().map_err(|error: hello_proto::EndpointError| error.to_string())? {
            Address::Bare(address) => Endpoint::Tcp(address),
            Address::Endpoint(endpoint) => endpoint,
        };
    match &endpoint {
        Endpoint::Tcp(address) | Endpoint::Udp(address) if address.port == 0 => {
            Err("no server listens on port 0, expected a port from 1 to 65535".to_owned())
        }
        _ => Ok(endpoint),
    }
}

fn timeout(text: &str) -> Result<Duration, &'static str> {
    let timeout = prompt::duration(text).ok().filter(|timeout| !timeout.is_zero());
    timeout.ok_or("expected more than 0 and at most 365 days, such as 500ms, 5s or 1m")
}

fn framing() -> impl TypedValueParser<Value = Framing> {
    PossibleValuesParser::new(Framing::ALL.map(Framing::name))
        .try_map(|name| name.parse::<Framing>())
}

fn bind(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 0));
    address.or_else(|_| text.parse()).map_err(|_| {
        "expected an address of this machine, as in 192.0.2.7, ::1, 192.0.2.7:4000 or [::1]:4000"
            .to_owned()
    })
}
