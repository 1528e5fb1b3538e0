//! The header of the PROXY protocol, versions 1 and 2, as a receiver reads it: with it a proxy says, at
//! the beginning of a connection to a server, which client it forwards. The specification is
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use memchr::memchr2;

use crate::ProxyHeaderError;

/// How version 1 begins: with the protocol of the client's connection, and what separates it.
const TCP4: &[u8] = b"PROXY TCP4 ";
const TCP6: &[u8] = b"PROXY TCP6 ";
const UNKNOWN: &[u8] = b"PROXY UNKNOWN";

/// What all of these begin with.
const V1_PREFIX: &[u8] = b"PROXY ";

/// The longest line of version 1, with its CRLF.
const V1_MAX_LENGTH: usize = 107;

/// How version 2 begins.
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The part of version 2 whose length is fixed: signature, version and command, family and transport,
/// and the length of the rest.
const V2_FIXED_LENGTH: usize = 16;

/// A header of the PROXY protocol.
///
/// ```
/// use hello_proto::ProxyHeader;
///
/// let received = b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nMichael\n";
/// let header = ProxyHeader::parse(received)?.expect("it is complete");
/// assert_eq!(header.source, Some("192.168.0.1:56324".parse().unwrap()));
/// assert_eq!(&received[header.length..], b"Michael\n");
///
/// assert_eq!(ProxyHeader::parse(&received[..20]), Ok(None));
/// # Ok::<(), hello_proto::ProxyHeaderError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    /// The address of the client. `None` where the proxy names no client that has one, and the
    /// addresses of the connection itself hold: it checks the server's health (`LOCAL`), or forwards a
    /// connection that is not of the internet (`UNKNOWN`, `AF_UNSPEC`, `AF_UNIX`).
    pub source: Option<SocketAddr>,
    /// Its length in bytes. What follows is what the client sent.
    pub length: usize,
}

impl ProxyHeader {
    /// The longest header that is accepted, in bytes. It leaves room for the TLVs of version 2, which
    /// are skipped, up to a client's certificate; the bound of nginx is the same.
    pub const MAX_LENGTH: usize = 4096;

    /// Parses the header that `received`, the beginning of a connection, begins with; `None` if it may
    /// still become one. Once [`ProxyHeader::MAX_LENGTH`] bytes have been received that is decided.
    ///
    /// # Errors
    ///
    /// As soon as `received` is not the beginning of a header: such a connection is to be closed.
    pub fn parse(received: &[u8]) -> Result<Option<Self>, ProxyHeaderError> {
        if agree(received, V2_SIGNATURE) {
            parse_v2(received)
        } else if agree(received, V1_PREFIX) {
            parse_v1(received)
        } else {
            Err(ProxyHeaderError::Missing)
        }
    }
}

/// Whether the two are the same as far as both go.
fn agree(one: &[u8], other: &[u8]) -> bool {
    one.iter().zip(other).all(|(one, other)| one == other)
}

fn parse_v1(received: &[u8]) -> Result<Option<ProxyHeader>, ProxyHeaderError> {
    if ![TCP4, TCP6, UNKNOWN].iter().any(|start| agree(received, start)) {
        return Err(ProxyHeaderError::Malformed("unknown protocol"));
    }
    let too_long = Err(ProxyHeaderError::TooLong { limit: V1_MAX_LENGTH });
    let line = &received[..received.len().min(V1_MAX_LENGTH)];
    let is_whole = line.len() < V1_MAX_LENGTH;
    // Of an unknown connection everything is ignored but the end of the line.
    let end = match line.starts_with(UNKNOWN) {
        true => line.windows(2).position(|bytes| bytes == b"\r\n"),
        false => memchr2(b'\r', b'\n', line),
    };
    let Some(end) = end else {
        return if is_whole { Ok(None) } else { too_long };
    };
    match &line[end..] {
        [b'\r', b'\n', ..] => {}
        [b'\r'] => return if is_whole { Ok(None) } else { too_long },
        _ => return Err(ProxyHeaderError::Malformed("CR or LF alone")),
    }
    let line = &line[..end];
    let source = if let Some(fields) = line.strip_prefix(TCP4) {
        parse_fields(fields, |address| address.parse().ok().map(Ipv4Addr::into)).map(Some)
    } else if let Some(fields) = line.strip_prefix(TCP6) {
        parse_fields(fields, |address| address.parse().ok().map(Ipv6Addr::into)).map(Some)
    } else {
        Ok(None)
    };
    let source = source.map_err(ProxyHeaderError::Malformed)?;
    Ok(Some(ProxyHeader { source, length: end + 2 }))
}

/// The source from the addresses and ports of a line: `SOURCE DESTINATION SOURCE_PORT DESTINATION_PORT`.
fn parse_fields(
    fields: &[u8],
    parse_ip: fn(&str) -> Option<IpAddr>,
) -> Result<SocketAddr, &'static str> {
    let fields = str::from_utf8(fields).map_err(|_| "not ASCII")?;
    let fields: Vec<_> = fields.split(' ').collect();
    let [source, destination, source_port, destination_port] = *fields else {
        return Err("not two addresses and two ports");
    };
    let source = parse_ip(source).ok_or("invalid source address")?;
    parse_ip(destination).ok_or("invalid destination address")?;
    let source_port = parse_port(source_port).ok_or("invalid source port")?;
    parse_port(destination_port).ok_or("invalid destination port")?;
    Ok(SocketAddr::new(source, source_port))
}

/// Reads a port without a sign and without leading zeros, which `u16` would take.
fn parse_port(text: &str) -> Option<u16> {
    let port = text.parse::<u16>().ok()?;
    (port.to_string() == text).then_some(port)
}

fn parse_v2(received: &[u8]) -> Result<Option<ProxyHeader>, ProxyHeaderError> {
    let malformed = |what| Err(ProxyHeaderError::Malformed(what));
    let Some((fixed, rest)) = received.split_first_chunk::<V2_FIXED_LENGTH>() else {
        return Ok(None);
    };
    let [.., version_command, family_transport, length_high, length_low] = *fixed;
    let is_local = match version_command {
        0x20 => true,
        0x21 => false,
        _ => return malformed("unknown version or command"),
    };
    let (family, transport) = (family_transport >> 4, family_transport & 0xf);
    // Source and destination, and their ports: AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX.
    let addresses_length = match family {
        _ if is_local => 0,
        0 => 0,
        1 => 2 * (4 + 2),
        2 => 2 * (16 + 2),
        3 => 2 * 108,
        _ => return malformed("unknown address family"),
    };
    // UNSPEC, STREAM, DGRAM.
    if !is_local && transport > 2 {
        return malformed("unknown transport protocol");
    }
    let rest_length = usize::from(u16::from_be_bytes([length_high, length_low]));
    if rest_length < addresses_length {
        return malformed("too short for its addresses");
    }
    let length = V2_FIXED_LENGTH + rest_length;
    if length > ProxyHeader::MAX_LENGTH {
        return Err(ProxyHeaderError::TooLong { limit: ProxyHeader::MAX_LENGTH });
    }
    if rest.len() < rest_length {
        return Ok(None);
    }
    let source = match family {
        _ if is_local || transport == 0 => None,
        1 => source_v2::<4>(rest),
        2 => source_v2::<16>(rest),
        _ => None,
    };
    Ok(Some(ProxyHeader { source, length }))
}

/// The source from a block of two addresses of `N` bytes each and their ports.
fn source_v2<const N: usize>(addresses: &[u8]) -> Option<SocketAddr>
where
    IpAddr: From<[u8; N]>,
{
    let (source, rest) = addresses.split_first_chunk::<N>()?;
    let (_destination, rest) = rest.split_first_chunk::<N>()?;
    let (port, _) = rest.split_first_chunk()?;
    Some(SocketAddr::new(IpAddr::from(*source), u16::from_be_bytes(*port)))
}

#[cfg(test)]
mod tests;
