//! Captured frames: the bytes of a packet, its timestamp, and the interface that captured it.
//!
//! `capture` produces frames and `decode` reads them.

use crate::time::Timestamp;

/// One captured frame, borrowed from the capture's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// When it was captured, as stamped by the kernel or by the program that wrote the file.
    pub at: Timestamp,
    /// The interface that captured it.
    pub interface: &'a Interface,
    /// Its length on the wire, in bytes. It exceeds the length of `bytes` if the capture truncated
    /// the frame.
    pub wire_length: u32,
    /// The captured bytes, from the link header on.
    pub bytes: &'a [u8],
}

/// A network interface, or an interface that a capture file describes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// Index, from 0, of the live interface or capture file among the inputs of this run.
    pub id: u16,
    /// Unique number in this run. One capture file may hold the frames of several interfaces.
    pub number: u32,
    /// Link layer of its frames.
    pub link: Link,
    /// Its hardware address, if known: distinguishes leaving frames from entering ones.
    pub hardware_address: Option<[u8; 6]>,
}

/// The supported link layers, by the header that precedes the IP header.
///
/// See <https://www.tcpdump.org/linktypes.html>.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Link {
    /// Ethernet, with VLAN tags, MPLS labels, PPPoE, or 802.2 LLC inside.
    Ethernet,
    /// Linux cooked capture: 16 bytes, packet type first.
    LinuxSll,
    /// Linux cooked capture, version 2: 20 bytes, with the interface's index.
    LinuxSll2,
    /// BSD loopback: the address family in the byte order of the capturing host.
    Null,
    /// OpenBSD loopback: the address family in network byte order.
    Loop,
    /// No link header: IPv4 or IPv6, distinguished by the version field.
    Raw,
    /// PPP, with or without the address and control fields of its framing. Cisco HDLC frames may be
    /// mixed in.
    Ppp,
    /// PPP in a PPPoE session, without the Ethernet header.
    PppEther,
    /// Cisco HDLC.
    CiscoHdlc,
    /// 802.2 LLC and SNAP, as used over ATM.
    Llc,
    /// IEEE 802.11.
    Wifi,
    /// IEEE 802.11 behind a radiotap header.
    WifiRadiotap,
    /// IEEE 802.11 behind a Prism or AVS header.
    WifiPrism,
    /// PFLOG: packets logged by the packet filter of the BSDs (pf).
    PacketFilterLog,
    /// NFLOG: packets logged by Linux netfilter.
    NetfilterLog,
    /// Frames of any link layer behind a Per-Packet Information header.
    Ppi,
    /// Frames of any link layer behind the PKTAP header of macOS.
    Pktap,
    /// A link layer that occurs only in capture files.
    Legacy(LegacyLink),
    /// Not supported.
    Other,
}

/// Link layers of older or non-Linux systems, which occur only in capture files.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LegacyLink {
    /// Token ring (IEEE 802.5).
    TokenRing,
    /// ARCNET, with the header of the BSDs.
    Arcnet,
    /// ARCNET, with the header of Linux.
    ArcnetLinux,
    /// FDDI (ANSI X3.139).
    Fddi,
    /// Symantec Enterprise Firewall.
    Symantec,
    /// Frame relay.
    FrameRelay,
    /// Packets decrypted by IPsec of OpenBSD.
    Enc,
    /// IP over Fibre Channel (RFC 2625).
    FibreChannel,
    /// ATM, with the header of SunOS.
    SunAtm,
    /// IP over IEEE 1394 of Apple.
    Firewire,
    /// Juniper header before Ethernet.
    Juniper,
    /// Endace ERF records.
    Erf,
    /// PPP behind a direction byte.
    PppDirection,
    /// Cisco HDLC behind a direction byte.
    CiscoDirection,
    /// Frame relay behind a direction byte.
    FrameRelayDirection,
    /// MPLS without a header before it.
    Mpls,
    /// IP over InfiniBand.
    Infiniband,
    /// Ethernet with a four-byte switch tag behind its addresses (Marvell DSA, Broadcom).
    SwitchTag,
    /// Ethernet with an eight-byte switch tag behind its addresses: Marvell's EtherType DSA.
    SwitchTagLong,
    /// Ethernet behind a four-byte header (Broadcom's prepended tag, Hilscher netANALYZER).
    PrependedTag,
    /// IP over a serial line (RFC 1055), behind the header of libpcap.
    Slip,
    /// Solaris IPNET header before IP.
    IpNet,
    /// Juniper header before PPP.
    JuniperPpp,
    /// Juniper header before frame relay.
    JuniperFrameRelay,
    /// Juniper header before Cisco HDLC.
    JuniperCisco,
}

impl Link {
    /// Returns the link layer of a `LINKTYPE_` number, as in files, or of a `DLT_` number, as in
    /// libpcap.
    ///
    /// For the layers listed here the numbers differ only for raw IP and for ATM. Both are
    /// accepted.
    pub const fn from_linktype(number: u32) -> Self {
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
            number => match LegacyLink::from_linktype(number) {
                Some(legacy) => Self::Legacy(legacy),
                None => Self::Other,
            },
        }
    }
}

impl LegacyLink {
    const fn from_linktype(number: u32) -> Option<Self> {
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
            240 | 282 => Self::PrependedTag,
            242 => Self::Infiniband,
            281 | 284 => Self::SwitchTag,
            285 => Self::SwitchTagLong,
            _ => return None,
        })
    }
}
