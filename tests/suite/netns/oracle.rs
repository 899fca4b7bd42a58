//! Independent packet counts of a recording, from the fields that tshark prints.
//!
//! An attempt is identified by its ISN, because random 32 bits do not repeat within a run. A packet
//! that passes several capture places of a host is counted at the place with the highest count.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const FIELDS: [&str; 14] = [
    "frame.time_epoch",
    "sll.ifindex",
    "sll.pkttype",
    "ip.src",
    "ipv6.src",
    "ip.dst",
    "ipv6.dst",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.seq",
    "tcp.ack",
    "tcp.flags",
    "icmp.type",
    "icmpv6.type",
];

/// PACKET_OUTGOING, a packet type of the cooked header.
const OUTGOING: &str = "4";

/// All attempts of a recording.
pub(crate) struct Oracle {
    attempts: HashMap<u32, Attempt>,
}

/// Packet counts of the attempts from one client to one port of a server.
#[derive(Default, Debug)]
pub(crate) struct PacketCounts {
    pub(crate) attempts: usize,
    pub(crate) syns: usize,
    pub(crate) synacks: usize,
    pub(crate) client_rsts: usize,
    pub(crate) server_rsts: usize,
    pub(crate) icmp_errors: usize,
    /// Seconds from first SYN to first SYN/ACK, one for each answered attempt.
    pub(crate) latencies: Vec<f64>,
    /// Seconds from first SYN/ACK to the client's first ACK, one for each completed attempt.
    pub(crate) ack_latencies: Vec<f64>,
}

#[derive(Default)]
struct Attempt {
    /// Client and server in its first packet.
    flow: Option<(SocketAddr, SocketAddr)>,
    first_syn: Option<u64>,
    first_synack: Option<u64>,
    first_ack: Option<u64>,
    counts: HashMap<(PacketKind, CapturePlace), usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum PacketKind {
    Syn,
    SynAck,
    ClientRst,
    ServerRst,
    IcmpError,
    Ack,
}

/// Interface index, and `true` for outgoing: both from the cooked header (Linux SLL2).
type CapturePlace = (String, bool);

impl Oracle {
    pub(crate) fn read(recording: &Path) -> Self {
        let tshark = Command::new("tshark")
            .args([
                "-o",
                "tcp.relative_sequence_numbers:false",
                "-Y",
                "tcp",
                "-T",
                "fields",
                "-E",
                "occurrence=l",
            ])
            .args(FIELDS.iter().flat_map(|field| ["-e", field]))
            .arg("-r")
            .arg(recording)
            .output()
            .expect("tshark runs");
        assert!(
            tshark.status.success(),
            "{}",
            String::from_utf8_lossy(&tshark.stderr)
        );
        let mut oracle = Self {
            attempts: HashMap::new(),
        };
        let mut flows = HashMap::new();
        for line in String::from_utf8_lossy(&tshark.stdout).lines() {
            let frame =
                Frame::parse(line).unwrap_or_else(|| panic!("unexpected output of tshark: {line}"));
            oracle.record(&frame, &mut flows);
        }
        oracle
    }

    pub(crate) fn packet_counts(&self, client: IpAddr, server: SocketAddr) -> PacketCounts {
        let mut counts = PacketCounts::default();
        let belongs = |attempt: &&Attempt| {
            attempt
                .flow
                .is_some_and(|(from, to)| from.ip() == client && to == server)
        };
        for attempt in self.attempts.values().filter(belongs) {
            counts.attempts += 1;
            counts.syns += attempt.highest_count(PacketKind::Syn);
            counts.synacks += attempt.highest_count(PacketKind::SynAck);
            counts.client_rsts += attempt.highest_count(PacketKind::ClientRst);
            counts.server_rsts += attempt.highest_count(PacketKind::ServerRst);
            counts.icmp_errors += attempt.highest_count(PacketKind::IcmpError);
            counts
                .latencies
                .extend(seconds(attempt.first_syn, attempt.first_synack));
            counts
                .ack_latencies
                .extend(seconds(attempt.first_synack, attempt.first_ack));
        }
        counts
    }

    /// Adds a packet to its attempt. `flows` maps (client, server) to the attempt's ISN.
    fn record(&mut self, frame: &Frame, flows: &mut HashMap<(SocketAddr, SocketAddr), u32>) {
        let Frame { at, from, to, .. } = *frame;
        let (isn, kind) = match (frame.quoted, frame.syn, frame.ack, frame.rst) {
            (true, ..) => (frame.sequence, PacketKind::IcmpError),
            (_, true, false, _) => (frame.sequence, PacketKind::Syn),
            (_, true, true, _) => (frame.acknowledgment.wrapping_sub(1), PacketKind::SynAck),
            (.., true) => match (flows.get(&(from, to)), flows.get(&(to, from))) {
                (Some(isn), _) => (*isn, PacketKind::ClientRst),
                (_, Some(isn)) => (*isn, PacketKind::ServerRst),
                _ => return,
            },
            _ => match flows.get(&(from, to)) {
                Some(isn) => (*isn, PacketKind::Ack),
                None => return,
            },
        };
        let attempt = self.attempts.entry(isn).or_default();
        match kind {
            PacketKind::Syn => {
                flows.insert((from, to), isn);
                attempt.first_syn.get_or_insert(at);
                attempt.flow.get_or_insert((from, to));
            }
            PacketKind::SynAck => {
                attempt.first_synack.get_or_insert(at);
            }
            PacketKind::IcmpError => {
                attempt.flow.get_or_insert((from, to));
            }
            PacketKind::Ack if attempt.first_synack.is_some() => {
                attempt.first_ack.get_or_insert(at);
            }
            PacketKind::Ack | PacketKind::ClientRst | PacketKind::ServerRst => {}
        }
        *attempt
            .counts
            .entry((kind, frame.place.clone()))
            .or_default() += 1;
    }
}

impl Attempt {
    fn highest_count(&self, wanted: PacketKind) -> usize {
        let counts = self
            .counts
            .iter()
            .filter(|((kind, _), _)| *kind == wanted)
            .map(|(_, count)| *count);
        counts.max().unwrap_or(0)
    }
}

fn seconds(from: Option<u64>, to: Option<u64>) -> Option<f64> {
    Some(Duration::from_nanos(to?.checked_sub(from?)?).as_secs_f64())
}

/// One line of tshark's output. For an ICMP error it holds the quoted segment.
struct Frame {
    at: u64,
    place: CapturePlace,
    from: SocketAddr,
    to: SocketAddr,
    sequence: u32,
    acknowledgment: u32,
    syn: bool,
    ack: bool,
    rst: bool,
    quoted: bool,
}

impl Frame {
    fn parse(line: &str) -> Option<Self> {
        let columns: [&str; FIELDS.len()] = line.split('\t').collect::<Vec<_>>().try_into().ok()?;
        let [
            at,
            interface,
            packet_type,
            src4,
            src6,
            dst4,
            dst6,
            sport,
            dport,
            seq,
            ack,
            flags,
            icmp4,
            icmp6,
        ] = columns;
        let endpoint = |v4: &str, v6: &str, port: &str| {
            let address: IpAddr = if v4.is_empty() { v6 } else { v4 }.parse().ok()?;
            Some(SocketAddr::new(address, port.parse().ok()?))
        };
        let flags = u32::from_str_radix(flags.strip_prefix("0x")?, 16).ok()?;
        Some(Self {
            at: at.replace('.', "").parse().ok()?,
            place: (interface.to_owned(), packet_type == OUTGOING),
            from: endpoint(src4, src6, sport)?,
            to: endpoint(dst4, dst6, dport)?,
            sequence: seq.parse().ok()?,
            acknowledgment: ack.parse().unwrap_or(0),
            syn: flags & 0x02 != 0,
            ack: flags & 0x10 != 0,
            rst: flags & 0x04 != 0,
            quoted: !(icmp4.is_empty() && icmp6.is_empty()),
        })
    }
}
