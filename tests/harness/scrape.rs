//! The metrics of a server, as Prometheus reads them.

use std::collections::BTreeMap;

use super::{RawClient, Server};

/// What one scrape of `/metrics` returned: the value of each metric, by its name and labels.
#[derive(Debug)]
pub(crate) struct Scrape {
    pub(crate) text: String,
    values: BTreeMap<String, f64>,
}

impl Scrape {
    /// Scrapes `endpoint`, as [`Server::metrics`] returns it.
    #[track_caller]
    pub(crate) fn of(endpoint: &str) -> Self {
        let (status, text) = get(endpoint, "/metrics");
        assert_eq!(status, "200 OK", "{text}");
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let (name, value) = line.split_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().expect("a number"))
        };
        let values = samples.map(sample).collect();
        Self { text, values }
    }

    #[track_caller]
    pub(crate) fn value(&self, name: &str) -> f64 {
        *self.values.get(name).unwrap_or_else(|| panic!("no {name} in:\n{}", self.text))
    }

    /// Those that may not go back, with their values.
    pub(crate) fn counters(&self) -> impl Iterator<Item = (&str, f64)> {
        let is_counter = |name: &str| name.split('{').next().is_some_and(|n| n.ends_with("_total"));
        let all = self.values.iter().map(|(name, value)| (name.as_str(), *value));
        all.filter(move |(name, _)| is_counter(name))
    }
}

/// The status and the body of the response to a GET request.
#[track_caller]
pub(crate) fn get(endpoint: &str, path: &str) -> (String, String) {
    let mut client = RawClient::connect(endpoint);
    client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    let response = String::from_utf8(client.read_to_end()).expect("a response is text");
    let (head, body) = response.split_once("\r\n\r\n").expect("a response has a head");
    let status = head.lines().next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
    (status.expect("a status").to_owned(), body.to_owned())
}

impl Server {
    /// Where it serves its metrics, as an endpoint, if `--metrics` was given; the log has it.
    #[track_caller]
    pub(crate) fn metrics(&mut self) -> String {
        let line = self.process.stderr.wait_for("metrics at http://");
        let (_, url) = line.split_once("metrics at http://").expect("it was waited for");
        let address = url.trim_end().trim_end_matches("\"}").strip_suffix("/metrics");
        format!("tcp://{}", address.expect("the address of a page"))
    }
}
