//! The exporter's numbers about itself and what it watches.

use crate::decode::Undecodable;
use crate::handshake::Kind;
use crate::time::Timestamp;

/// What stays as it is while the program runs.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct About {
    /// The program's version.
    pub version: String,
    /// Server ports that are counted, as given; empty for all.
    pub ports: String,
    /// The capture filter, as given.
    pub filter: String,
    /// Prefix length that IPv4 peers are cut to.
    pub peer_prefix_v4: u8,
    /// Prefix length that IPv6 peers are cut to.
    pub peer_prefix_v6: u8,
    /// Peer groups, as given.
    pub peer_groups: String,
    /// How many attempts can be known at once.
    pub max_attempts: usize,
    /// Whether ACKs are captured.
    pub acks: bool,
}

/// What changes.
#[derive(Clone, Default, Debug)]
pub struct Own {
    /// One for each watched interface or capture file.
    pub interfaces: Vec<InterfaceCounts>,
    /// This host's addresses on watched interfaces: address, interface.
    pub local_addresses: Vec<(String, String)>,
    /// Attempts that wait.
    pub pending: usize,
    /// Attempts that are known.
    pub tracked: usize,
    /// Sets that exist.
    pub sets: usize,
    /// Sets that may exist.
    pub sets_limit: usize,
    /// Attempts folded for want of room.
    pub folded: u64,
    /// Steps of the clock.
    pub clock_steps: u64,
    /// Whether one direction only is seen.
    pub one_sided: OneSided,
    pub(super) undecodable: [u64; Undecodable::ALL.len()],
    pub(super) duplicates: [u64; KINDS.len()],
    pub(super) unmatched: [u64; KINDS.len()],
    pub(super) unacceptable: [u64; KINDS.len()],
}

/// Whether the capture seems to see one direction only, and which one it misses.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct OneSided {
    /// It sees SYNs, and nothing back.
    pub answers_missing: bool,
    /// It sees SYN/ACKs, and not what they answer.
    pub syns_missing: bool,
}

/// The capture on one interface, or of one file.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct InterfaceCounts {
    /// Its name.
    pub name: String,
    /// Whether packets are read from it.
    pub up: bool,
    /// Packets read.
    pub captured: u64,
    /// Packets lost in the kernel's buffer.
    pub dropped_by_kernel: u64,
    /// Packets lost in the interface.
    pub dropped_by_interface: u64,
    /// Time of the last packet.
    pub last_packet: Timestamp,
}

impl Own {
    /// A frame could not be read.
    pub fn undecodable(&mut self, reason: Undecodable) {
        for (count, _) in self.undecodable.iter_mut().zip(Undecodable::ALL).filter(|(_, of)| *of == reason) {
            *count += 1;
        }
    }

    /// A copy was met.
    pub fn duplicate(&mut self, kind: Kind) {
        bump(&mut self.duplicates, kind);
    }

    /// A packet fits no attempt.
    pub fn unmatched(&mut self, kind: Kind) {
        bump(&mut self.unmatched, kind);
    }

    /// How many packets of that kind fitted no attempt.
    pub fn unmatched_of(&self, kind: Kind) -> u64 {
        self.unmatched.iter().zip(KINDS).filter(|(_, of)| of.0 == kind).map(|(count, _)| count).sum()
    }

    /// A SYN/ACK or RST does not fit its attempt.
    pub fn unacceptable(&mut self, kind: Kind) {
        bump(&mut self.unacceptable, kind);
    }
}

fn bump(counts: &mut [u64; KINDS.len()], kind: Kind) {
    for (count, _) in counts.iter_mut().zip(KINDS).filter(|(_, of)| of.0 == kind) {
        *count += 1;
    }
}

/// The kinds of packet, in the order they are shown, with their label values.
pub(super) const KINDS: [(Kind, &str); 4] =
    [(Kind::Syn, "syn"), (Kind::SynAck, "synack"), (Kind::Rst, "rst"), (Kind::Icmp, "icmp")];
