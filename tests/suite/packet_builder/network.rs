//! IP, TCP and ICMP in bytes, with correct lengths and checksums.

use std::net::IpAddr;

use super::packet::{Body, Extra, Header, Icmp, Packet, Tcp, TcpOption};

/// Returns the packet from its IP header on.
pub(crate) fn ip_packet(packet: &Packet) -> Vec<u8> {
    let body = body(packet);
    match (packet.header.from, packet.header.to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => ipv4(
            &packet.header,
            from.octets(),
            to.octets(),
            protocol(packet),
            &body,
        ),
        (IpAddr::V6(from), IpAddr::V6(to)) => ipv6(
            &packet.header,
            from.octets(),
            to.octets(),
            protocol(packet),
            &body,
        ),
        _ => panic!(
            "a packet cannot go from {} to {}",
            packet.header.from, packet.header.to
        ),
    }
}

fn ipv4(header: &Header, from: [u8; 4], to: [u8; 4], protocol: u8, body: &[u8]) -> Vec<u8> {
    let options: Vec<u8> = header
        .extras
        .iter()
        .filter(|extra| **extra == Extra::RouterAlert)
        .flat_map(|_| [148, 4, 0, 0])
        .collect();
    let words = u8::try_from(5 + options.len() / 4).unwrap();
    let more_fragments = u16::from(header.first_fragment) << 13;
    let mut bytes = vec![0x40 | words, 0];
    bytes.extend(length(20 + options.len() + body.len()));
    bytes.extend(header.identification.to_be_bytes());
    bytes.extend(more_fragments.to_be_bytes());
    bytes.extend([header.hop_limit, protocol, 0, 0]);
    bytes.extend(from);
    bytes.extend(to);
    bytes.extend(options);
    let sum = checksum(&[&bytes]);
    bytes[10..12].copy_from_slice(&sum);
    bytes.extend(body);
    bytes
}

fn ipv6(header: &Header, from: [u8; 16], to: [u8; 16], protocol: u8, body: &[u8]) -> Vec<u8> {
    let mut payload = body.to_vec();
    let mut next = protocol;
    if header.first_fragment {
        let mut fragment = vec![next, 0, 0, 1];
        fragment.extend(u32::from(header.identification).to_be_bytes());
        (next, payload) = (44, [fragment, payload].concat());
    }
    for extra in header.extras.iter().rev() {
        let Some((number, contents)) = extension(*extra) else {
            continue;
        };
        let length = u8::try_from((contents.len() + 2) / 8 - 1).unwrap();
        payload = [vec![next, length], contents, payload].concat();
        next = number;
    }
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend(length(payload.len()));
    bytes.extend([next, header.hop_limit]);
    bytes.extend(from);
    bytes.extend(to);
    bytes.extend(payload);
    bytes
}

/// Returns the number of an extension header and the bytes after its first two (RFC 8200 section 4).
fn extension(extra: Extra) -> Option<(u8, Vec<u8>)> {
    match extra {
        Extra::RouterAlert => None,
        Extra::HopByHop => Some((0, vec![1, 4, 0, 0, 0, 0])),
        Extra::DestinationOptions => Some((60, vec![1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
        Extra::Routing => Some((43, vec![253, 0, 0, 0, 0, 0])),
    }
}

fn protocol(packet: &Packet) -> u8 {
    match (&packet.body, packet.header.from) {
        (Body::Tcp(_), _) => 6,
        (Body::Udp, _) => 17,
        (Body::Icmp(_), IpAddr::V4(_)) => 1,
        (Body::Icmp(_), IpAddr::V6(_)) => 58,
    }
}

fn body(packet: &Packet) -> Vec<u8> {
    let (mut bytes, checksum_at) = match &packet.body {
        Body::Tcp(segment) => (tcp(segment), 16),
        Body::Icmp(error) => (icmp(error), 2),
        Body::Udp => (vec![0, 7, 0, 7, 0, 8, 0, 0], 6),
    };
    let pseudo_header = match (&packet.body, packet.header.from, packet.header.to) {
        (Body::Icmp(_), IpAddr::V4(_), _) => Vec::new(),
        (_, IpAddr::V4(from), IpAddr::V4(to)) => [&from.octets()[..], &to.octets()].concat(),
        (_, IpAddr::V6(from), IpAddr::V6(to)) => [&from.octets()[..], &to.octets()].concat(),
        _ => Vec::new(),
    };
    let trailer = if pseudo_header.is_empty() {
        vec![]
    } else {
        [&length(bytes.len())[..], &[0, protocol(packet)]].concat()
    };
    let sum = checksum(&[&pseudo_header, &trailer, &bytes]);
    bytes[checksum_at..checksum_at + 2].copy_from_slice(&sum);
    bytes
}

fn tcp(segment: &Tcp) -> Vec<u8> {
    let mut options: Vec<u8> = segment
        .options
        .iter()
        .flat_map(|option| tcp_option(*option))
        .collect();
    options.resize(options.len().next_multiple_of(4), 1);
    let words = u8::try_from(5 + options.len() / 4).unwrap();
    assert!(
        words <= 15,
        "a TCP header holds at most 40 bytes of options, not {}",
        options.len()
    );
    let mut bytes = Vec::new();
    bytes.extend(segment.from.to_be_bytes());
    bytes.extend(segment.to.to_be_bytes());
    bytes.extend(segment.sequence.to_be_bytes());
    bytes.extend(segment.acknowledgment.to_be_bytes());
    bytes.extend([words << 4, segment.flags, 0xfa, 0xf0, 0, 0, 0, 0]);
    bytes.extend(options);
    bytes.resize(bytes.len() + segment.data, b'x');
    bytes
}

fn tcp_option(option: TcpOption) -> Vec<u8> {
    let (kind, contents) = match option {
        TcpOption::MaximumSegmentSize(size) => (2, size.to_be_bytes().to_vec()),
        TcpOption::WindowScale(shift) => (3, vec![shift]),
        TcpOption::SackPermitted => (4, vec![]),
        TcpOption::Timestamps(value) => (8, [value.to_be_bytes(), [0; 4]].concat()),
        TcpOption::FastOpen => (34, vec![1, 2, 3, 4, 5, 6, 7, 8]),
        TcpOption::MultipathCapable => (30, vec![0x01, 0x81]),
        TcpOption::Unassigned => (200, vec![0, 0]),
    };
    [
        vec![kind, u8::try_from(contents.len() + 2).unwrap()],
        contents,
    ]
    .concat()
}

fn icmp(error: &Icmp) -> Vec<u8> {
    let quoted = ip_packet(&error.quote);
    let header_length = quoted.len() - body(&error.quote).len();
    let quoted = &quoted[..quoted.len().min(header_length + error.quoted)];
    [&[error.kind, error.code, 0, 0, 0, 0, 0, 0], quoted].concat()
}

fn length(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap().to_be_bytes()
}

/// Returns the Internet checksum (RFC 1071) over parts. All but the last must have an even length.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let mut sum: u32 = words
        .map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!u16::try_from(sum).unwrap()).to_be_bytes()
}
