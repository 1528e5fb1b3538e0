//! The object that `--json` prints.

use std::time::Duration;

use hello_proto::Endpoint;
use serde::Serialize;

use crate::ending::Ending;
use crate::failure::Failure;
use crate::transport::Connection;

/// A run, so far. Bytes that are not UTF-8 are shown lossily, and exactly in a `…_hex` beside.
#[derive(Debug, Serialize)]
pub(super) struct Record {
    pub(super) endpoint: Option<String>,
    local_address: Option<String>,
    peer_address: Option<String>,
    welcome: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    welcome_hex: Option<String>,
    messages: Vec<Exchange>,
    #[serde(flatten)]
    ending: Ending,
}

#[derive(Debug, Serialize)]
struct Exchange {
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_hex: Option<String>,
    reply: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_hex: Option<String>,
    /// Microseconds, with one digit behind the point.
    rtt_us: Option<f64>,
}

impl Record {
    /// A run with `endpoint` of which nothing is known yet.
    pub(super) fn new(endpoint: Option<&Endpoint>) -> Self {
        Self {
            endpoint: endpoint.map(Endpoint::to_string),
            local_address: None,
            peer_address: None,
            welcome: None,
            welcome_hex: None,
            messages: Vec::new(),
            ending: Ending::default(),
        }
    }

    pub(super) fn connected(&mut self, connection: &Connection) {
        self.local_address.clone_from(&connection.local);
        self.peer_address = Some(connection.peer.clone());
    }

    pub(super) fn welcomed(&mut self, welcome: Option<&[u8]>) {
        self.welcome = welcome.map(lossy);
        self.welcome_hex = welcome.and_then(hex_unless_utf8);
    }

    pub(super) fn replied(&mut self, message: &[u8], reply: Option<&[u8]>, round_trip: Duration) {
        self.messages.push(Exchange {
            message: lossy(message),
            message_hex: hex_unless_utf8(message),
            reply: reply.map(lossy),
            reply_hex: reply.and_then(hex_unless_utf8),
            rtt_us: reply.map(|_| (round_trip.as_secs_f64() * 1e7).round() / 10.0),
        });
    }

    pub(super) fn failed(&mut self, failure: &Failure) {
        self.ending = Ending::failed(failure);
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn hex_unless_utf8(bytes: &[u8]) -> Option<String> {
    let hex = || bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    str::from_utf8(bytes).is_err().then(hex)
}
