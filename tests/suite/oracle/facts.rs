//! What one frame has to say about handshakes, taken from tshark's fields: outermost IP layer only.

use std::net::{IpAddr, SocketAddr};

use super::tshark::DescriptorRow;

/// One frame.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    /// Nanoseconds since the epoch.
    pub at: u64,
    /// Whether tshark shows the stamp as it stands in the file.
    pub stamp_is_clear: bool,
    /// Where it was met.
    pub via: CapturePoint,
    /// What it is.
    pub packet: Packet,
}

/// Where a packet was met, as far as the link header tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct CapturePoint {
    /// The interface's index, of the cooked header version 2; else its number in a pcapng file.
    pub interface: Option<u32>,
    /// Which way it went.
    pub way: Way,
    /// Whether it is the loopback.
    pub loopback: bool,
}

/// Which way a packet went through the host that captured it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    Entering,
    Leaving,
    Unknown,
}

/// What a frame is, as far as handshakes go.
#[derive(Clone, Debug)]
pub(crate) enum Packet {
    Segment(Segment),
    IcmpError(IcmpError),
    /// What may hide one, and by which reason it is passed over.
    PassedOver(&'static str),
    /// Neither; it still tells the time.
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
    pub data: u32,
    pub timestamp: Option<u32>,
    /// Of IPv4.
    pub identification: Option<u16>,
    pub hop_limit: u8,
}

impl Segment {
    pub(crate) fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}

pub(crate) const FIN: u16 = 0x01;
pub(crate) const SYN: u16 = 0x02;
pub(crate) const RST: u16 = 0x04;
pub(crate) const ACK: u16 = 0x10;

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
    /// Whether the host that was asked says so itself.
    pub(crate) fn is_by_server(&self) -> bool {
        self.reporter == self.quote.to.ip()
    }
}

/// The segment that an error is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Quote {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub sequence: u32,
    /// Where the quote is long enough to hold them.
    pub flags: Option<u16>,
}

/// Layers below IP that the program promises to look through.
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

/// Extension headers that belong to IPv6 itself.
const EXTENSIONS: [&str; 5] = [
    "ipv6.hopopts",
    "ipv6.dstopts",
    "ipv6.routing",
    "ipv6.fraghdr",
    "ah",
];

/// ARPHRD_LOOPBACK, in cooked headers.
const LOOPBACK_HARDWARE: u32 = 772;

/// LINUX_SLL_OUTGOING; the other packet types came in.
const OUTGOING: u32 = 4;

impl Fact {
    /// A frame without a time (of a simple packet block) has that of the one before it.
    pub(crate) fn from_row(row: &DescriptorRow, before: u64) -> Self {
        let (at, stamp_is_clear) = row.first("frame.time_epoch").map_or((before, true), stamp);
        let hidden = || super::passed_over::reason(row).map(Packet::PassedOver);
        let packet = packet(row).or_else(hidden).unwrap_or(Packet::Other);
        Self {
            at,
            stamp_is_clear,
            via: CapturePoint::from_row(row),
            packet,
        }
    }
}

impl CapturePoint {
    fn from_row(row: &DescriptorRow) -> Self {
        let way = match row.number("sll.pkttype") {
            Some(OUTGOING) => Way::Leaving,
            Some(_) => Way::Entering,
            None => Way::Unknown,
        };
        let nobody = Some("00:00:00:00:00:00");
        let loopback = row
            .first("frame.protocols")
            .is_some_and(|layers| layers.starts_with("null"))
            || row.number("sll.hatype") == Some(LOOPBACK_HARDWARE)
            || (row.first("eth.src") == nobody && row.first("eth.dst") == nobody);
        let interface = row
            .number("sll.ifindex")
            .or_else(|| row.number("frame.interface_id"));
        Self {
            interface,
            way,
            loopback,
        }
    }
}

/// The layers from IP on, without the headers that extend it.
pub(super) fn layers(row: &DescriptorRow) -> Option<impl Iterator<Item = &str>> {
    let layers = row
        .first("frame.protocols")?
        .split(':')
        .skip_while(|layer| LINKS.contains(layer));
    Some(layers.filter(|layer| !EXTENSIONS.contains(layer)))
}

fn packet(row: &DescriptorRow) -> Option<Packet> {
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

/// A segment whose header is there as far as tshark needs it to tell the flags. What the packet itself leaves no room
/// for (and not the capture) is none: then tshark misses what it was told of, and says of no data how long it is.
fn segment(row: &DescriptorRow, version: &str) -> Option<Segment> {
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

fn icmp_error(row: &DescriptorRow, version: u8) -> Option<Packet> {
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

/// An address of the IP header with this number, v4-mapped as v4.
fn address(row: &DescriptorRow, version: &str, end: &str, number: usize) -> Option<IpAddr> {
    let address: IpAddr = row.nth(&format!("{version}.{end}"), number)?.parse().ok()?;
    Some(address.to_canonical())
}

/// Decimal seconds in nanoseconds, and whether they are what the file says. A fraction of a second that is more than one
/// goes through 32 bits with a sign in tshark: what it shows of such a stamp can be many.
fn stamp(text: &str) -> (u64, bool) {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let (sign, seconds) = seconds
        .strip_prefix('-')
        .map_or(("", seconds), |seconds| ("-", seconds));
    let number = |text: &str| {
        text.parse::<u64>()
            .unwrap_or_else(|_| panic!("tshark shows no time: {text}"))
    };
    let at = number(seconds)
        .saturating_mul(1_000_000_000)
        .saturating_add(number(&format!("{fraction:0<9}")));
    (at, sign.is_empty() && fraction.len() <= 9)
}

#[test]
fn a_stamp_is_clear_or_not() {
    assert_eq!(stamp("12.000000345"), (12_000_000_345, true));
    assert_eq!(stamp("12"), (12_000_000_000, true));
    assert!(!stamp("808464432.1010580352").1);
    assert!(!stamp("-808464432.101058035").1);
}
