//! IP, TCP, UDP and ICMP in bytes. Checksums are zero, because a network card may fill them in after the capture.

/// Returns a TCP header from port 40000 to 443. The options must be whole 32-bit words.
pub(crate) fn tcp(flags: u8, options: &[u8]) -> Vec<u8> {
    let words = u8::try_from(5 + options.len() / 4).unwrap();
    let mut bytes = vec![
        0x9c,
        0x40,
        0x01,
        0xbb,
        0,
        0,
        0,
        100,
        0,
        0,
        0,
        9,
        words << 4,
        flags,
        0xff,
        0xff,
        0,
        0,
        0,
        0,
    ];
    bytes.extend(options);
    bytes
}

pub(crate) fn udp(to: u16, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + body.len()).unwrap().to_be_bytes();
    [&[0xc0, 0x00][..], &to.to_be_bytes(), &length, &[0, 0], body].concat()
}

/// Returns an IPv4 packet. The options must be whole 32-bit words.
pub(crate) fn v4(options: &[u8], fragment: u16, protocol: u8, body: &[u8]) -> Vec<u8> {
    let words = u8::try_from(5 + options.len() / 4).unwrap();
    let total = u16::try_from(20 + options.len() + body.len())
        .unwrap()
        .to_be_bytes();
    let mut bytes = vec![0x40 | words, 0, total[0], total[1], 0x12, 0x34];
    bytes.extend(fragment.to_be_bytes());
    bytes.extend([64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    bytes.extend(options);
    bytes.extend(body);
    bytes
}

/// Returns an IPv6 packet. `extensions` are the header number and the length in units of eight bytes, outermost first.
pub(crate) fn v6(extensions: &[(u8, u8)], next: u8, body: &[u8]) -> Vec<u8> {
    let mut payload = body.to_vec();
    let mut first = next;
    for &(number, units) in extensions.iter().rev() {
        // The authentication header counts 32-bit words, minus two (RFC 4302 section 2.2).
        let length = if number == 51 {
            units * 2 - 2
        } else {
            units - 1
        };
        let mut header = vec![first, if number == 44 { 0 } else { length }];
        // "More fragments" in the fragment header; padding elsewhere.
        header.extend(if number == 44 { [0, 1] } else { [1, 4] });
        header.resize(usize::from(units) * 8, 0);
        payload = [header, payload].concat();
        first = number;
    }
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    bytes.extend([first, 64]);
    bytes.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    bytes.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    bytes.extend(payload);
    bytes
}

pub(crate) fn tcp4(flags: u8) -> Vec<u8> {
    v4(&[], 0, 6, &tcp(flags, &[]))
}

pub(crate) fn tcp6(flags: u8) -> Vec<u8> {
    v6(&[], 6, &tcp(flags, &[]))
}

/// Returns ACKs without data, with and without options.
pub(crate) fn acknowledgments() -> Vec<(&'static str, Vec<u8>)> {
    let timestamped = tcp(0x10, &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    vec![
        ("ack", tcp4(0x10)),
        ("ack v6", tcp6(0x10)),
        ("ack with options", v4(&[], 0, 6, &timestamped)),
        ("ack with options v6", v6(&[], 6, &timestamped)),
        (
            "ack with options behind options",
            v4(&[1; 40], 0, 6, &timestamped),
        ),
        (
            "ack with the most options",
            v4(&[1; 40], 0, 6, &tcp(0x10, &[1; 40])),
        ),
        (
            "ack behind extensions v6",
            v6(&[(0, 1), (60, 2)], 6, &timestamped),
        ),
    ]
}
