//! One packet of every kind, and the expected result of decoding it.

use tcp_handshake_exporter::decode::{Discard, Undecodable};

use super::ip::{tcp, tcp4, tcp6, udp, v4, v6};

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;
const ECE: u8 = 0x40;
const CWR: u8 = 0x80;

/// A packet, starting with its IP header.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) expected: Expected,
}

/// Expected result of decoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expected {
    Segment,
    IcmpError,
    Discarded(Discard),
}

pub(crate) fn samples() -> Vec<Sample> {
    let all = [segments(), icmp_errors(), discarded(), tunnels()].concat();
    all.into_iter()
        .map(|(name, bytes, expected)| Sample {
            name,
            bytes,
            expected,
        })
        .collect()
}

type Row = (&'static str, Vec<u8>, Expected);

fn segments() -> Vec<Row> {
    let syn = tcp(
        SYN,
        &[
            2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0, 1, 3, 3, 7,
        ],
    );
    let ah = [&[6, 4, 0, 0][..], &[0; 20]].concat();
    let mut offloaded4 = v4(&[], 0, 6, &[&tcp(SYN, &[])[..], &[b'x'; 900]].concat());
    offloaded4[2..4].fill(0);
    let mut offloaded6 = v6(&[], 6, &[&tcp(SYN, &[])[..], &[b'x'; 900]].concat());
    offloaded6[4..6].fill(0);
    [
        ("syn", v4(&[], 0, 6, &syn)),
        ("syn/ack", tcp4(SYN | ACK)),
        ("rst", tcp4(RST)),
        ("rst/ack", tcp4(RST | ACK)),
        ("ecn-setup syn", tcp4(SYN | ECE | CWR)),
        ("fin and syn", tcp4(SYN | FIN)),
        (
            "accecn syn",
            v4(
                &[],
                0,
                6,
                &[
                    &[
                        0x9c,
                        0x40,
                        0x01,
                        0xbb,
                        0,
                        0,
                        0,
                        9,
                        0,
                        0,
                        0,
                        0,
                        0x51,
                        SYN | ECE | CWR,
                    ][..],
                    &[0; 6],
                ]
                .concat(),
            ),
        ),
        (
            "syn with data",
            v4(&[], 0, 6, &[&syn[..], &[b'x'; 300]].concat()),
        ),
        ("syn behind options", v4(&[148, 4, 0, 0], 0, 6, &syn)),
        (
            "syn behind forty bytes of options",
            v4(&[1; 40], 0, 6, &syn),
        ),
        ("syn that may not be fragmented", v4(&[], 0x4000, 6, &syn)),
        ("syn in a first fragment", v4(&[], 0x2000, 6, &syn)),
        (
            "authenticated syn",
            v4(&[], 0, 51, &[&ah[..], &syn].concat()),
        ),
        ("syn of offloaded length", offloaded4),
        ("syn v6", v6(&[], 6, &syn)),
        ("syn/ack v6", tcp6(SYN | ACK)),
        ("rst v6", tcp6(RST)),
        ("ecn-setup syn v6", tcp6(SYN | ECE | CWR)),
        ("syn v6 behind hop-by-hop options", v6(&[(0, 1)], 6, &syn)),
        ("syn v6 behind a routing header", v6(&[(43, 3)], 6, &syn)),
        ("syn v6 behind destination options", v6(&[(60, 2)], 6, &syn)),
        ("authenticated syn v6", v6(&[(51, 3)], 6, &syn)),
        ("syn v6 in a first fragment", v6(&[(44, 1)], 6, &syn)),
        (
            "syn v6 behind all of them",
            v6(
                &[(0, 1), (60, 1), (43, 3), (44, 1), (51, 3), (60, 1)],
                6,
                &syn,
            ),
        ),
        ("syn v6 of offloaded length", offloaded6),
    ]
    .map(|(name, bytes)| (name, bytes, Expected::Segment))
    .to_vec()
}

fn icmp_errors() -> Vec<Row> {
    let about =
        |kind, code, quoted: Vec<u8>| [&[kind, code, 0, 0, 0, 0, 0, 0][..], &quoted].concat();
    let short4 = tcp4(SYN)[..28].to_vec();
    let short6 = tcp6(SYN)[..48].to_vec();
    [
        ("port unreachable", v4(&[], 0, 1, &about(3, 3, tcp4(SYN)))),
        (
            "admin prohibited, eight bytes quoted",
            v4(&[], 0, 1, &about(3, 13, short4.clone())),
        ),
        ("source quench", v4(&[], 0, 1, &about(4, 0, short4.clone()))),
        (
            "time exceeded behind options",
            v4(&[148, 4, 0, 0], 0, 1, &about(11, 0, short4.clone())),
        ),
        ("parameter problem", v4(&[], 0, 1, &about(12, 0, short4))),
        (
            "quote of a packet with options",
            v4(&[], 0, 1, &about(3, 1, v4(&[1; 40], 0, 6, &tcp(SYN, &[])))),
        ),
        (
            "quote of a first fragment",
            v4(&[], 0, 1, &about(3, 4, v4(&[], 0x2000, 6, &tcp(SYN, &[])))),
        ),
        (
            "address unreachable v6",
            v6(&[], 58, &about(1, 3, tcp6(SYN))),
        ),
        (
            "packet too big v6",
            v6(&[], 58, &about(2, 0, short6.clone())),
        ),
        (
            "time exceeded v6 behind options",
            v6(&[(0, 1)], 58, &about(3, 0, short6.clone())),
        ),
        ("parameter problem v6", v6(&[], 58, &about(4, 1, short6))),
        (
            "quote of a packet with extensions",
            v6(
                &[],
                58,
                &about(1, 1, v6(&[(0, 1), (60, 2)], 6, &tcp(SYN, &[]))),
            ),
        ),
    ]
    .map(|(name, bytes)| (name, bytes, Expected::IcmpError))
    .to_vec()
}

fn discarded() -> Vec<Row> {
    let data = [&tcp(ACK | PSH, &[])[..], &[b'x'; 1200]].concat();
    let unreachable = |quoted: Vec<u8>| [&[3, 1, 0, 0, 0, 0, 0, 0][..], &quoted].concat();
    let unreachable6 = |quoted: Vec<u8>| [&[1, 3, 0, 0, 0, 0, 0, 0][..], &quoted].concat();
    let mut short = tcp4(SYN);
    short[3] = 30;
    let mut inside = tcp4(SYN);
    inside[3] = 19;
    let mut no_header = tcp4(SYN);
    no_header[0] = 0x44;
    let mut offset = tcp6(SYN);
    offset[52] = 0x40;
    let mut later6 = v6(&[(44, 1)], 6, &tcp(SYN, &[]));
    later6[42..44].copy_from_slice(&[0x05, 0xb0]);
    [
        ("data", v4(&[], 0, 6, &data), Discard::NotHandshake),
        (
            "data behind options",
            v4(&[1; 12], 0, 6, &data),
            Discard::NotHandshake,
        ),
        ("data v6", v6(&[], 6, &data), Discard::NotHandshake),
        ("fin", tcp4(FIN | ACK), Discard::NotHandshake),
        ("fin v6", tcp6(FIN | ACK), Discard::NotHandshake),
        (
            "data in a first fragment v6",
            v6(&[(44, 1)], 6, &data),
            Discard::NotHandshake,
        ),
        (
            "later fragment",
            v4(&[], 0x00b9, 6, &data),
            Discard::LaterFragment,
        ),
        ("later fragment v6", later6, Discard::LaterFragment),
        ("udp", v4(&[], 0, 17, &udp(53, b"?")), Discard::NotTcp),
        ("udp v6", v6(&[], 17, &udp(53, b"?")), Discard::NotTcp),
        ("no next header", v6(&[], 59, &[]), Discard::NotTcp),
        (
            "echo request",
            v4(&[], 0, 1, &[8, 0, 0, 0, 0, 1, 0, 1]),
            Discard::NotTcpError,
        ),
        (
            "neighbor solicitation",
            v6(&[], 58, &[135, 0, 0, 0, 0, 0, 0, 0]),
            Discard::NotTcpError,
        ),
        (
            "error about udp",
            v4(&[], 0, 1, &unreachable(v4(&[], 0, 17, &udp(53, b"?")))),
            Discard::NotTcpError,
        ),
        (
            "error about udp v6",
            v6(&[], 58, &unreachable6(v6(&[], 17, &udp(53, b"?")))),
            Discard::NotTcpError,
        ),
        (
            "error about a later fragment",
            v4(&[], 0, 1, &unreachable(v4(&[], 0x00b9, 6, &data[..40]))),
            Discard::NotTcpError,
        ),
        (
            "error about the other ip",
            v4(&[], 0, 1, &unreachable(tcp6(SYN))),
            Discard::NotTcpError,
        ),
        (
            "packet that ends in the tcp header",
            short,
            Discard::Undecodable(Undecodable::Malformed),
        ),
        (
            "packet that ends in the ip header",
            inside,
            Discard::Undecodable(Undecodable::Malformed),
        ),
        (
            "header of four words",
            no_header,
            Discard::Undecodable(Undecodable::Malformed),
        ),
        (
            "tcp header of four words v6",
            offset,
            Discard::Undecodable(Undecodable::Malformed),
        ),
    ]
    .map(|(name, bytes, discard)| (name, bytes, Expected::Discarded(discard)))
    .to_vec()
}

fn tunnels() -> Vec<Row> {
    let over_udp = |port| v4(&[], 0, 17, &udp(port, &tcp4(SYN)));
    [
        (
            "gre",
            v4(&[], 0, 47, &[&[0, 0, 8, 0][..], &tcp4(SYN)].concat()),
            Undecodable::Gre,
        ),
        (
            "gre v6",
            v6(&[], 47, &[&[0, 0, 8, 0][..], &tcp4(SYN)].concat()),
            Undecodable::Gre,
        ),
        ("ipip", v4(&[], 0, 4, &tcp4(SYN)), Undecodable::Ipip),
        ("ipip v6", v6(&[(60, 1)], 4, &tcp4(SYN)), Undecodable::Ipip),
        ("6in4", v4(&[], 0, 41, &tcp6(SYN)), Undecodable::SixInFour),
        ("6in6", v6(&[], 41, &tcp6(SYN)), Undecodable::SixInFour),
        (
            "etherip",
            v4(&[], 0, 97, &[0x30, 0, 0, 0]),
            Undecodable::EtherIp,
        ),
        (
            "mpls in ip",
            v4(&[], 0, 137, &[0, 1, 1, 64]),
            Undecodable::Mpls,
        ),
        ("l2tp", v4(&[], 0, 115, &[0; 8]), Undecodable::L2tp),
        ("esp", v4(&[], 0, 50, &[0; 40]), Undecodable::Encrypted),
        ("esp v6", v6(&[], 50, &[0; 40]), Undecodable::Encrypted),
        ("l2tp over udp", over_udp(1701), Undecodable::L2tp),
        ("gtp", over_udp(2152), Undecodable::Gtp),
        ("teredo", over_udp(3544), Undecodable::Teredo),
        ("vxlan", over_udp(4789), Undecodable::Vxlan),
        ("vxlan on linux' port", over_udp(8472), Undecodable::Vxlan),
        ("geneve", over_udp(6081), Undecodable::Geneve),
        (
            "geneve v6",
            v6(&[], 17, &udp(6081, &tcp4(SYN))),
            Undecodable::Geneve,
        ),
    ]
    .map(|(name, bytes, reason)| {
        (
            name,
            bytes,
            Expected::Discarded(Discard::Undecodable(reason)),
        )
    })
    .to_vec()
}
