//! The facts of one frame about handshakes, from tshark's fields of the outermost IP layer.

use std::net::{IpAddr, SocketAddr};

use super::tshark::FrameFields;

pub(crate) const FIN: u16 = 0x01;
pub(crate) const SYN: u16 = 0x02;
pub(crate) const RST: u16 = 0x04;
pub(crate) const ACK: u16 = 0x10;

/// Layers below IP that the program decodes.
const LINKS: [&str; 45] = [
    "eth",
    "ethertype",
    "vlan",
    "ieee8021ad",
    "pppoes",
    "ppp",
    "sll",
    "null",
    "raw",
    "mpls",
    "llc",
    "chdlc",
    "radiotap",
    "wlan_radio",
    "wlan",
    "ppi",
    "pktap",
    "pflog",
    "nflog",
    "ieee8021ah",
    "vntag",
    "hsr",
    "cmd",
    "macsec",
    "cfp",
    "trill",
    "nsh",
    "fr",
    "fddi",
    "tr",
    "ipfc",
    "enc",
    "erf",
    "ipoib",
    "ap1394",
    "atm",
    "arcnet",
    "clip",
    "juniper",
    "symantec",
    "pcap_pktdata",
    "osi",
    "wlancap",
    "prism",
    "mp",
];

/// Extension headers of IPv6.
const EXTENSIONS: [&str; 5] = [
    "ipv6.hopopts",
    "ipv6.dstopts",
    "ipv6.routing",
    "ipv6.fraghdr",
    "ah",
];

/// ARPHRD_LOOPBACK, in cooked headers.
const LOOPBACK_HARDWARE: u32 = 772;

/// LINUX_SLL_OUTGOING. Packets of all other types entered.
const OUTGOING: u32 = 4;

/// One frame.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    /// Nanoseconds since the epoch.
    pub at: u64,
    /// `true` if tshark shows the timestamp as it is in the file.
    pub is_timestamp_exact: bool,
    /// Capture point.
    pub via: CapturePoint,
    /// Content of the frame.
    pub packet: Packet,
}

/// Where a packet was captured, by its link header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct CapturePoint {
    /// Interface index of the cooked header version 2, else the interface number in a pcapng file.
    pub interface: Option<u32>,
    /// Direction of the packet.
    pub direction: Direction,
    /// `true` for the loopback.
    pub loopback: bool,
}

/// Direction of a packet through the capturing host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    Entering,
    Leaving,
    Unknown,
}

/// Content of a frame that matters to handshakes.
#[derive(Clone, Debug)]
pub(crate) enum Packet {
    Segment(Segment),
    IcmpError(IcmpError),
    /// A frame that may contain a hidden handshake, and the reason why it is not decoded.
    Undecodable(&'static str),
    /// Any other frame. Its timestamp advances the time.
    Other,
}

/// A TCP segment.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub sequence: u32,
    pub acknowledgment: u32,
    pub flags: u16,
    /// Bytes of data.
    pub data: u32,
    /// TSval of the timestamp option.
    pub timestamp: Option<u32>,
    /// `None` for IPv6.
    pub identification: Option<u16>,
    pub hop_limit: u8,
}

impl Segment {
    pub(crate) fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}

/// An ICMP or ICMPv6 error about a TCP segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct IcmpError {
    pub version: u8,
    pub kind: u8,
    pub code: u8,
    pub reporter: IpAddr,
    pub recipient: IpAddr,
    pub quote: Quote,
}

impl IcmpError {
    /// `true` if the server itself reports the error.
    pub(crate) fn is_by_server(&self) -> bool {
        self.reporter == self.quote.to.ip()
    }
}

/// The quoted segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Quote {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub sequence: u32,
    /// `None` if the quote is too short to contain them.
    pub flags: Option<u16>,
}

impl Fact {
    /// Creates a fact. A frame without a timestamp (in a simple packet block) has that of the frame before it.
    pub(crate) fn from_row(row: &FrameFields, before: u64) -> Self {
        let (at, is_timestamp_exact) = row
            .first("frame.time_epoch")
            .map_or((before, true), timestamp);
        let hidden = || super::undecodable::reason(row).map(Packet::Undecodable);
        let packet = packet(row).or_else(hidden).unwrap_or(Packet::Other);
        Self {
            at,
            is_timestamp_exact,
            via: CapturePoint::from_row(row),
            packet,
        }
    }
}

impl CapturePoint {
    fn from_row(row: &FrameFields) -> Self {
        let direction = match row.number("sll.pkttype") {
            Some(OUTGOING) => Direction::Leaving,
            Some(_) => Direction::Entering,
            None => Direction::Unknown,
        };
        let no_address = Some("00:00:00:00:00:00");
        let loopback = row
            .first("frame.protocols")
            .is_some_and(|layers| layers.starts_with("null"))
            || row.number("sll.hatype") == Some(LOOPBACK_HARDWARE)
            || (row.first("eth.src") == no_address && row.first("eth.dst") == no_address);
        let interface = row
            .number("sll.ifindex")
            .or_else(|| row.number("frame.interface_id"));
        Self {
            interface,
            direction,
            loopback,
        }
    }
}

/// Returns the layers from IP on, without extension headers.
pub(super) fn layers(row: &FrameFields) -> Option<impl Iterator<Item = &str>> {
    let layers = row
        .first("frame.protocols")?
        .split(':')
        .skip_while(|layer| LINKS.contains(layer));
    Some(layers.filter(|layer| !EXTENSIONS.contains(layer)))
}

fn packet(row: &FrameFields) -> Option<Packet> {
    let mut layers = layers(row)?;
    let version = layers.next()?;
    match (version, layers.next()?) {
        ("ip" | "ipv6", "tcp") => segment(row, version).map(Packet::Segment),
        ("ip", "icmp") if layers.next() == Some("ip") && layers.next() == Some("tcp") => {
            icmp_error(row, 4)
        }
        ("ipv6", "icmpv6") if layers.next() == Some("ipv6") && layers.next() == Some("tcp") => {
            icmp_error(row, 6)
        }
        _ => None,
    }
}

/// Returns a segment if enough of its header was captured for tshark to decode the flags. A header that the packet itself
/// cuts short (not the capture) is no segment: tshark then shows neither an urgent pointer nor a length of data.
fn segment(row: &FrameFields, version: &str) -> Option<Segment> {
    if row.first("tcp.urgent_pointer").is_none() && row.first("tcp.len").is_none() {
        return None;
    }
    Some(Segment {
        from: SocketAddr::new(address(row, version, "src", 0)?, row.number("tcp.srcport")?),
        to: SocketAddr::new(address(row, version, "dst", 0)?, row.number("tcp.dstport")?),
        sequence: row.number("tcp.seq")?,
        acknowledgment: row.number("tcp.ack").unwrap_or(0),
        flags: row.number("tcp.flags")?,
        data: row.number("tcp.len").unwrap_or(0),
        timestamp: row.number("tcp.options.timestamp.tsval"),
        identification: row.number("ip.id").filter(|_| version == "ip"),
        hop_limit: row.number(if version == "ip" {
            "ip.ttl"
        } else {
            "ipv6.hlim"
        })?,
    })
}

fn icmp_error(row: &FrameFields, version: u8) -> Option<Packet> {
    let (ip, icmp) = if version == 4 {
        ("ip", "icmp")
    } else {
        ("ipv6", "icmpv6")
    };
    let quote = Quote {
        from: SocketAddr::new(address(row, ip, "src", 1)?, row.number("tcp.srcport")?),
        to: SocketAddr::new(address(row, ip, "dst", 1)?, row.number("tcp.dstport")?),
        sequence: row.number("tcp.seq")?,
        flags: row.number("tcp.flags"),
    };
    Some(Packet::IcmpError(IcmpError {
        version,
        kind: row.number(&format!("{icmp}.type"))?,
        code: row.number(&format!("{icmp}.code"))?,
        reporter: address(row, ip, "src", 0)?,
        recipient: address(row, ip, "dst", 0)?,
        quote,
    }))
}

/// Returns an address of the IP header with this index, v4-mapped as v4.
fn address(row: &FrameFields, version: &str, side: &str, index: usize) -> Option<IpAddr> {
    let address: IpAddr = row.nth(&format!("{version}.{side}"), index)?.parse().ok()?;
    Some(address.to_canonical())
}

/// Parses decimal seconds as nanoseconds, and returns whether they are exact. tshark stores the fraction in a signed 32-bit
/// number, so a fraction of one second or more in the file is shown wrong.
fn timestamp(text: &str) -> (u64, bool) {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let (sign, seconds) = seconds
        .strip_prefix('-')
        .map_or(("", seconds), |seconds| ("-", seconds));
    let number = |text: &str| {
        text.parse::<u64>()
            .unwrap_or_else(|_| panic!("tshark shows an invalid time: {text}"))
    };
    let at = number(seconds)
        .saturating_mul(1_000_000_000)
        .saturating_add(number(&format!("{fraction:0<9}")));
    (at, sign.is_empty() && fraction.len() <= 9)
}

#[test]
fn wrong_fraction_makes_timestamp_inexact() {
    assert_eq!(timestamp("12.000000345"), (12_000_000_345, true));
    assert_eq!(timestamp("12"), (12_000_000_000, true));
    assert!(!timestamp("808464432.1010580352").1);
    assert!(!timestamp("-808464432.101058035").1);
}
