//! What a packet of a story says, before any byte of it is written.

use std::net::{IpAddr, SocketAddr};

/// One packet, met at one place.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// Nanoseconds since the story began.
    pub at: u64,
    /// Where it was met; only cooked link headers can say it.
    pub via: CapturePoint,
    /// Its IP header.
    pub header: Header,
    /// What follows that.
    pub body: Body,
}

/// An interface of the host that captures, and which way the packet went through it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CapturePoint {
    /// The interface's index.
    pub interface: u32,
    /// Whether the packet left the host there, rather than entered it.
    pub leaving: bool,
}

/// An IP header of either version.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    /// Source.
    pub from: IpAddr,
    /// Destination.
    pub to: IpAddr,
    /// IPv4 only.
    pub identification: u16,
    /// TTL, or hop limit.
    pub hop_limit: u8,
    /// What stands between the header and the body.
    pub extras: Vec<Extra>,
    /// Sets "more fragments": this is the first of several.
    pub first_fragment: bool,
}

/// IPv4 options and IPv6 extension headers; each is written for its own version and left out for the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extra {
    /// IPv4 option 148, router alert (RFC 2113).
    RouterAlert,
    /// IPv6 hop-by-hop options, all padding.
    HopByHop,
    /// IPv6 destination options, all padding.
    DestinationOptions,
    /// IPv6 routing header of an experimental type (RFC 4727) with nothing left to visit.
    Routing,
}

/// What an IP packet carries.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// A TCP segment.
    Tcp(Tcp),
    /// An ICMP or ICMPv6 error.
    Icmp(Icmp),
    /// Anything else, which nobody here should care for.
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
    /// Acknowledgment number, written whether or not ACK is set.
    pub acknowledgment: u32,
    /// The thirteenth byte: CWR ECE URG ACK PSH RST SYN FIN.
    pub flags: u8,
    /// Options, in this order, padded to a multiple of four.
    pub options: Vec<TcpOption>,
    /// Bytes of data.
    pub data: usize,
}

/// The TCP options that SYNs carry.
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
    /// Kind 200, which nobody has assigned, with two bytes.
    Unassigned,
}

/// An ICMP error, of the version of the header that carries it.
#[derive(Clone, Debug)]
pub(crate) struct Icmp {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// The packet it is about.
    pub quote: Box<Packet>,
    /// How many bytes of the quoted packet's body it gives; at least eight by RFC 792.
    pub quoted: usize,
}

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;
pub(crate) const ECE: u8 = 0x40;
pub(crate) const CWR: u8 = 0x80;

impl Packet {
    /// A segment with an ordinary header: TTL 64, identification 0, through interface 2, entering.
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

    /// An error that `from` sends to the sender of `quote`.
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

    /// Something else.
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

    /// With these sequence and acknowledgment numbers, where it is a segment.
    pub(crate) fn numbered(mut self, sequence: u32, acknowledgment: u32) -> Self {
        if let Body::Tcp(tcp) = &mut self.body {
            (tcp.sequence, tcp.acknowledgment) = (sequence, acknowledgment);
        }
        self
    }

    /// With one TCP option more, where it is a segment.
    pub(crate) fn option(mut self, option: TcpOption) -> Self {
        if let Body::Tcp(tcp) = &mut self.body {
            tcp.options.push(option);
        }
        self
    }

    /// With so many bytes of data, where it is a segment.
    pub(crate) fn data(mut self, length: usize) -> Self {
        if let Body::Tcp(tcp) = &mut self.body {
            tcp.data = length;
        }
        self
    }

    /// With this IPv4 identification.
    pub(crate) fn identified(mut self, identification: u16) -> Self {
        self.header.identification = identification;
        self
    }

    /// Met there instead.
    pub(crate) fn through(mut self, interface: u32, leaving: bool) -> Self {
        self.via = CapturePoint { interface, leaving };
        self
    }
}
