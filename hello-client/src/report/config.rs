//! What was asked for and how, so that a report explains itself.

use serde::Serialize;

use hello_proto::greeting;

use crate::options::{BenchOptions, Target};

/// The load that a bench was asked for; `None` where nothing was set.
#[derive(Debug, Serialize)]
pub(super) struct Config {
    connections: usize,
    pipeline: u64,
    reconnect: bool,
    size: usize,
    rate: Option<u64>,
    duration_s: Option<f64>,
    messages: Option<u64>,
    warmup_s: f64,
    threads: usize,
    /// Datagrams have none.
    framing: Option<&'static str>,
}

impl Config {
    pub(super) fn new(options: &BenchOptions, target: &Target) -> Self {
        Self {
            connections: options.connections,
            pipeline: options.pipeline,
            reconnect: options.reconnect,
            size: options.size,
            rate: options.rate,
            duration_s: options.duration().map(|duration| duration.as_secs_f64()),
            messages: options.messages,
            warmup_s: options.warmup.as_secs_f64(),
            threads: options.threads,
            framing: (!target.is_datagram()).then_some(target.framing.name()),
        }
    }
}

/// The bytes in a second of what was sent and of the right replies: messages and greetings with
/// their framing, without the headers of the network.
#[derive(Debug, Serialize)]
pub(super) struct BytesPerS {
    sent: Option<f64>,
    received: Option<f64>,
}

impl BytesPerS {
    /// At these rates of messages of `size` bytes.
    pub(super) fn new(
        target: &Target,
        size: usize,
        sent_per_s: Option<f64>,
        received_per_s: Option<f64>,
    ) -> Self {
        let bytes = |message: &[u8], rate: Option<f64>| {
            let mut frame = Vec::new();
            if target.is_datagram() {
                frame.extend_from_slice(message);
            } else {
                target.framing.encode(message, &mut frame);
            }
            rate.map(|rate| (rate * frame.len() as f64).round())
        };
        let message = vec![b'a'; size];
        Self {
            sent: bytes(&message, sent_per_s),
            received: bytes(&greeting(&message), received_per_s),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::target;

    #[test]
    fn bytes_are_those_of_messages_and_greetings_with_their_framing() {
        for (words, sent, received) in [
            (&["--framing", "line"][..], 17.0, 50.0),
            (&["--framing", "length"], 20.0, 56.0),
            (&["--framing", "raw"], 16.0, 48.0),
            (&["-s", "udp://127.0.0.1:1"], 16.0, 48.0),
        ] {
            let bytes = BytesPerS::new(&target(words), 16, Some(1.0), Some(2.0));
            assert_eq!((bytes.sent, bytes.received), (Some(sent), Some(received)), "{words:?}");
        }
        assert_eq!(BytesPerS::new(&target(&[]), 16, None, None).sent, None);
    }
}
