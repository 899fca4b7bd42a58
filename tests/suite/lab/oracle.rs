//! An independent reading of a recording: tshark's fields, put together here in the simplest way there is. An attempt is
//! an ISN (random 32 bits: no two in one run); whatever a host sees more than once on its way through is counted where
//! most of it is seen.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// All attempts of a recording.
pub(crate) struct Oracle {
    attempts: HashMap<u32, Attempt>,
}

/// What is known of the attempts from one client to one server's port.
#[derive(Default, Debug)]
pub(crate) struct Tally {
    pub(crate) attempts: usize,
    pub(crate) syns: usize,
    pub(crate) synacks: usize,
    pub(crate) client_rsts: usize,
    pub(crate) server_rsts: usize,
    pub(crate) icmp_errors: usize,
    /// First SYN to first SYN/ACK, in seconds, one for each answer.
    pub(crate) latencies: Vec<f64>,
    /// First SYN/ACK to the client's first ACK, in seconds, one for each that was completed.
    pub(crate) ack_latencies: Vec<f64>,
}

#[derive(Default)]
struct Attempt {
    /// Under which addresses it was first seen.
    ends: Option<(SocketAddr, SocketAddr)>,
    first_syn: Option<u64>,
    first_synack: Option<u64>,
    first_ack: Option<u64>,
    sightings: HashMap<(PacketKind, Place), usize>,
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

/// The interface's index and the packet type of the cooked header: where a packet was seen, and which way it went.
type Place = (String, bool);

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
        let mut names = HashMap::new();
        for line in String::from_utf8_lossy(&tshark.stdout).lines() {
            let frame = Frame::parse(line).unwrap_or_else(|| panic!("what tshark says: {line}"));
            oracle.take(&frame, &mut names);
        }
        oracle
    }

    pub(crate) fn tally(&self, client: IpAddr, server: SocketAddr) -> Tally {
        let mut tally = Tally::default();
        let belongs = |attempt: &&Attempt| {
            attempt
                .ends
                .is_some_and(|(from, to)| from.ip() == client && to == server)
        };
        for attempt in self.attempts.values().filter(belongs) {
            tally.attempts += 1;
            tally.syns += attempt.most(PacketKind::Syn);
            tally.synacks += attempt.most(PacketKind::SynAck);
            tally.client_rsts += attempt.most(PacketKind::ClientRst);
            tally.server_rsts += attempt.most(PacketKind::ServerRst);
            tally.icmp_errors += attempt.most(PacketKind::IcmpError);
            tally
                .latencies
                .extend(seconds(attempt.first_syn, attempt.first_synack));
            tally
                .ack_latencies
                .extend(seconds(attempt.first_synack, attempt.first_ack));
        }
        tally
    }

    /// `names` are the four-tuples, from the client's side, and their attempts.
    fn take(&mut self, frame: &Frame, names: &mut HashMap<(SocketAddr, SocketAddr), u32>) {
        let Frame { at, from, to, .. } = *frame;
        let (isn, kind) = match (frame.quoted, frame.syn, frame.ack, frame.rst) {
            (true, ..) => (frame.sequence, PacketKind::IcmpError),
            (_, true, false, _) => (frame.sequence, PacketKind::Syn),
            (_, true, true, _) => (frame.acknowledgment.wrapping_sub(1), PacketKind::SynAck),
            (.., true) => match (names.get(&(from, to)), names.get(&(to, from))) {
                (Some(isn), _) => (*isn, PacketKind::ClientRst),
                (_, Some(isn)) => (*isn, PacketKind::ServerRst),
                _ => return,
            },
            _ => match names.get(&(from, to)) {
                Some(isn) => (*isn, PacketKind::Ack),
                None => return,
            },
        };
        let attempt = self.attempts.entry(isn).or_default();
        match kind {
            PacketKind::Syn => {
                names.insert((from, to), isn);
                attempt.first_syn.get_or_insert(at);
                attempt.ends.get_or_insert((from, to));
            }
            PacketKind::SynAck => {
                attempt.first_synack.get_or_insert(at);
            }
            PacketKind::IcmpError => {
                attempt.ends.get_or_insert((from, to));
            }
            PacketKind::Ack if attempt.first_synack.is_some() => {
                attempt.first_ack.get_or_insert(at);
            }
            PacketKind::Ack | PacketKind::ClientRst | PacketKind::ServerRst => {}
        }
        *attempt
            .sightings
            .entry((kind, frame.place.clone()))
            .or_default() += 1;
    }
}

impl Attempt {
    fn most(&self, wanted: PacketKind) -> usize {
        let counts = self
            .sightings
            .iter()
            .filter(|((kind, _), _)| *kind == wanted)
            .map(|(_, count)| *count);
        counts.max().unwrap_or(0)
    }
}

fn seconds(from: Option<u64>, to: Option<u64>) -> Option<f64> {
    Some(Duration::from_nanos(to?.checked_sub(from?)?).as_secs_f64())
}

/// One line of tshark. Of an ICMP error, the segment that it quotes.
struct Frame {
    at: u64,
    place: Place,
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
        let end = |v4: &str, v6: &str, port: &str| {
            let address: IpAddr = if v4.is_empty() { v6 } else { v4 }.parse().ok()?;
            Some(SocketAddr::new(address, port.parse().ok()?))
        };
        let flags = u32::from_str_radix(flags.strip_prefix("0x")?, 16).ok()?;
        Some(Self {
            at: at.replace('.', "").parse().ok()?,
            place: (interface.to_owned(), packet_type == OUTGOING),
            from: end(src4, src6, sport)?,
            to: end(dst4, dst6, dport)?,
            sequence: seq.parse().ok()?,
            acknowledgment: ack.parse().unwrap_or(0),
            syn: flags & 0x02 != 0,
            ack: flags & 0x10 != 0,
            rst: flags & 0x04 != 0,
            quoted: !(icmp4.is_empty() && icmp6.is_empty()),
        })
    }
}

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
/// PACKET_OUTGOING of the cooked header.
const OUTGOING: &str = "4";
