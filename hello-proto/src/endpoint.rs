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

/// An endpoint as given on a command line: one with a scheme, or a bare `HOST:PORT`, for which the
/// program chooses the sockets.
///
/// ```
/// use hello_proto::{EndpointSpec, Endpoint, HostPort};
///
/// let spec: EndpointSpec = "[::1]:9999".parse().unwrap();
/// assert_eq!(spec, EndpointSpec::HostPort(HostPort { host: "::1".to_owned(), port: 9999 }));
///
/// let spec: EndpointSpec = "unix:///run/hello.sock".parse().unwrap();
/// assert_eq!(spec, EndpointSpec::Endpoint(Endpoint::Unix("/run/hello.sock".into())));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EndpointSpec {
    /// `HOST:PORT`
    HostPort(HostPort),
    /// With a scheme.
    Endpoint(Endpoint),
}

impl FromStr for EndpointSpec {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((scheme, rest)) = text.split_once("://") else {
            let address = text.parse().map(Self::HostPort);
            return address.map_err(|error| named_for_what_it_is(text).unwrap_or(error));
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

impl fmt::Display for EndpointSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostPort(address) => address.fmt(f),
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
        let ipv6 = |host: &str| EndpointError::InvalidIpv6Host(host.to_owned());
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or_else(|| ipv6(text))?;
            if !is_ipv6(host) {
                return Err(ipv6(host));
            }
            (host, rest.strip_prefix(':').ok_or(EndpointError::MissingPort)?)
        } else {
            let Some((host, port)) = text.rsplit_once(':') else {
                return Err(text
                    .parse()
                    .map_or(EndpointError::MissingPort, EndpointError::PortAlone));
            };
            if host.is_empty() {
                return Err(EndpointError::MissingHost);
            }
            if host.contains(':') {
                return Err(ipv6(text));
            }
            if !host.chars().all(is_hostname_char) {
                return Err(EndpointError::InvalidHost(host.to_owned()));
            }
            (host, port)
        };
        if port.is_empty() {
            return Err(EndpointError::MissingPort);
        }
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        match port.parse() {
            Ok(port) if digits => Ok(Self { host: host.to_owned(), port }),
            _ => Err(EndpointError::InvalidPort(port.to_owned())),
        }
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

/// What is wrong with a text that is neither a `HOST:PORT` nor has a `://`, if it is clear what was
/// meant.
fn named_for_what_it_is(text: &str) -> Option<EndpointError> {
    if text.starts_with('/') {
        return Some(EndpointError::MissingScheme(text.to_owned()));
    }
    let (scheme, rest) = text.split_once(':')?;
    let rest = rest.trim_start_matches('/');
    match scheme {
        "tcp" | "udp" => Some(EndpointError::MissingSlashes(format!("{scheme}://{rest}"))),
        "unix" | "unixgram" => Some(EndpointError::MissingSlashes(format!("{scheme}:///{rest}"))),
        _ => None,
    }
}

/// An IPv6 address, with or without the zone of a link-local one (RFC 4007), as in `fe80::1%eth0`.
fn is_ipv6(host: &str) -> bool {
    let (address, zone) = host.split_once('%').unwrap_or((host, "zone"));
    address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty() && zone.chars().all(is_hostname_char)
}

/// Letters of any script, since names may be internationalized, and what RFC 1123 and common
/// practice add.
fn is_hostname_char(c: char) -> bool {
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
        text.parse::<EndpointSpec>().unwrap_err().to_string()
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
            assert_eq!(text.parse::<EndpointSpec>().unwrap().to_string(), text);
        }
        assert_eq!("TCP://a:1".parse::<EndpointSpec>().unwrap().to_string(), "tcp://a:1");
    }

    #[test]
    fn the_errors_say_what_is_wrong_with_an_endpoint() {
        let port = "the port is missing, as in HOST:PORT".to_owned();
        let invalid_port =
            |port| format!("invalid port '{port}': must be a number from 0 to 65535");
        let ipv6 = |host| format!("'{host}' is not an IPv6 address in brackets, as in [::1]:9999");
        let host = |host| format!("'{host}' is not a host name or address, as in localhost:9999");
        for (text, expected) in [
            ("http://a:1", "unknown scheme 'http', expected tcp, udp, unix or unixgram".to_owned()),
            ("localhost", port.clone()),
            ("localhost:", port.clone()),
            ("tcp://[::1]", port.clone()),
            ("[::1]:", port.clone()),
            ("[::1]80", port),
            ("9999", "the host is missing, as in 127.0.0.1:9999".to_owned()),
            ("udp://1", "the host is missing, as in 127.0.0.1:1".to_owned()),
            ("65536", "the port is missing, as in HOST:PORT".to_owned()),
            ("unix:/tmp/x", "the slashes are missing, as in unix:///tmp/x".to_owned()),
            ("unixgram:x\x1b", "the slashes are missing, as in unixgram:///x\\u{1b}".to_owned()),
            ("tcp:127.0.0.1:9", "the slashes are missing, as in tcp://127.0.0.1:9".to_owned()),
            ("udp:/[::1]:9", "the slashes are missing, as in udp://[::1]:9".to_owned()),
            ("/tmp/x:9", "a path needs a scheme, as in unix:///tmp/x:9".to_owned()),
            ("a:65536", invalid_port("65536")),
            ("a:+1", invalid_port("+1")),
            ("[::1]:x", invalid_port("x")),
            (
                ":1",
                "the host is missing, as in HOST:PORT (all addresses: 0.0.0.0 or [::])".to_owned(),
            ),
            ("a b:1", host("a b")),
            ("a\x1b:1", host("a\\u{1b}")),
            ("::1:80", ipv6("::1:80")),
            ("::1", ipv6("::1")),
            ("[::1:80", ipv6("[::1:80")),
            ("[1.2.3.4]:80", ipv6("1.2.3.4")),
            ("[fe80::1%]:80", ipv6("fe80::1%")),
            ("[fe80::1%a b]:80", ipv6("fe80::1%a b")),
            ("[]:80", ipv6("")),
            (
                "unix://run/x",
                "path 'run/x' is not absolute, as in unix:///run/hello.sock".to_owned(),
            ),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
    }

    #[test]
    fn a_socket_path_at_the_limit_is_taken_and_one_byte_over_it_is_not() {
        let path = format!("/{}", "x".repeat(MAX_UNIX_PATH - 1));
        assert!(format!("unix://{path}").parse::<EndpointSpec>().is_ok());
        assert_eq!(
            error(&format!("unix://{path}x")),
            "the path is 108 bytes long, at most 107 fit (sockaddr_un)"
        );
    }

    proptest! {
        #[test]
        fn what_parses_is_written_so_that_it_parses_to_the_same(text in "(tcp://|unix://)?[\\[a:/.0-9%\\]]{0,12}") {
            if let Ok(spec) = text.parse::<EndpointSpec>() {
                prop_assert_eq!(spec.to_string().parse(), Ok(spec));
            }
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = text.parse::<EndpointSpec>();
        }
    }
}
