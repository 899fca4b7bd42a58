//! What a capture hands over: bytes as they were on the wire, when, and where they were met.

use crate::time::Timestamp;

/// One captured frame, borrowed from the capture's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// When the kernel, or whoever wrote the file, met it.
    pub at: Timestamp,
    /// Where it was met.
    pub interface: &'a Interface,
    /// Its length on the wire, in bytes; more than `bytes` holds where the capture cut it.
    pub wire_length: u32,
    /// What was captured of it, from the link header on.
    pub bytes: &'a [u8],
}

/// A place where frames are met: a network interface, or one capture file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// The number, from 0, of the watched interface or capture file whose frames these are.
    pub id: u16,
    /// Tells it from all others: one capture file may hold the frames of several interfaces.
    pub number: u32,
    /// How its frames begin.
    pub link: Link,
    /// Its own hardware address, where known: tells frames that leave from frames that enter.
    pub hardware_address: Option<[u8; 6]>,
}

/// The link layers that are understood, by what stands before the IP header.
/// See <https://www.tcpdump.org/linktypes.html>.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Link {
    /// Ethernet, with any number of VLAN tags, MPLS labels, PPPoE, or 802.2 LLC inside.
    Ethernet,
    /// Linux cooked capture: 16 bytes, packet type first.
    LinuxSll,
    /// Linux cooked capture, version 2: 20 bytes, with the interface's index.
    LinuxSll2,
    /// BSD loopback: the address family in the byte order of whoever captured.
    Null,
    /// OpenBSD loopback: the address family in network byte order.
    Loop,
    /// No link header: IPv4 or IPv6, told by its version.
    Raw,
    /// PPP, with or without its framing's address and control; Cisco's HDLC may be in between.
    Ppp,
    /// PPP in a PPPoE session, without the Ethernet header.
    PppEther,
    /// Cisco's HDLC.
    CiscoHdlc,
    /// 802.2 LLC and SNAP, as over ATM.
    Llc,
    /// IEEE 802.11.
    Wifi,
    /// IEEE 802.11 behind a radiotap header.
    WifiRadiotap,
    /// IEEE 802.11 behind a Prism or AVS header.
    WifiPrism,
    /// What the BSDs' firewall logs.
    PacketFilterLog,
    /// What Linux' firewall logs.
    NetfilterLog,
    /// Frames of any link layer behind a Per-Packet Information header.
    Ppi,
    /// Frames of any link layer behind macOS's header.
    Pktap,
    /// One that only files have.
    Legacy(LegacyLink),
    /// None of these.
    Other,
}

/// Link layers that are met in captures of other systems and other times.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LegacyLink {
    /// Token ring (IEEE 802.5).
    TokenRing,
    /// ARCNET, as the BSDs give it.
    Arcnet,
    /// ARCNET, as Linux gives it.
    ArcnetLinux,
    /// FDDI (ANSI X3.139).
    Fddi,
    /// Symantec's Enterprise Firewall.
    Symantec,
    /// Frame relay.
    FrameRelay,
    /// OpenBSD's IPsec, behind its decryption.
    Enc,
    /// IP over Fibre Channel (RFC 2625).
    FibreChannel,
    /// ATM, as SunOS gives it.
    SunAtm,
    /// Apple's IP over IEEE 1394.
    Firewire,
    /// Juniper's header before Ethernet.
    Juniper,
    /// Endace's records.
    Erf,
    /// PPP behind a byte that tells the direction.
    PppDirection,
    /// Cisco's HDLC behind such a byte.
    CiscoDirection,
    /// Frame relay behind such a byte.
    FrameRelayDirection,
    /// MPLS without anything before it.
    Mpls,
    /// IP over InfiniBand.
    Infiniband,
    /// Ethernet with a tag of four bytes behind its addresses, for a switch's chip: Marvell's, Broadcom's.
    SwitchTag,
    /// The same with eight bytes: Marvell's with a type of its own.
    SwitchTagLong,
    /// Ethernet behind four bytes: Broadcom's other tag, Hilscher's netANALYZER.
    BehindTag,
    /// IP over a serial line (RFC 1055), behind what libpcap puts before it.
    Slip,
    /// Solaris' header before IP.
    IpNet,
    /// Juniper's header before PPP.
    JuniperPpp,
    /// Juniper's header before frame relay.
    JuniperFrameRelay,
    /// Juniper's header before Cisco's HDLC.
    JuniperCisco,
}

impl Link {
    /// The link layer of this number, be it `LINKTYPE_`, as in files, or `DLT_`, as in libpcap: raw IP alone has
    /// different ones.
    pub const fn of_number(number: u32) -> Self {
        match number {
            0 => Self::Null,
            1 => Self::Ethernet,
            9 | 50 => Self::Ppp,
            12 | 14 | 19 | 101 | 106 | 228 | 229 => Self::Raw,
            51 => Self::PppEther,
            11 | 100 => Self::Llc,
            104 => Self::CiscoHdlc,
            105 => Self::Wifi,
            108 => Self::Loop,
            113 => Self::LinuxSll,
            117 => Self::PacketFilterLog,
            119 | 163 => Self::WifiPrism,
            127 => Self::WifiRadiotap,
            192 => Self::Ppi,
            239 => Self::NetfilterLog,
            258 => Self::Pktap,
            276 => Self::LinuxSll2,
            number => match LegacyLink::of_number(number) {
                Some(seldom) => Self::Legacy(seldom),
                None => Self::Other,
            },
        }
    }
}

impl LegacyLink {
    const fn of_number(number: u32) -> Option<Self> {
        Some(match number {
            6 => Self::TokenRing,
            7 => Self::Arcnet,
            8 => Self::Slip,
            10 => Self::Fddi,
            99 => Self::Symantec,
            107 => Self::FrameRelay,
            109 => Self::Enc,
            122 => Self::FibreChannel,
            123 => Self::SunAtm,
            129 => Self::ArcnetLinux,
            138 => Self::Firewire,
            166 | 204 => Self::PppDirection,
            167 | 178 => Self::Juniper,
            179 => Self::JuniperPpp,
            180 => Self::JuniperFrameRelay,
            181 => Self::JuniperCisco,
            197 => Self::Erf,
            205 => Self::CiscoDirection,
            206 => Self::FrameRelayDirection,
            219 => Self::Mpls,
            226 => Self::IpNet,
            240 | 282 => Self::BehindTag,
            242 => Self::Infiniband,
            281 | 284 => Self::SwitchTag,
            285 => Self::SwitchTagLong,
            _ => return None,
        })
    }
}
