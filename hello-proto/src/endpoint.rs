//! Where a server listens and a client goes: one notation for both programs.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::EndpointError;

/// The longest path of a Unix socket, in bytes: `sun_path` of unix(7) less its final NUL.
pub const MAX_UNIX_PATH: usize = 107;

/// One socket's address, with its family and type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `tcp://HOST:PORT`
    Tcp(HostPort),
    /// `udp://HOST:PORT`
    Udp(HostPort),
    /// `unix:///PATH`: a Unix stream socket.
    Unix(PathBuf),
    /// `unixgram:///PATH`: a Unix datagram socket.
    Unixgram(PathBuf),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Udp(address) => write!(f, "udp://{address}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Unixgram(path) => write!(f, "unixgram://{}", path.display()),
        }
    }
}

/// What a person may write for an endpoint: one with a scheme, or a bare `HOST:PORT`, which means
/// TCP and UDP to a server and TCP to a client.
///
/// ```
/// use hello_proto::{Address, Endpoint, HostPort};
///
/// let address: Address = "[::1]:9999".parse().unwrap();
/// assert_eq!(address, Address::Bare(HostPort { host: "::1".to_owned(), port: 9999 }));
///
/// let address: Address = "unix:///run/hello.sock".parse().unwrap();
/// assert_eq!(address, Address::Endpoint(Endpoint::Unix("/run/hello.sock".into())));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// `HOST:PORT`
    Bare(HostPort),
    /// With a scheme.
    Endpoint(Endpoint),
}

impl FromStr for Address {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return text.parse().map(Self::Bare);
        };
        Ok(Self::Endpoint(match scheme.to_ascii_lowercase().as_str() {
            "tcp" => Endpoint::Tcp(rest.parse()?),
            "udp" => Endpoint::Udp(rest.parse()?),
            "unix" => Endpoint::Unix(socket_path(rest)?),
            "unixgram" => Endpoint::Unixgram(socket_path(rest)?),
            _ => return Err(EndpointError::UnknownScheme(scheme.to_owned())),
        }))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bare(address) => address.fmt(f),
            Self::Endpoint(endpoint) => endpoint.fmt(f),
        }
    }
}

/// A host, by name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// A name, an IPv4 address, or an IPv6 address without its brackets.
    pub host: String,
    /// The port; 0 asks the system for a free one.
    pub port: u16,
}

impl FromStr for HostPort {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bracketed = text.strip_prefix('[');
        let (host, port) = match bracketed {
            Some(rest) => match rest.split_once(']') {
                Some((host, "")) if is_ipv6(host) => return Err(EndpointError::MissingPort),
                Some((host, rest)) => {
                    (host, rest.strip_prefix(':').ok_or(EndpointError::MissingPort)?)
                }
                None => return Err(EndpointError::BadIpv6Host(text.to_owned())),
            },
            None if is_ipv6(text) => return Err(EndpointError::BadIpv6Host(text.to_owned())),
            None => text.rsplit_once(':').ok_or(EndpointError::MissingPort)?,
        };
        if host.is_empty() {
            return Err(EndpointError::MissingHost);
        }
        if (bracketed.is_some() && !is_ipv6(host)) || (bracketed.is_none() && host.contains(':')) {
            return Err(EndpointError::BadIpv6Host(host.to_owned()));
        }
        if bracketed.is_none() && !host.chars().all(is_of_a_name) {
            return Err(EndpointError::BadHost(host.to_owned()));
        }
        if port.is_empty() {
            return Err(EndpointError::MissingPort);
        }
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = match port.parse() {
            Ok(number) if digits => number,
            _ => return Err(EndpointError::BadPort(port.to_owned())),
        };
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// An IPv6 address, with or without the zone of a link-local one (RFC 4007), as in `fe80::1%eth0`.
fn is_ipv6(host: &str) -> bool {
    let (address, zone) = host.split_once('%').unwrap_or((host, "zone"));
    address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty() && zone.chars().all(is_of_a_name)
}

/// Letters of any script, since names may be internationalized, and what RFC 1123 and common
/// practice add.
fn is_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '.' | '_')
}

fn socket_path(path: &str) -> Result<PathBuf, EndpointError> {
    if !path.starts_with('/') {
        return Err(EndpointError::RelativePath(path.to_owned()));
    }
    if path.len() > MAX_UNIX_PATH {
        return Err(EndpointError::PathTooLong(path.len()));
    }
    Ok(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(text: &str) -> String {
        text.parse::<Address>().unwrap_err().to_string()
    }

    #[test]
    fn every_endpoint_is_written_as_it_is_read() {
        for text in [
            "localhost:9999",
            "0.0.0.0:0",
            "[::1]:9999",
            "[fe80::1%eth0]:1",
            "tcp://example.com:80",
            "udp://[::]:65535",
            "unix:///run/hello.sock",
            "unixgram:///run/hello.sock",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!("TCP://a:1".parse::<Address>().unwrap().to_string(), "tcp://a:1");
    }

    #[test]
    fn what_is_wrong_with_an_endpoint_is_said_with_what_was_expected() {
        for (text, expected) in [
            ("http://a:1", "unknown scheme 'http', expected tcp, udp, unix or unixgram"),
            ("localhost", "the port is missing, expected HOST:PORT"),
            ("localhost:", "the port is missing, expected HOST:PORT"),
            ("tcp://[::1]", "the port is missing, expected HOST:PORT"),
            ("a:65536", "port '65536' is out of range, expected a number from 0 to 65535"),
            ("a:+1", "port '+1' is out of range, expected a number from 0 to 65535"),
            ("a:x", "port 'x' is out of range, expected a number from 0 to 65535"),
            (":1", "the host is missing, expected HOST:PORT (all addresses: 0.0.0.0 or [::])"),
            ("a b:1", "'a b' is not a host, expected a name or an address, as in localhost:9999"),
            (
                "::1:80",
                "'::1:80' is not a host, expected an IPv6 address in brackets, as in [::1]:9999",
            ),
            (
                "[1.2.3.4]:80",
                "'1.2.3.4' is not a host, expected an IPv6 address in brackets, as in [::1]:9999",
            ),
            (
                "unix://run/x",
                "path 'run/x' is not absolute, expected three slashes, as in unix:///run/hello.sock",
            ),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
    }

    #[test]
    fn a_socket_path_at_the_limit_is_taken_and_one_byte_over_it_is_not() {
        let path = format!("/{}", "x".repeat(MAX_UNIX_PATH - 1));
        assert!(format!("unix://{path}").parse::<Address>().is_ok());
        assert_eq!(
            error(&format!("unix://{path}x")),
            "the path is 108 bytes long, expected at most 107 (sockaddr_un)"
        );
    }

    proptest! {
        #[test]
        fn what_parses_is_written_so_that_it_parses_to_the_same(text in "(tcp://|unix://)?[\\[a:/.0-9%\\]]{0,12}") {
            if let Ok(address) = text.parse::<Address>() {
                prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = text.parse::<Address>();
        }
    }
}
