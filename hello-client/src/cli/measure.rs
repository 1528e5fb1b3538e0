//! From the arguments of `bench` and `ping` to what they ask for.

use std::time::Duration;

use hello_proto::{Endpoint, Framing};

use super::TIMEOUT;
use super::args::OutputArgs;
use super::measure_args::{BenchArgs, PingArgs};
use crate::config::{Bench, Length, Ping, Target};
use crate::measure::NUMBER_SIZE;

/// How long a bench takes, unless it is said.
const DURATION: Duration = Duration::from_secs(10);

/// A lost datagram holds up its place in a closed loop for so long.
const DATAGRAM_TIMEOUT: Duration = Duration::from_secs(1);

/// The timeout of a measurement with `endpoint`, unless it is said.
pub(super) fn timeout(endpoint: &Endpoint) -> Duration {
    match endpoint {
        Endpoint::Udp(_) | Endpoint::Unixgram(_) => DATAGRAM_TIMEOUT,
        Endpoint::Tcp(_) | Endpoint::Unix(_) => TIMEOUT,
    }
}

/// The bench that `args` ask for.
pub(super) fn bench(args: BenchArgs, target: Target, output: &OutputArgs) -> Result<Bench, String> {
    check_size(args.size, &target)?;
    let BenchArgs { connections, pipeline, threads, .. } = args;
    if pipeline > 1 && target.framing == Framing::Raw && !target.is_datagram() {
        return Err(format!(
            "--pipeline {pipeline} cannot be used with --framing raw, which cannot tell two \
             messages in flight apart; expected 1, or --framing line or length"
        ));
    }
    if threads > connections {
        return Err(format!(
            "--threads {threads} is more than there are connections, expected at most \
             {connections} (--connections)"
        ));
    }
    if let Some(bind) = target.bind.filter(|bind| bind.port() != 0 && connections > 1) {
        return Err(format!(
            "--bind {bind} is one port for {connections} connections, expected an address alone"
        ));
    }
    let length = match args.messages {
        Some(messages) => Length::Messages(messages),
        None => Length::Duration(args.duration.unwrap_or(DURATION)),
    };
    Ok(Bench {
        target,
        connections: usize::try_from(connections).unwrap_or(usize::MAX),
        pipeline,
        size: args.size,
        length,
        warmup: args.warmup,
        rate: args.rate,
        threads: usize::try_from(threads).unwrap_or(usize::MAX),
        hdr: args.hdr,
        json: output.json,
        progress: output.quiet == 0,
    })
}

/// The ping that `args` ask for.
pub(super) fn ping(args: PingArgs, target: Target, output: &OutputArgs) -> Result<Ping, String> {
    check_size(args.size, &target)?;
    let PingArgs { interval, count, size } = args;
    Ok(Ping { target, interval, count, size, json: output.json })
}

fn check_size(size: usize, target: &Target) -> Result<(), String> {
    let smallest = match target.framing {
        _ if target.is_datagram() => NUMBER_SIZE,
        Framing::Raw => 1,
        Framing::Line | Framing::Length => 0,
    };
    let limit = target.limit;
    if limit < smallest {
        return Err(format!(
            "--max-message {limit} leaves no room for the number of a message, expected at least \
             {smallest}"
        ));
    }
    if size > limit {
        return Err(format!(
            "--size {size} is too large, expected at most {limit} (--max-message)"
        ));
    }
    if size < smallest {
        let why = if target.is_datagram() { " for the number of a message" } else { "" };
        return Err(format!("--size {size} is too small{why}, expected at least {smallest}"));
    }
    Ok(())
}
