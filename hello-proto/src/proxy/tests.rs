use proptest::prelude::*;

use super::*;

const LONGEST_TCP6: &[u8] = b"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
    ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";

const LONGEST_UNKNOWN: &[u8] = b"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
    ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";

/// The header of version 2 with these two bytes, and this behind its length.
fn v2(version_command: u8, family_transport: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [V2_SIGNATURE, &[version_command, family_transport], &length, rest].concat()
}

const IPV4: &[u8] = &[192, 168, 0, 1, 192, 168, 0, 11, 0xdc, 0x04, 0x01, 0xbb];

/// 2001:db8::1 port 56324 to 2001:db8::2 port 443.
const IPV6: &[u8] = b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\
    \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\xdc\x04\x01\xbb";

/// Asserts that `header` is one, wherever it is split and whatever follows it.
#[track_caller]
fn expect(header: &[u8], source: Option<&str>) {
    let source = source.map(|address| address.parse().unwrap());
    let expected = ProxyHeader { source, length: header.len() };
    for length in 0..header.len() {
        assert_eq!(ProxyHeader::parse(&header[..length]), Ok(None), "{length} bytes");
    }
    for rest in [&b""[..], b"GET / HTTP/1.1\r\nHost: 192.168.0.11\r\n\r\n", header] {
        assert_eq!(ProxyHeader::parse(&[header, rest].concat()), Ok(Some(expected)));
    }
}

#[track_caller]
fn malformed(received: &[u8], what: &'static str) {
    let error = Err(ProxyHeaderError::Malformed(what));
    assert_eq!(ProxyHeader::parse(received), error, "{}", received.escape_ascii());
}

#[test]
fn the_specifications_example_of_version_1_names_its_source() {
    expect(b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", Some("192.168.0.1:56324"));
}

#[test]
fn the_longest_lines_of_the_specification_are_headers() {
    let tcp4 = b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n";
    let all_ones = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
    assert_eq!((tcp4.len(), LONGEST_TCP6.len(), LONGEST_UNKNOWN.len()), (56, 104, 107));
    expect(tcp4, Some("255.255.255.255:65535"));
    expect(LONGEST_TCP6, Some(all_ones));
    expect(LONGEST_UNKNOWN, None);
    expect(b"PROXY UNKNOWN\r\n", None);
}

#[test]
fn of_an_unknown_connection_everything_up_to_the_end_of_the_line_is_ignored() {
    expect(b"PROXY UNKNOWN \xff one two three four five six\r\n", None);
    expect(b"PROXY UNKNOWN a\rb\nc\r\r\n", None);
    expect(b"PROXY UNKNOWN\n\r\n", None);
}

#[test]
fn ipv6_addresses_may_be_shortened_and_may_end_in_an_ipv4_address() {
    expect(b"PROXY TCP6 ::1 2001:DB8::2 0 1\r\n", Some("[::1]:0"));
    expect(b"PROXY TCP6 ::ffff:10.0.0.1 :: 1 2\r\n", Some("[::ffff:10.0.0.1]:1"));
}

#[test]
fn a_line_that_is_not_exactly_as_specified_is_malformed() {
    for (line, what) in [
        (&b"PROXY TCP5 "[..], "unknown protocol"),
        (b"PROXY tcp4", "unknown protocol"),
        (b"PROXY  TCP4", "unknown protocol"),
        (b"PROXY \r\n", "unknown protocol"),
        (b"PROXY TCP4\r\n", "unknown protocol"),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", "CR or LF alone"),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\r\n", "CR or LF alone"),
        (b"PROXY TCP4 \r\n", "not two addresses and two ports"),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n", "not two addresses and two ports"),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n", "not two addresses and two ports"),
        (b"PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n", "not two addresses and two ports"),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 1 \xff\r\n", "not ASCII"),
        (b"PROXY TCP4 1.1.1 2.2.2.2 1 2\r\n", "invalid source address"),
        (b"PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n", "invalid source address"),
        (b"PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n", "invalid source address"),
        (b"PROXY TCP4 ::1 2.2.2.2 1 2\r\n", "invalid source address"),
        (b"PROXY TCP6 1.1.1.1 ::2 1 2\r\n", "invalid source address"),
        (b"PROXY TCP6 1::2::3 ::2 1 2\r\n", "invalid source address"),
        (b"PROXY TCP6 fe80::1%eth0 ::2 1 2\r\n", "invalid source address"),
        (b"PROXY TCP4 1.1.1.1 x 1 2\r\n", "invalid destination address"),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 +1 2\r\n", "invalid source port"),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n", "invalid source port"),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n", "invalid source port"),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 1 -2\r\n", "invalid destination port"),
    ] {
        malformed(line, what);
    }
}

#[test]
fn a_line_without_an_end_is_rejected_at_its_longest_length() {
    let too_long = Err(ProxyHeaderError::TooLong { limit: 107 });
    let mut line = b"PROXY UNKNOWN ".to_vec();
    line.resize(106, b'x');
    assert_eq!(ProxyHeader::parse(&line), Ok(None));
    for end in [&b"x"[..], b"\r", b"\r\n", b"xxx\r\n"] {
        assert_eq!(ProxyHeader::parse(&[&*line, end].concat()), too_long, "{}", end.escape_ascii());
    }
}

#[test]
fn version_2_names_its_source_over_ipv4_and_ipv6_streams_and_datagrams() {
    for transport in [1, 2] {
        expect(&v2(0x21, 0x10 | transport, IPV4), Some("192.168.0.1:56324"));
        expect(&v2(0x21, 0x20 | transport, IPV6), Some("[2001:db8::1]:56324"));
    }
}

#[test]
fn what_follows_the_addresses_of_version_2_is_skipped() {
    // PP2_TYPE_AUTHORITY, and then bytes that are no TLV.
    let tlvs = b"\x02\0\x0bexample.com\xff\xff";
    expect(&v2(0x21, 0x11, &[IPV4, tlvs].concat()), Some("192.168.0.1:56324"));
    expect(&v2(0x21, 0x21, &[IPV6, tlvs].concat()), Some("[2001:db8::1]:56324"));
}

#[test]
fn a_health_check_of_the_proxy_names_no_source_whatever_its_family_is() {
    for family_transport in [0x00, 0x11, 0x21, 0x31, 0xff] {
        for rest in [&b""[..], IPV4, b"odd"] {
            expect(&v2(0x20, family_transport, rest), None);
        }
    }
}

#[test]
fn a_client_that_is_not_of_the_internet_names_no_source() {
    let unix = [b'/'; 216];
    for (family_transport, rest) in
        [(0x00, &b""[..]), (0x00, IPV4), (0x01, b""), (0x10, IPV4), (0x31, &unix), (0x32, &unix)]
    {
        expect(&v2(0x21, family_transport, rest), None);
    }
}

#[test]
fn version_2_with_values_that_are_not_specified_is_malformed() {
    for version_command in [0x00, 0x11, 0x22, 0x2f, 0x31] {
        malformed(&v2(version_command, 0x11, IPV4), "unknown version or command");
    }
    for family in [0x41, 0xf1] {
        malformed(&v2(0x21, family, IPV4), "unknown address family");
    }
    for transport in [0x03, 0x13, 0x1f, 0x23] {
        malformed(&v2(0x21, transport, IPV6), "unknown transport protocol");
    }
    let short = "too short for its addresses";
    malformed(&v2(0x21, 0x11, &IPV4[1..]), short);
    malformed(&v2(0x21, 0x21, &IPV6[1..]), short);
    malformed(&v2(0x21, 0x31, &[0; 215]), short);
}

#[test]
fn version_2_is_rejected_at_its_length_if_that_is_over_the_bound() {
    let longest = v2(0x21, 0x11, &[IPV4, &[0; 4096 - 16 - 12]].concat());
    assert_eq!(longest.len(), ProxyHeader::MAX_LENGTH);
    expect(&longest, Some("192.168.0.1:56324"));
    for length in [[0x0f, 0xf1], [0xff, 0xff]] {
        let header = [V2_SIGNATURE, b"\x20\x00", &length].concat();
        let too_long = Err(ProxyHeaderError::TooLong { limit: 4096 });
        assert_eq!(ProxyHeader::parse(&header), too_long);
    }
}

#[test]
fn a_connection_that_begins_with_something_else_has_no_header() {
    let mut other_signature = V2_SIGNATURE.to_vec();
    other_signature[11] = b'\r';
    for received in
        [&b"Michael\n"[..], b"\n", b"\r\r", b"proxy ", b"PROXY\r\n", b"PROX\n", &other_signature]
    {
        let missing = Err(ProxyHeaderError::Missing);
        assert_eq!(ProxyHeader::parse(received), missing, "{}", received.escape_ascii());
    }
}

#[test]
fn the_errors_say_what_is_wrong() {
    for (error, text) in [
        (ProxyHeaderError::Missing, "no PROXY protocol header"),
        (
            ProxyHeaderError::Malformed("invalid source port"),
            "malformed PROXY protocol header: invalid source port",
        ),
        (ProxyHeaderError::TooLong { limit: 107 }, "PROXY protocol header longer than 107 bytes"),
    ] {
        assert_eq!(error.to_string(), text);
    }
}

proptest! {
    #[test]
    fn every_address_is_read_as_it_was_written(
        source in any::<SocketAddr>(), destination in any::<SocketAddr>(), tlvs in 0usize..60,
    ) {
        let (ip, port) = (source.ip(), source.port());
        let (to, to_port) = (destination.ip(), destination.port());
        let (protocol, family, addresses) = match (ip, to) {
            (IpAddr::V4(ip), IpAddr::V4(to)) =>
                ("TCP4", 0x11, [&ip.octets()[..], &to.octets()].concat()),
            (IpAddr::V6(ip), IpAddr::V6(to)) =>
                ("TCP6", 0x21, [&ip.octets()[..], &to.octets()].concat()),
            _ => return Ok(()),
        };
        let source = Some(SocketAddr::new(ip, port).to_string());
        expect(format!("PROXY {protocol} {ip} {to} {port} {to_port}\r\n").as_bytes(),
               source.as_deref());
        let ports = [port.to_be_bytes(), to_port.to_be_bytes()].concat();
        expect(&v2(0x21, family, &[addresses, ports, vec![7; tlvs]].concat()), source.as_deref());
    }
}
