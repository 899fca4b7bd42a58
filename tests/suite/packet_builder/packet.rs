//! Fields of a packet, before they are written as bytes.

use std::net::{IpAddr, SocketAddr};

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;
pub(crate) const ECE: u8 = 0x40;
pub(crate) const CWR: u8 = 0x80;

/// A packet at one capture point.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// Nanoseconds since the start of the script.
    pub at: u64,
    /// Capture point. Only cooked link headers contain it.
    pub via: CapturePoint,
    /// IP header.
    pub header: Header,
    /// Content of the IP packet.
    pub body: Body,
}

/// An interface of the capturing host, and the direction of the packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CapturePoint {
    /// Interface index.
    pub interface: u32,
    /// `true` if the packet left the host, `false` if it entered.
    pub leaving: bool,
}

/// An IP header of either version.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    /// Source.
    pub from: IpAddr,
    /// Destination.
    pub to: IpAddr,
    /// IPv4 identification.
    pub identification: u16,
    /// TTL, or hop limit.
    pub hop_limit: u8,
    /// Options and extension headers between header and body.
    pub extras: Vec<Extra>,
    /// `true` for the first of several fragments: it sets "more fragments".
    pub first_fragment: bool,
}

/// IPv4 options and IPv6 extension headers. Each is written only in its own IP version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extra {
    /// IPv4 option 148, router alert (RFC 2113).
    RouterAlert,
    /// IPv6 hop-by-hop options, all padding.
    HopByHop,
    /// IPv6 destination options, all padding.
    DestinationOptions,
    /// IPv6 routing header of an experimental type (RFC 4727) with no segments left.
    Routing,
}

/// Content of an IP packet.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// A TCP segment.
    Tcp(Tcp),
    /// An ICMP or ICMPv6 error.
    Icmp(Icmp),
    /// A UDP datagram, which is not part of a handshake.
    Udp,
}

/// A TCP segment.
#[derive(Clone, Debug)]
pub(crate) struct Tcp {
    /// Source port.
    pub from: u16,
    /// Destination port.
    pub to: u16,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgment number, written even if ACK is not set.
    pub acknowledgment: u32,
    /// Byte 13 of the header: CWR ECE URG ACK PSH RST SYN FIN.
    pub flags: u8,
    /// Options in this order, padded to a multiple of four bytes.
    pub options: Vec<TcpOption>,
    /// Bytes of data.
    pub data: usize,
}

/// TCP options of SYNs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TcpOption {
    /// Kind 2.
    MaximumSegmentSize(u16),
    /// Kind 4.
    SackPermitted,
    /// Kind 8 (RFC 7323): TSval; TSecr is zero.
    Timestamps(u32),
    /// Kind 3.
    WindowScale(u8),
    /// Kind 34 (RFC 7413): a cookie of eight bytes.
    FastOpen,
    /// Kind 30 (RFC 8684): MP_CAPABLE version 1, as in a SYN.
    MultipathCapable,
    /// Kind 200, which is unassigned, with two bytes.
    Unassigned,
}

/// An ICMP error, or an ICMPv6 error if the IP header is IPv6.
#[derive(Clone, Debug)]
pub(crate) struct Icmp {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// The quoted packet.
    pub quote: Box<Packet>,
    /// Number of quoted bytes after the IP header: at least eight by RFC 792.
    pub quoted: usize,
}

impl Packet {
    /// Creates a segment with TTL 64 and identification 0 that enters through interface 2.
    pub(crate) fn tcp(at: u64, from: SocketAddr, to: SocketAddr, flags: u8) -> Self {
        let segment = Tcp {
            from: from.port(),
            to: to.port(),
            sequence: 0,
            acknowledgment: 0,
            flags,
            options: Vec::new(),
            data: 0,
        };
        Self::new(at, from.ip(), to.ip(), Body::Tcp(segment))
    }

    /// Creates an ICMP error from `from` to the sender of `quote`.
    pub(crate) fn icmp(at: u64, from: IpAddr, (kind, code): (u8, u8), quote: Packet) -> Self {
        let to = quote.header.from;
        Self::new(
            at,
            from,
            to,
            Body::Icmp(Icmp {
                kind,
                code,
                quote: Box::new(quote),
                quoted: 28,
            }),
        )
    }

    /// Creates a UDP datagram.
    pub(crate) fn udp(at: u64, from: IpAddr, to: IpAddr) -> Self {
        Self::new(at, from, to, Body::Udp)
    }

    fn new(at: u64, from: IpAddr, to: IpAddr, body: Body) -> Self {
        let header = Header {
            from,
            to,
            identification: 0,
            hop_limit: 64,
            extras: Vec::new(),
            first_fragment: false,
        };
        Self {
            at,
            via: CapturePoint {
                interface: 2,
                leaving: false,
            },
            header,
            body,
        }
    }

    /// Sets the sequence and acknowledgment numbers if the packet is a segment.
    pub(crate) fn numbered(mut self, sequence: u32, acknowledgment: u32) -> Self {
        if let Body::Tcp(tcp) = &mut self.body {
            tcp.sequence = sequence;
            tcp.acknowledgment = acknowledgment;
        }
        self
    }

    /// Adds a TCP option if the packet is a segment.
    pub(crate) fn option(mut self, option: TcpOption) -> Self {
        if let Body::Tcp(tcp) = &mut self.body {
            tcp.options.push(option);
        }
        self
    }

    /// Sets the number of data bytes if the packet is a segment.
    pub(crate) fn data(mut self, length: usize) -> Self {
        if let Body::Tcp(tcp) = &mut self.body {
            tcp.data = length;
        }
        self
    }

    /// Sets the IPv4 identification.
    pub(crate) fn identified(mut self, identification: u16) -> Self {
        self.header.identification = identification;
        self
    }

    /// Sets the capture point.
    pub(crate) fn through(mut self, interface: u32, leaving: bool) -> Self {
        self.via = CapturePoint { interface, leaving };
        self
    }
}
