//! The exporter's numbers about itself and what it watches.

use std::io;

use super::encode::Encoder;
use super::exposition::{Family, single};
use super::table::{self, Metric};
use crate::decode::Undecodable;
use crate::handshake::PacketKind;
use crate::time::Timestamp;

/// What the program was told, which seldom changes while it runs.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct ConfigInfo {
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
pub struct ExporterMetrics {
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
    /// `true` if the capture misses the answers of servers.
    pub answers_missing: bool,
    /// `true` if the capture misses the SYNs of clients.
    pub syns_missing: bool,
    /// How it went to read the configuration file, if there is one.
    pub reload: Option<Reload>,
    pub(super) undecodable: [u64; Undecodable::ALL.len()],
    pub(super) duplicates: [u64; KINDS.len()],
    pub(super) unmatched: [u64; KINDS.len()],
    pub(super) unacceptable: [u64; KINDS.len()],
}

/// How it went to read the configuration file again.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Reload {
    /// The last time.
    pub successful: bool,
    /// When it last went well.
    pub succeeded_at: Timestamp,
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

impl ExporterMetrics {
    /// A frame could not be read.
    pub fn undecodable(&mut self, reason: Undecodable) {
        for (count, _) in self
            .undecodable
            .iter_mut()
            .zip(Undecodable::ALL)
            .filter(|(_, of)| *of == reason)
        {
            *count += 1;
        }
    }

    /// A copy was met.
    pub fn duplicate(&mut self, kind: PacketKind) {
        bump(&mut self.duplicates, kind);
    }

    /// A packet fits no attempt.
    pub fn unmatched(&mut self, kind: PacketKind) {
        bump(&mut self.unmatched, kind);
    }

    /// How many packets of that kind fitted no attempt.
    pub fn unmatched_of(&self, kind: PacketKind) -> u64 {
        self.unmatched
            .iter()
            .zip(KINDS)
            .filter(|(_, of)| of.0 == kind)
            .map(|(count, _)| count)
            .sum()
    }

    /// A SYN/ACK or RST does not fit its attempt.
    pub fn unacceptable(&mut self, kind: PacketKind) {
        bump(&mut self.unacceptable, kind);
    }
}

fn bump(counts: &mut [u64; KINDS.len()], kind: PacketKind) {
    for (count, _) in counts.iter_mut().zip(KINDS).filter(|(_, of)| of.0 == kind) {
        *count += 1;
    }
}

/// The addresses of the watched interfaces.
pub(super) fn write_local_addresses(own: &ExporterMetrics, to: &mut dyn Encoder) -> io::Result<()> {
    let mut family = Family::of(&table::LOCAL_ADDRESS_INFO, to);
    for (address, interface) in &own.local_addresses {
        family.number([address, interface], None, 1.0)?;
    }
    family.done()
}

/// One series for each interface in each of these.
pub(super) fn write_interfaces(
    own: &ExporterMetrics,
    since: Option<Timestamp>,
    to: &mut dyn Encoder,
) -> io::Result<()> {
    let mut each = |metric: &'static Metric<1>, value: fn(&InterfaceCounts) -> f64| {
        let mut family = Family::of(metric, to);
        for interface in &own.interfaces {
            family.number([&interface.name], since, value(interface))?;
        }
        family.done()
    };
    each(&table::CAPTURE_UP, |interface| {
        f64::from(u8::from(interface.up))
    })?;
    each(&table::CAPTURED_PACKETS, |interface| {
        interface.captured as f64
    })?;
    each(&table::LAST_PACKET, |interface| {
        interface.last_packet.as_secs_f64()
    })?;
    let mut dropped = Family::of(&table::DROPPED_PACKETS, to);
    for interface in &own.interfaces {
        dropped.number(
            [&interface.name, "kernel"],
            since,
            interface.dropped_by_kernel as f64,
        )?;
        dropped.number(
            [&interface.name, "interface"],
            since,
            interface.dropped_by_interface as f64,
        )?;
    }
    dropped.done()
}

/// The program, its tables, and what came to no set.
pub(super) fn write_exporter(
    own: &ExporterMetrics,
    about: &ConfigInfo,
    since: Option<Timestamp>,
    to: &mut dyn Encoder,
) -> io::Result<()> {
    write_about(about, to)?;
    let mut undecodable = Family::of(&table::UNDECODABLE, to);
    for (count, reason) in own.undecodable.iter().zip(Undecodable::ALL) {
        undecodable.number([reason.as_str()], since, *count as f64)?;
    }
    undecodable.done()?;
    let mut by_kind =
        |metric: &'static Metric<1>, counts: &[u64; KINDS.len()], shown: &[PacketKind]| {
            let mut family = Family::of(metric, to);
            for (count, (_, name)) in counts
                .iter()
                .zip(KINDS)
                .filter(|(_, (kind, _))| shown.contains(kind))
            {
                family.number([name], since, *count as f64)?;
            }
            family.done()
        };
    by_kind(
        &table::DUPLICATES,
        &own.duplicates,
        &[
            PacketKind::Syn,
            PacketKind::SynAck,
            PacketKind::Rst,
            PacketKind::Icmp,
        ],
    )?;
    by_kind(
        &table::UNMATCHED,
        &own.unmatched,
        &[PacketKind::SynAck, PacketKind::Rst, PacketKind::Icmp],
    )?;
    by_kind(
        &table::UNACCEPTABLE,
        &own.unacceptable,
        &[PacketKind::SynAck, PacketKind::Rst],
    )?;
    single(&table::PENDING_ATTEMPTS, to, None, own.pending as f64)?;
    single(&table::TRACKED_ATTEMPTS, to, None, own.tracked as f64)?;
    single(
        &table::TRACKED_ATTEMPTS_LIMIT,
        to,
        None,
        about.max_attempts as f64,
    )?;
    single(&table::SETS, to, None, own.sets as f64)?;
    single(&table::SETS_LIMIT, to, None, own.sets_limit as f64)?;
    single(&table::SETS_FOLDED, to, since, own.folded as f64)?;
    single(&table::CLOCK_STEPS, to, since, own.clock_steps as f64)?;
    let mut one_sided = Family::of(&table::ONE_SIDED, to);
    for (missing, is) in [("answers", own.answers_missing), ("syns", own.syns_missing)] {
        one_sided.number([missing], None, f64::from(u8::from(is)))?;
    }
    one_sided.done()?;
    if let Some(reload) = &own.reload {
        single(
            &table::RELOAD_SUCCESSFUL,
            to,
            None,
            f64::from(u8::from(reload.successful)),
        )?;
        single(
            &table::RELOAD_SUCCEEDED_AT,
            to,
            None,
            reload.succeeded_at.as_secs_f64(),
        )?;
    }
    Ok(())
}

fn write_about(about: &ConfigInfo, to: &mut dyn Encoder) -> io::Result<()> {
    let mut build = Family::of(&table::BUILD_INFO, to);
    build.number([&about.version], None, 1.0)?;
    build.done()?;
    let (v4, v6) = (
        about.peer_prefix_v4.to_string(),
        about.peer_prefix_v6.to_string(),
    );
    let mut config = Family::of(&table::CONFIG_INFO, to);
    config.number(
        [&about.ports, &about.filter, &v4, &v6, &about.peer_groups],
        None,
        1.0,
    )?;
    config.done()
}

/// The kinds of packet, in the order they are shown, with their label values.
pub(super) const KINDS: [(PacketKind, &str); 4] = [
    (PacketKind::Syn, "syn"),
    (PacketKind::SynAck, "synack"),
    (PacketKind::Rst, "rst"),
    (PacketKind::Icmp, "icmp"),
];
