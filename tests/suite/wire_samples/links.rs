//! Link headers that a live capture may contain.

use tcp_handshake_exporter::frame::Link;

/// Ethernet addresses: destination, source.
pub(super) const MACS: &[u8] = &[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];

/// Ethertype of IPv4.
pub(super) const T4: &[u8] = &[0x08, 0x00];

/// Ethertype of IPv6.
pub(super) const T6: &[u8] = &[0x86, 0xdd];

/// PPP protocol of IPv4.
pub(super) const P4: &[u8] = &[0x00, 0x21];

/// PPP protocol of IPv6.
pub(super) const P6: &[u8] = &[0x00, 0x57];

/// 802.1Q tag.
const Q: &[u8] = &[0x81, 0x00, 0x00, 0x2a];

/// 802.1ad tag.
const AD: &[u8] = &[0x88, 0xa8, 0x00, 0x07];

/// Tag with the Ethertype 0x9100, which preceded 802.1ad.
const OLD: &[u8] = &[0x91, 0x00, 0x00, 0x07];

/// Ethertype of PPPoE sessions.
const PPPOE_TYPE: &[u8] = &[0x88, 0x64];

/// PPPoE session header.
const SESSION: &[u8] = &[0x11, 0, 0, 1, 0, 99];

/// Ethertype and header of a PPPoE session.
pub(super) const PPPOE: &[u8] = &[0x88, 0x64, 0x11, 0, 0, 1, 0, 99];

/// Ethertype of MPLS.
const MPLS: &[u8] = &[0x88, 0x47];

/// Ethertype of multicast MPLS.
const MULTICAST: &[u8] = &[0x88, 0x48];

/// MPLS label that is not the last one.
pub(super) const LABEL: &[u8] = &[0x00, 0x01, 0x00, 64];

/// MPLS label at the bottom of the stack.
pub(super) const LAST: &[u8] = &[0x00, 0x01, 0x01, 64];

/// IEEE 802.3 length.
pub(super) const LENGTH: &[u8] = &[0x00, 0x64];

/// LINUX_SLL protocol of IEEE 802.2 LLC.
const LLC: &[u8] = &[0x00, 0x04];

/// LLC and SNAP with the OUI of Ethertypes.
pub(super) const SNAP: &[u8] = &[0xaa, 0xaa, 0x03, 0, 0, 0];

/// LLC and SNAP with the OUI of IEEE 802.1H.
const BRIDGED: &[u8] = &[0xaa, 0xaa, 0x03, 0, 0, 0xf8];

/// LINUX_SLL header up to the protocol.
const COOKED: &[u8] = &[0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];

/// LINUX_SLL2 after the protocol field.
const COOKED2: &[u8] = &[0, 0, 0, 0, 0, 3, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0];

/// IEEE 802.11: duration, three addresses, sequence control.
pub(super) const STATION: &[u8] = &[
    0, 0, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 3, 0x10, 0,
];

/// NFLOG: the prefix of five bytes, and the header of the payload.
const NFLOG: &[u8] = &[
    9, 0, 10, 0, b'd', b'r', b'o', b'p', 0, 0, 0, 0, 0xff, 0x7f, 9, 0,
];

/// A link header in front of an IP packet.
#[derive(Clone, Debug)]
pub(crate) struct Wrap {
    pub(crate) name: &'static str,
    pub(crate) link: Link,
    /// Headers for IPv4 and for IPv6.
    headers: [Vec<u8>; 2],
}

impl Wrap {
    /// Returns the frame that contains this packet.
    pub(crate) fn frame(&self, packet: &[u8]) -> Vec<u8> {
        let [v4, v6] = &self.headers;
        [if packet[0] >> 4 == 4 { &v4[..] } else { v6 }, packet].concat()
    }

    /// Replaces the Ethernet addresses by Cisco's Inter-Switch Link header.
    pub(super) fn of_inter_switch_link(mut self) -> Self {
        for header in &mut self.headers {
            *header = [&[1, 0, 12, 0, 0, 0][..], &[7; 20], &header[12..]].concat();
        }
        self
    }

    /// Returns the length of the header.
    pub(crate) fn length(&self, v4: bool) -> usize {
        self.headers[usize::from(!v4)].len()
    }
}

/// Returns the link headers of live captures: their packets pass the kernel filter.
pub(crate) fn wraps() -> Vec<Wrap> {
    [ethernet(), cooked(), others()].concat()
}

pub(super) fn wrap(
    name: &'static str,
    link: Link,
    before: Parts<'_>,
    v4: Parts<'_>,
    v6: Parts<'_>,
) -> Wrap {
    Wrap {
        name,
        link,
        headers: [
            [before, v4].concat().concat(),
            [before, v6].concat().concat(),
        ],
    }
}

/// Creates a link header that does not contain the IP version.
pub(super) fn both(name: &'static str, link: Link, header: Parts<'_>) -> Wrap {
    wrap(name, link, header, &[], &[])
}

pub(super) type Parts<'a> = &'a [&'a [u8]];

fn ethernet() -> Vec<Wrap> {
    vec![
        wrap("ethernet", Link::Ethernet, &[MACS], &[T4], &[T6]),
        wrap("802.1q", Link::Ethernet, &[MACS, Q], &[T4], &[T6]),
        wrap("qinq", Link::Ethernet, &[MACS, AD, Q], &[T4], &[T6]),
        wrap("old qinq", Link::Ethernet, &[MACS, OLD, Q], &[T4], &[T6]),
        wrap(
            "four tags",
            Link::Ethernet,
            &[MACS, AD, Q, Q, Q],
            &[T4],
            &[T6],
        ),
        wrap("pppoe", Link::Ethernet, &[MACS, PPPOE], &[P4], &[P6]),
        wrap(
            "pppoe in 802.1q",
            Link::Ethernet,
            &[MACS, Q, PPPOE],
            &[P4],
            &[P6],
        ),
        wrap(
            "pppoe in qinq",
            Link::Ethernet,
            &[MACS, AD, Q, PPPOE],
            &[P4],
            &[P6],
        ),
        both("mpls", Link::Ethernet, &[MACS, MPLS, LAST]),
        both(
            "mpls of two labels",
            Link::Ethernet,
            &[MACS, MPLS, LABEL, LAST],
        ),
        both(
            "mpls of three labels",
            Link::Ethernet,
            &[MACS, MPLS, LABEL, LABEL, LAST],
        ),
        both(
            "mpls of five labels",
            Link::Ethernet,
            &[MACS, MPLS, LABEL, LABEL, LABEL, LABEL, LAST],
        ),
        both("multicast mpls", Link::Ethernet, &[MACS, MULTICAST, LAST]),
        both("mpls in 802.1q", Link::Ethernet, &[MACS, Q, MPLS, LAST]),
        both(
            "mpls of two labels in qinq",
            Link::Ethernet,
            &[MACS, AD, Q, MPLS, LABEL, LAST],
        ),
        wrap("802.3", Link::Ethernet, &[MACS, LENGTH, SNAP], &[T4], &[T6]),
        wrap(
            "802.3 by 802.1h",
            Link::Ethernet,
            &[MACS, LENGTH, BRIDGED],
            &[T4],
            &[T6],
        ),
        wrap(
            "802.3 in 802.1q",
            Link::Ethernet,
            &[MACS, Q, LENGTH, SNAP],
            &[T4],
            &[T6],
        ),
    ]
}

fn cooked() -> Vec<Wrap> {
    vec![
        wrap("cooked", Link::LinuxSll, &[COOKED], &[T4], &[T6]),
        wrap("cooked 802.1q", Link::LinuxSll, &[COOKED, Q], &[T4], &[T6]),
        wrap(
            "cooked qinq",
            Link::LinuxSll,
            &[COOKED, AD, Q],
            &[T4],
            &[T6],
        ),
        wrap(
            "cooked pppoe",
            Link::LinuxSll,
            &[COOKED, PPPOE],
            &[P4],
            &[P6],
        ),
        wrap(
            "cooked pppoe in 802.1q",
            Link::LinuxSll,
            &[COOKED, Q, PPPOE],
            &[P4],
            &[P6],
        ),
        both("cooked mpls", Link::LinuxSll, &[COOKED, MPLS, LAST]),
        wrap(
            "cooked llc",
            Link::LinuxSll,
            &[COOKED, LLC, SNAP],
            &[T4],
            &[T6],
        ),
        wrap(
            "cooked v2",
            Link::LinuxSll2,
            &[],
            &[T4, COOKED2],
            &[T6, COOKED2],
        ),
        wrap(
            "cooked v2 802.1q",
            Link::LinuxSll2,
            &[&[0x81, 0], COOKED2, &[0, 5]],
            &[T4],
            &[T6],
        ),
        wrap(
            "cooked v2 qinq",
            Link::LinuxSll2,
            &[&[0x88, 0xa8], COOKED2, &[0, 5], Q],
            &[T4],
            &[T6],
        ),
        wrap(
            "cooked v2 one tag left",
            Link::LinuxSll2,
            &[],
            &[T4, COOKED2, &[0, 5], T4],
            &[T6, COOKED2, &[0, 5], T6],
        ),
        wrap(
            "cooked v2 two tags left",
            Link::LinuxSll2,
            &[],
            &[T4, COOKED2, &[0, 5], Q, T4],
            &[T6, COOKED2, &[0, 5], Q, T6],
        ),
        wrap(
            "cooked v2 pppoe",
            Link::LinuxSll2,
            &[PPPOE_TYPE, COOKED2, SESSION],
            &[P4],
            &[P6],
        ),
        both(
            "cooked v2 mpls",
            Link::LinuxSll2,
            &[&[0x88, 0x47], COOKED2, LAST],
        ),
        wrap(
            "cooked v2 llc",
            Link::LinuxSll2,
            &[&[0, 4], COOKED2, SNAP],
            &[T4],
            &[T6],
        ),
    ]
}

fn others() -> Vec<Wrap> {
    vec![
        wrap(
            "null of linux",
            Link::Null,
            &[],
            &[&[2, 0, 0, 0]],
            &[&[10, 0, 0, 0]],
        ),
        wrap(
            "null of a big-endian bsd",
            Link::Null,
            &[],
            &[&[0, 0, 0, 2]],
            &[&[0, 0, 0, 24]],
        ),
        wrap(
            "null of freebsd",
            Link::Null,
            &[],
            &[&[2, 0, 0, 0]],
            &[&[28, 0, 0, 0]],
        ),
        wrap(
            "null of macos",
            Link::Null,
            &[],
            &[&[2, 0, 0, 0]],
            &[&[30, 0, 0, 0]],
        ),
        wrap("loop", Link::Loop, &[], &[&[0, 0, 0, 2]], &[&[0, 0, 0, 24]]),
        both("raw", Link::Raw, &[]),
        wrap("ppp", Link::Ppp, &[&[0xff, 0x03]], &[P4], &[P6]),
        wrap("ppp without address", Link::Ppp, &[], &[P4], &[P6]),
        wrap(
            "ppp with short protocol",
            Link::Ppp,
            &[&[0xff, 0x03]],
            &[&[0x21]],
            &[&[0x57]],
        ),
        wrap(
            "ppp with nothing but a short protocol",
            Link::Ppp,
            &[],
            &[&[0x21]],
            &[&[0x57]],
        ),
        wrap(
            "cisco hdlc among ppp",
            Link::Ppp,
            &[&[0x0f, 0]],
            &[T4],
            &[T6],
        ),
        wrap("cisco hdlc", Link::CiscoHdlc, &[&[0x8f, 0]], &[T4], &[T6]),
        both(
            "cisco hdlc mpls",
            Link::CiscoHdlc,
            &[&[0x8f, 0], MPLS, LAST],
        ),
        wrap(
            "pppoe without ethernet",
            Link::PppEther,
            &[SESSION],
            &[P4],
            &[P6],
        ),
        wrap("llc", Link::Llc, &[SNAP], &[T4], &[T6]),
        wrap(
            "802.11",
            Link::Wifi,
            &[&[0x08, 0x01], STATION, SNAP],
            &[T4],
            &[T6],
        ),
        wrap(
            "802.11 with quality",
            Link::Wifi,
            &[&[0x88, 0x02], STATION, &[0, 0], SNAP],
            &[T4],
            &[T6],
        ),
        wrap(
            "802.11 between stations",
            Link::Wifi,
            &[&[0x08, 0x03], STATION, &[4; 6], SNAP],
            &[T4],
            &[T6],
        ),
        wrap(
            "802.11 with ht control",
            Link::Wifi,
            &[&[0x88, 0x81], STATION, &[0, 0], &[9; 4], SNAP],
            &[T4],
            &[T6],
        ),
        wrap(
            "802.11 of 802.1h",
            Link::Wifi,
            &[&[0x08, 0x01], STATION, BRIDGED],
            &[T4],
            &[T6],
        ),
        wrap(
            "radiotap",
            Link::WifiRadiotap,
            &[
                &[0, 0, 10, 0, 0, 0, 0, 0, 7, 7],
                &[0x08, 0x01],
                STATION,
                SNAP,
            ],
            &[T4],
            &[T6],
        ),
        wrap(
            "radiotap with timer",
            Link::WifiRadiotap,
            &[
                &[0, 0, 18, 0, 3, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 0x10, 7],
                &[0x88, 0x01],
                STATION,
                &[0, 0],
                SNAP,
            ],
            &[T4],
            &[T6],
        ),
        wrap(
            "radiotap with padding",
            Link::WifiRadiotap,
            &[
                &[0, 0, 9, 0, 2, 0, 0, 0, 0x20],
                &[0x88, 0x01],
                STATION,
                &[0, 0],
                &[0, 0],
                SNAP,
            ],
            &[T4],
            &[T6],
        ),
        wrap(
            "prism",
            Link::WifiPrism,
            &[
                &[0x44, 0, 0, 0, 144, 0, 0, 0],
                &[1; 136],
                &[0x08, 0x01],
                STATION,
                SNAP,
            ],
            &[T4],
            &[T6],
        ),
        wrap(
            "avs",
            Link::WifiPrism,
            &[
                &[0x80, 0x21, 0x10, 1, 0, 0, 0, 12, 1, 1, 1, 1],
                &[0x08, 0x01],
                STATION,
                SNAP,
            ],
            &[T4],
            &[T6],
        ),
        wrap(
            "pflog",
            Link::PacketFilterLog,
            &[],
            &[&[61, 2], &[0; 62]],
            &[&[61, 24], &[0; 62]],
        ),
        wrap(
            "nflog",
            Link::NetfilterLog,
            &[],
            &[&[2, 0, 0, 0], NFLOG],
            &[&[10, 0, 0, 0], NFLOG],
        ),
        wrap(
            "ppi",
            Link::Ppi,
            &[&[0, 0, 12, 0, 1, 0, 0, 0, 5, 5, 5, 5], MACS],
            &[T4],
            &[T6],
        ),
        both(
            "pktap",
            Link::Pktap,
            &[
                &[44, 0, 0, 0, 1, 0, 0, 0, 12, 0, 0, 0],
                &[b'e'; 24],
                &[1, 0, 0, 0],
                &[0; 4],
            ],
        ),
    ]
}
