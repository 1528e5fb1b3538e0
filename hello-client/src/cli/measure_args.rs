//! The command lines of `bench` and `ping` as clap sees them, and their help.

use std::path::PathBuf;
use std::time::Duration;

use hello_proto::prompt;

const BENCH_EXAMPLES: &str = "\
Examples:
  hello-client bench                             round trips, one at a time, for 10 s
  hello-client bench --connections 64 --pipeline 16
                                                 how much does the server carry?
  hello-client bench --rate 1000                 round trips under a steady load
  hello-client bench -s udp://db1:9999 --rate 100 --duration 1m
                                                 loss, reordering, duplicates of a path
  hello-client bench --json | jq .rtt_us.p99     for another program

Without --rate every reply is followed by the next message (a closed loop), and a
round trip is timed from its sending. With --rate a message is due at its time
whatever happened before, and is timed from then: the wait behind a server that
stalled is measured too. Errors are counted by cause; a connection that fails or is
cut off is opened again after 100 ms.

Exit codes:
  0  replies came, and all were right; loss and cut connections are in the report
  1  a reply was wrong, or none came, or not all of --messages could be sent
  2  the command line asks for what cannot be done; nothing was sent
  3  the server could not be reached";

const PING_EXAMPLES: &str = "\
Examples:
  hello-client ping                              until Ctrl-C
  hello-client ping --count 5 --interval 200ms   five times, quickly
  hello-client ping -s udp://db1:9999            does a datagram get there and back?

The messages leave on one connection, or from one socket. While the server is away
they are lost; once it is back they are answered again.

Exit codes:
  0  at least one message was answered
  1  none was, or a reply was wrong
  2  the command line asks for what cannot be done; nothing was sent
  3  the server could not be reached, not once";

/// Load and latency: how many messages, how fast, how many lost
///
/// Sends messages over one or many connections, checks every reply byte for byte, and
/// reports round trips, throughput, loss and errors. Ctrl-C ends it early, with the
/// report of what was measured.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = "See --help for examples and exit codes.", after_long_help = BENCH_EXAMPLES)]
pub(super) struct BenchArgs {
    /// How many connections, or sockets for datagrams
    #[arg(short, long, value_name = "N", value_parser = prompt::number(1..=MOST), default_value = "1")]
    pub(super) connections: u64,
    /// How many messages in flight on each connection
    ///
    /// With --rate, the most; over udp and unixgram a message then leaves when it is
    /// due, however many are in flight. --framing raw can tell only 1.
    #[arg(long, value_name = "N", value_parser = prompt::number(1..=MOST), default_value = "1")]
    #[arg(verbatim_doc_comment)]
    pub(super) pipeline: u64,
    /// The bytes of a message; over udp and unixgram at least 12, for its number
    #[arg(long, value_name = "BYTES", default_value = "16")]
    pub(super) size: usize,
    /// How long to measure [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "messages")]
    pub(super) duration: Option<Duration>,
    /// How many messages to measure, rather than how long
    ///
    /// Given up after 30 s without a reply.
    #[arg(long, value_name = "N", value_parser = prompt::number(1..=MOST))]
    pub(super) messages: Option<u64>,
    /// How long to run before anything is measured
    #[arg(long, value_name = "DURATION", value_parser = prompt::duration, default_value = "500ms")]
    pub(super) warmup: Duration,
    /// Messages a second, over all connections; without it, as fast as replies come
    #[arg(long, value_name = "N", value_parser = prompt::number(1..=MOST))]
    pub(super) rate: Option<u64>,
    /// How many threads share the connections
    #[arg(long, value_name = "N", value_parser = prompt::number(1..=MOST), default_value = "1")]
    pub(super) threads: u64,
    /// Write the distribution of round trips to FILE, in us, for the HdrHistogram plotter
    #[arg(long, value_name = "FILE")]
    pub(super) hdr: Option<PathBuf>,
}

/// Round trips one by one, as ping(8) does
///
/// Sends a message each --interval, prints a line for each, and on the end or Ctrl-C
/// the loss and the percentiles. With --json the lines go to standard error.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[command(after_help = "See --help for examples and exit codes.", after_long_help = PING_EXAMPLES)]
pub(super) struct PingArgs {
    /// From one message to the next
    #[arg(short, long, value_name = "DURATION", value_parser = duration, default_value = "1s")]
    pub(super) interval: Duration,
    /// How many messages; without it, for ever
    #[arg(short, long, value_name = "N", value_parser = prompt::number(1..=MOST))]
    pub(super) count: Option<u64>,
    /// The bytes of a message; over udp and unixgram at least 12, for its number
    #[arg(long, value_name = "BYTES", default_value = "16")]
    pub(super) size: usize,
}

/// More would be a slip: nobody has the memory, or lives to see the end.
const MOST: u64 = 1_000_000_000_000;

fn duration(text: &str) -> Result<Duration, String> {
    match prompt::duration(text)? {
        Duration::ZERO => Err("expected more than 0, such as 500ms, 5s or 1m".to_owned()),
        duration => Ok(duration),
    }
}
