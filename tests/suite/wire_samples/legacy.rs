//! Link headers of old or other systems, and tags behind which the kernel filter does not search.

use tcp_handshake_exporter::frame::Link;

use super::links::{
    LABEL, LAST, LENGTH, MACS, P4, P6, PPPOE, Parts, SNAP, STATION, T4, T6, Wrap, both, wrap, wraps,
};

/// Token ring addresses. A bit in the source address announces routing information.
const ROUTED: &[u8] = &[2, 0, 0, 0, 0, 2, 0x82, 0, 0, 0, 0, 1];
/// Network service header (RFC 8300) up to the next protocol.
const SERVICE: &[u8] = &[0x89, 0x4f, 0x0f, 0xc2, 2];
/// Network service header after the next protocol.
const PATH: &[u8] = &[0, 0, 1, 0xff];

/// Returns all link headers.
pub(crate) fn all_wraps() -> Vec<Wrap> {
    [wraps(), tagged(), old()].concat()
}

/// Returns tags behind which the kernel filter does not search.
fn tagged() -> Vec<Wrap> {
    let ethernet = |name, tag: &[u8]| wrap(name, Link::Ethernet, &[MACS], &[tag, T4], &[tag, T6]);
    let framed = |name, tag: &[u8]| {
        wrap(
            name,
            Link::Ethernet,
            &[MACS],
            &[tag, MACS, T4],
            &[tag, MACS, T6],
        )
    };
    vec![
        ethernet("hsr", &[0x89, 0x2f, 0, 0x52, 0, 5]),
        ethernet("vn-tag", &[0x89, 0x26, 0, 0, 0, 5]),
        ethernet("cisco metadata", &[0x89, 0x09, 1, 1, 0, 1, 0, 5]),
        ethernet("macsec that only signs", &[0x88, 0xe5, 0, 0, 0, 0, 0, 5]),
        ethernet(
            "macsec with a channel",
            &[0x88, 0xe5, 0x20, 0, 0, 0, 0, 5, 1, 1, 1, 1, 1, 1, 1, 1],
        ),
        framed("802.1ah", &[0x88, 0xe7, 0, 0, 0, 5]),
        framed("bridged", &[0x65, 0x58]),
        framed("fabricpath", &[0x89, 0x03, 0, 0x40]),
        framed("trill", &[0x22, 0xf3, 0, 1, 0, 1, 0, 2]),
        framed(
            "trill with an option",
            &[0x22, 0xf3, 0, 0x41, 0, 1, 0, 2, 9, 9, 9, 9],
        ),
        framed("isl", &[0; 0]).of_inter_switch_link(),
        wrap(
            "service header",
            Link::Ethernet,
            &[MACS],
            &[SERVICE, &[1], PATH],
            &[SERVICE, &[2], PATH],
        ),
        wrap(
            "long llc",
            Link::Ethernet,
            &[MACS, &[0x88, 0x70], SNAP],
            &[T4],
            &[T6],
        ),
        wrap(
            "osi's numbers",
            Link::Ethernet,
            &[MACS, LENGTH, &[0xfe, 0xfe, 0x03]],
            &[&[0xcc]],
            &[&[0x8e]],
        ),
        wrap(
            "bridged in llc",
            Link::Ethernet,
            &[
                MACS,
                LENGTH,
                &[0xaa, 0xaa, 0x03, 0, 0x80, 0xc2, 0, 7, 0, 0],
                MACS,
            ],
            &[T4],
            &[T6],
        ),
        wrap(
            "pppoe of short protocol",
            Link::Ethernet,
            &[MACS, PPPOE],
            &[&[0x21]],
            &[&[0x57]],
        ),
        both(
            "pppoe of mpls",
            Link::Ethernet,
            &[MACS, PPPOE, &[0x02, 0x81], LAST],
        ),
        wrap(
            "ppp of several links",
            Link::Ppp,
            &[&[0xff, 3, 0, 0x3d, 0xc0, 0, 0, 1]],
            &[P4],
            &[P6],
        ),
        wrap(
            "cooked ppp",
            Link::LinuxSll,
            &[&[0, 4, 2, 0, 0, 0], &[0; 8], &[0, 7, 0xff, 3]],
            &[P4],
            &[P6],
        ),
        wrap(
            "null of 16 bits",
            Link::Null,
            &[],
            &[&[0, 2, 0, 0]],
            &[&[0, 24, 0, 0]],
        ),
        wrap(
            "null of ethernet types",
            Link::Null,
            &[],
            &[&[0, 8, 0, 0]],
            &[&[0xdd, 0x86, 0, 0]],
        ),
        wrap(
            "prism left out",
            Link::WifiPrism,
            &[&[0x08, 0x01], STATION, SNAP],
            &[T4],
            &[T6],
        ),
    ]
}

/// Returns link headers that only files contain.
fn old() -> Vec<Wrap> {
    let of = |name, number, before: Parts<'_>, v4: Parts<'_>, v6: Parts<'_>| {
        wrap(name, Link::from_linktype(number), before, v4, v6)
    };
    let record = |kind| [&[0; 8][..], &[kind], &[0; 7]].concat();
    let [ip4, ip6, frame] = &[22, 23, 0x82].map(record);
    vec![
        of("token ring", 6, &[&[0x10, 0x40], MACS, SNAP], &[T4], &[T6]),
        of(
            "token ring with a route",
            6,
            &[&[0x10, 0x40], ROUTED, &[0x06, 0x30, 0, 0x11, 0, 0x20], SNAP],
            &[T4],
            &[T6],
        ),
        of("fddi", 10, &[&[0x50], MACS, SNAP], &[T4], &[T6]),
        of("symantec", 99, &[&[0; 6]], &[T4, &[0; 36]], &[T6, &[0; 36]]),
        of(
            "symantec's later one",
            99,
            &[&[0; 20]],
            &[T4, &[0; 34]],
            &[T6, &[0; 34]],
        ),
        of(
            "frame relay",
            107,
            &[&[0x18, 0x41, 3]],
            &[&[0xcc]],
            &[&[0x8e]],
        ),
        of("frame relay, cisco's", 107, &[&[0x18, 0x41]], &[T4], &[T6]),
        of(
            "frame relay of long address and snap",
            107,
            &[&[0x18, 0x40, 0, 1, 3, 0, 0x80, 0, 0, 0]],
            &[T4],
            &[T6],
        ),
        of(
            "frame relay of ppp",
            107,
            &[&[0x18, 0x41, 3, 0xcf]],
            &[P4],
            &[P6],
        ),
        of(
            "enc",
            109,
            &[],
            &[&[2, 0, 0, 0], &[0; 8]],
            &[&[0, 0, 0, 24], &[0; 8]],
        ),
        of("fibre channel", 122, &[&[1; 16], SNAP], &[T4], &[T6]),
        of(
            "atm of sunos",
            123,
            &[&[0x82, 1, 0, 32], SNAP],
            &[T4],
            &[T6],
        ),
        of("firewire", 138, &[&[1; 16]], &[T4], &[T6]),
        of("ppp of pppd", 166, &[&[0, 3]], &[P4], &[P6]),
        of("ppp with direction", 204, &[&[1, 0xff, 3]], &[P4], &[P6]),
        of(
            "cisco hdlc with direction",
            205,
            &[&[0, 0x0f, 0]],
            &[T4],
            &[T6],
        ),
        of(
            "frame relay with direction",
            206,
            &[&[1, 0x18, 0x41, 3]],
            &[&[0xcc]],
            &[&[0x8e]],
        ),
        of("juniper", 178, &[b"MGC\0", MACS], &[T4], &[T6]),
        of(
            "juniper with extensions",
            178,
            &[b"MGC\x80\0\x02\x09\x09", MACS],
            &[T4],
            &[T6],
        ),
        of("erf of ip", 197, &[], &[ip4], &[ip6]),
        of(
            "erf of ethernet, with a further header",
            197,
            &[frame, &[0; 8], &[0, 0], MACS],
            &[T4],
            &[T6],
        ),
        both("mpls alone", Link::from_linktype(219), &[LABEL, LAST]),
        of(
            "a switch's tag",
            284,
            &[MACS, &[0xc0, 0x0a, 0, 0]],
            &[T4],
            &[T6],
        ),
        of(
            "a switch's tag before 802.1q",
            281,
            &[MACS, &[0x2c, 0, 0, 0x80], &[0x81, 0, 0, 5]],
            &[T4],
            &[T6],
        ),
        of(
            "a switch's long tag",
            285,
            &[MACS, &[0xda, 0xda, 0, 0, 0xc0, 0, 0, 0]],
            &[T4],
            &[T6],
        ),
        of(
            "a switch's tag before the frame",
            282,
            &[&[0, 0, 0x20, 5], MACS],
            &[T4],
            &[T6],
        ),
        both("slip", Link::from_linktype(8), &[&[1], &[0; 15]]),
        both("ipnet", Link::from_linktype(226), &[&[1, 2], &[0; 22]]),
        of(
            "juniper's ppp",
            179,
            &[b"MGC\x80\0\x02\x09\x09", &[0xff, 3]],
            &[P4],
            &[P6],
        ),
        of(
            "juniper's frame relay",
            180,
            &[b"MGC\0", &[0x18, 0x41, 3]],
            &[&[0xcc]],
            &[&[0x8e]],
        ),
        of(
            "juniper's cisco hdlc",
            181,
            &[b"MGC\0", &[0x0f, 0]],
            &[T4],
            &[T6],
        ),
        of("atm's old number", 11, &[SNAP], &[T4], &[T6]),
        of(
            "infiniband",
            242,
            &[&[0; 40]],
            &[T4, &[0, 0]],
            &[T6, &[0, 0]],
        ),
    ]
}
