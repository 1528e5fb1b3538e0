//! The servers of a command line, and the way to them.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use hello_proto::{
    DEFAULT_MAX_MESSAGE, Endpoint, EndpointError, EndpointSpec, Framing, HostPort, MAX_MESSAGE,
    MessageError,
};
use socket2::Domain;

use super::number::number;
use super::{duration, positive};

/// How long connecting may take, and each reply, by default.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The same in a check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

/// The same in a measurement over datagrams, where a lost one holds up its place in a closed loop.
const DATAGRAM_TIMEOUT: Duration = Duration::from_secs(1);

/// The servers that a command line names with an option.
///
/// Not a global option of clap: of one before a command and one behind it, clap would keep the
/// last without a word.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Servers {
    /// Where the server listens: HOST:PORT, or with tcp://, udp://, unix:// or unixgram://
    ///
    /// HOST:PORT is tcp://HOST:PORT, and for check udp://HOST:PORT as well; IPv6
    /// addresses go in brackets; paths are absolute, as in unix:///run/hello.sock.
    /// Every address of a name is tried in turn. Only check and ping take several.
    ///
    /// [env: HELLO_SERVER] [default: 127.0.0.1:9999]
    #[arg(short = 's', long = "server", value_name = "ENDPOINT", value_parser = server)]
    #[arg(verbatim_doc_comment, help_heading = "Server", display_order = 0)]
    pub(crate) given: Vec<EndpointSpec>,
}

/// The way to a server, and how to talk to it.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerOptions {
    /// How long connecting may take, and then each reply
    ///
    /// [default: 5s; check, and bench and ping over udp and unixgram: 1s]
    #[arg(long, global = true, value_name = "DURATION", value_parser = positive)]
    timeout: Option<Duration>,
    /// Keep trying for this long until the server is there, and answers
    ///
    /// It ends with the first reply, or within a second after this time. Over UDP, which
    /// has no connections, the first message is sent again until it is answered.
    #[arg(verbatim_doc_comment)]
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration)]
    #[arg(default_value = "0")]
    wait: Duration,
    /// Where a message ends; must match the server
    #[arg(long, global = true, value_parser = framing(), default_value_t)]
    framing: Framing,
    /// The longest message, from 1 to 65499
    #[arg(long = "max-message", global = true, value_name = "BYTES")]
    #[arg(value_parser = number::<usize>(1..=MAX_MESSAGE as u64))]
    #[arg(default_value_t = DEFAULT_MAX_MESSAGE)]
    limit: usize,
    /// Use only the IPv4 addresses of a name
    #[arg(short = '4', global = true, conflicts_with = "ipv6")]
    ipv4: bool,
    /// Use only the IPv6 addresses of a name
    #[arg(short = '6', global = true)]
    ipv6: bool,
    /// Connect from this address of this machine: IP, or IP:PORT
    #[arg(long, global = true, value_name = "ADDR", value_parser = bind)]
    bind: Option<SocketAddr>,
}

impl ServerOptions {
    /// The target of a command that goes to one of `servers`, where a bare `HOST:PORT` is TCP.
    ///
    /// # Errors
    ///
    /// There are more, or they cannot be reached in the way that the options ask for.
    pub(crate) fn target(
        &self,
        servers: Vec<EndpointSpec>,
        default_timeout: fn(&Endpoint) -> Duration,
    ) -> Result<Target, String> {
        if let [first, second, ..] = &*servers {
            return Err(format!(
                "more than one --server: {first} and {second} (only check and ping take several)"
            ));
        }
        let mut targets = self.targets(servers, &[Endpoint::Tcp], default_timeout)?;
        Ok(targets.pop().expect("a server"))
    }

    /// A target for each of `servers`, and for a bare `HOST:PORT` one for each of `sockets`.
    ///
    /// # Errors
    ///
    /// One of them cannot be reached in the way that the options ask for.
    pub(crate) fn targets(
        &self,
        servers: Vec<EndpointSpec>,
        sockets: &[fn(HostPort) -> Endpoint],
        default_timeout: fn(&Endpoint) -> Duration,
    ) -> Result<Vec<Target>, String> {
        let endpoints = servers.into_iter().flat_map(|server| match server {
            EndpointSpec::HostPort(address) => {
                sockets.iter().map(|socket| socket(address.clone())).collect()
            }
            EndpointSpec::Endpoint(endpoint) => vec![endpoint],
        });
        let target = |endpoint| self.target_at(endpoint, default_timeout);
        endpoints.map(target).collect()
    }

    fn target_at(
        &self,
        endpoint: Endpoint,
        default_timeout: fn(&Endpoint) -> Duration,
    ) -> Result<Target, String> {
        let Self { timeout, wait, framing, limit, ipv4, ipv6, bind } = *self;
        // Before and behind a command, clap cannot see that one conflicts with the other.
        if ipv4 && ipv6 {
            return Err("-4 cannot be used with -6".to_owned());
        }
        let is_unix = matches!(endpoint, Endpoint::Unix(_) | Endpoint::Unixgram(_));
        let (option, family) = match bind {
            _ if ipv4 => ("-4", Some(Domain::IPV4)),
            _ if ipv6 => ("-6", Some(Domain::IPV6)),
            Some(bind) => ("--bind", Some(Domain::for_address(bind))),
            None => ("", None),
        };
        if family.is_some() && is_unix {
            return Err(format!("{option} cannot be used with {endpoint}"));
        }
        match bind {
            Some(bind) if family != Some(Domain::for_address(bind)) => {
                Err(format!("{option} cannot be used with --bind {}", bind.ip()))
            }
            _ => {
                let timeout = timeout.unwrap_or_else(|| default_timeout(&endpoint));
                Ok(Target { endpoint, timeout, wait, framing, limit, family, bind })
            }
        }
    }
}

/// One server, the way to it, and how to talk to it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) endpoint: Endpoint,
    timeout: Duration,
    /// How long to keep trying until the server is there.
    pub(crate) wait: Duration,
    pub(crate) framing: Framing,
    /// The longest message.
    pub(crate) limit: usize,
    family: Option<Domain>,
    /// Where to connect from.
    pub(crate) bind: Option<SocketAddr>,
}

impl Target {
    /// Whether messages are datagrams, rather than parts of a stream.
    pub(crate) fn is_datagram(&self) -> bool {
        is_datagram(&self.endpoint)
    }

    /// Checks that the server will receive, and answer, just this message.
    pub(crate) fn check(&self, message: &[u8]) -> Result<(), MessageError> {
        if self.is_datagram() {
            self.framing.check_datagram(message, self.limit)
        } else {
            self.framing.check(message, self.limit)
        }
    }

    /// How long connecting may take, and each reply; never zero.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The family that an address of the server must have, if not any will do.
    pub(crate) fn family(&self) -> Option<Domain> {
        self.family
    }
}

/// The default timeout of a check, for which a reply that comes later is as good as none.
pub(crate) fn check_timeout(_: &Endpoint) -> Duration {
    CHECK_TIMEOUT
}

/// The default timeout of a session.
pub(crate) fn session_timeout(_: &Endpoint) -> Duration {
    TIMEOUT
}

/// The default timeout of a measurement.
pub(crate) fn measurement_timeout(endpoint: &Endpoint) -> Duration {
    if is_datagram(endpoint) { DATAGRAM_TIMEOUT } else { TIMEOUT }
}

/// The servers to go to: those `given`, else the one of `environment`, which is `HELLO_SERVER`, else
/// the default one.
///
/// # Errors
///
/// What is wrong with `environment`.
pub(crate) fn servers_or_default(
    given: Vec<EndpointSpec>,
    environment: Option<OsString>,
) -> Result<Vec<EndpointSpec>, String> {
    if !given.is_empty() {
        return Ok(given);
    }
    let server = match environment.filter(|server| !server.is_empty()) {
        None => endpoint("127.0.0.1:9999")?,
        Some(server) => {
            let server = server.to_string_lossy();
            endpoint(&server).map_err(|why| {
                let server = server.escape_debug();
                format!("invalid value '{server}' in HELLO_SERVER, as --server: {why}")
            })?
        }
    };
    Ok(vec![server])
}

fn is_datagram(endpoint: &Endpoint) -> bool {
    matches!(endpoint, Endpoint::Udp(_) | Endpoint::Unixgram(_))
}

/// The same with a hint for those who know `-s` from ping(8).
fn server(text: &str) -> Result<EndpointSpec, String> {
    let is_number = text.parse::<u64>().is_ok();
    endpoint(text).map_err(|why| if is_number { format!("{why} (a size is --size)") } else { why })
}

/// Where a client can go.
pub(super) fn endpoint(text: &str) -> Result<EndpointSpec, String> {
    let server = text.parse().map_err(|error: EndpointError| error.to_string())?;
    match &server {
        EndpointSpec::HostPort(address)
        | EndpointSpec::Endpoint(Endpoint::Tcp(address) | Endpoint::Udp(address))
            if address.port == 0 =>
        {
            Err("port 0 is only for servers".to_owned())
        }
        _ => Ok(server),
    }
}

fn framing() -> impl TypedValueParser<Value = Framing> {
    PossibleValuesParser::new(Framing::ALL.map(Framing::name))
        .try_map(|name| name.parse::<Framing>())
}

fn bind(text: &str) -> Result<SocketAddr, &'static str> {
    let address = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 0));
    address.or_else(|_| text.parse()).map_err(|_| {
        "expected an address of this machine, as in 192.0.2.7, ::1, 192.0.2.7:4000 or [::1]:4000"
    })
}
