//! Metrics about the exporter itself: its configuration, its tables and the capture.
//!
//! The pipeline and the reload write [`ExporterMetrics`]; `exposition` calls the functions here to
//! write its families.
//!
//! Invariant: a series with a closed set of label values exists at zero from the start.

use std::io;

use super::descriptors::{self, Metric};
use super::encode::{Encoder, FamilyWriter, write_single};
use crate::decode::Undecodable;
use crate::handshake::PacketKind;
use crate::time::Timestamp;

/// The packet kinds in the order of their counters, with their label values.
const PACKET_KINDS: [(PacketKind, &str); 4] = [
    (PacketKind::Syn, "syn"),
    (PacketKind::SynAck, "synack"),
    (PacketKind::Rst, "rst"),
    (PacketKind::Icmp, "icmp"),
];

/// The configuration as exposed. It changes only with a reload.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct ConfigInfo {
    /// Version of the exporter.
    pub version: String,
    /// Server ports that are counted, as configured; empty for all ports.
    pub ports: String,
    /// The capture filter, as configured.
    pub filter: String,
    /// Prefix length, in bits, that IPv4 peers are aggregated to.
    pub peer_prefix_v4: u8,
    /// Prefix length, in bits, that IPv6 peers are aggregated to.
    pub peer_prefix_v6: u8,
    /// Peer groups, as configured.
    pub peer_groups: String,
    /// Maximum number of tracked attempts.
    pub max_attempts: usize,
    /// `true` if ACKs are captured.
    pub acks: bool,
}

/// The counters and gauges about the exporter itself.
#[derive(Clone, Default, Debug)]
pub struct ExporterMetrics {
    /// One entry for each watched interface or capture file.
    pub interfaces: Vec<InterfaceCounts>,
    /// This host's addresses on the watched interfaces: (address, interface).
    pub local_addresses: Vec<(String, String)>,
    /// Number of attempts that are pending.
    pub pending: usize,
    /// Number of attempts that are tracked, including decided ones.
    pub tracked: usize,
    /// Number of label sets that exist.
    pub label_sets: usize,
    /// Maximum number of label sets, not counting overflow sets.
    pub label_sets_limit: usize,
    /// Number of attempts counted in an overflow set because the limit on label sets was reached.
    pub overflowed_attempts: u64,
    /// Number of times that packet time stepped back by at least one second.
    pub clock_steps: u64,
    /// `true` if the capture lacks the answers of servers.
    pub answers_missing: bool,
    /// `true` if the capture lacks the SYNs of clients.
    pub syns_missing: bool,
    /// Outcome of the last configuration load; `None` without a configuration file.
    pub reload: Option<Reload>,
    /// One counter for each of [`Undecodable::ALL`].
    pub(super) undecodable: [u64; Undecodable::ALL.len()],
    /// One counter for each of [`PACKET_KINDS`].
    pub(super) duplicates: [u64; PACKET_KINDS.len()],
    /// One counter for each of [`PACKET_KINDS`].
    pub(super) unmatched: [u64; PACKET_KINDS.len()],
    /// One counter for each of [`PACKET_KINDS`].
    pub(super) unacceptable: [u64; PACKET_KINDS.len()],
}

/// The outcome of loading the configuration file.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Reload {
    /// `true` if the last load succeeded.
    pub successful: bool,
    /// When the last successful load happened.
    pub succeeded_at: Timestamp,
}

/// The counters of one interface or capture file.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct InterfaceCounts {
    /// Name of the interface or file.
    pub name: String,
    /// `true` if packets are being read from it.
    pub up: bool,
    /// Number of packets read.
    pub captured: u64,
    /// Number of packets dropped because the kernel's buffer was full.
    pub dropped_by_kernel: u64,
    /// Number of packets dropped by the interface.
    pub dropped_by_interface: u64,
    /// Time of the last packet.
    pub last_packet: Timestamp,
}

impl ExporterMetrics {
    /// Counts a frame that could not be decoded.
    pub fn count_undecodable(&mut self, reason: Undecodable) {
        for (count, counted) in self.undecodable.iter_mut().zip(Undecodable::ALL) {
            *count += u64::from(counted == reason);
        }
    }

    /// Counts a packet that is a duplicate of one already counted.
    pub fn count_duplicate(&mut self, kind: PacketKind) {
        increment(&mut self.duplicates, kind);
    }

    /// Counts a packet that matches no attempt.
    pub fn count_unmatched(&mut self, kind: PacketKind) {
        increment(&mut self.unmatched, kind);
    }

    /// Returns the number of packets of this kind that matched no attempt.
    pub fn unmatched_packets(&self, kind: PacketKind) -> u64 {
        self.unmatched
            .iter()
            .zip(PACKET_KINDS)
            .filter(|(_, (counted, _))| *counted == kind)
            .map(|(count, _)| count)
            .sum()
    }

    /// Counts a SYN/ACK or RST that is not acceptable for its attempt.
    pub fn count_unacceptable(&mut self, kind: PacketKind) {
        increment(&mut self.unacceptable, kind);
    }
}

fn increment(counts: &mut [u64; PACKET_KINDS.len()], kind: PacketKind) {
    for (count, (counted, _)) in counts.iter_mut().zip(PACKET_KINDS) {
        *count += u64::from(counted == kind);
    }
}

/// Writes the addresses of the watched interfaces.
pub(super) fn write_local_addresses(
    exporter: &ExporterMetrics,
    encoder: &mut dyn Encoder,
) -> io::Result<()> {
    let mut family = FamilyWriter::new(&descriptors::LOCAL_ADDRESS_INFO, encoder);
    for (address, interface) in &exporter.local_addresses {
        family.number([address, interface], None, 1.0)?;
    }
    family.finish()
}

/// Writes the families that have one or two series for each interface.
pub(super) fn write_interfaces(
    exporter: &ExporterMetrics,
    since: Option<Timestamp>,
    encoder: &mut dyn Encoder,
) -> io::Result<()> {
    let mut write = |metric: &'static Metric<1>, value: fn(&InterfaceCounts) -> f64| {
        let mut family = FamilyWriter::new(metric, encoder);
        for interface in &exporter.interfaces {
            family.number([&interface.name], since, value(interface))?;
        }
        family.finish()
    };
    write(&descriptors::CAPTURE_UP, |interface| {
        f64::from(u8::from(interface.up))
    })?;
    write(&descriptors::CAPTURED_PACKETS, |interface| {
        interface.captured as f64
    })?;
    write(&descriptors::LAST_PACKET, |interface| {
        interface.last_packet.as_secs_f64()
    })?;
    let mut dropped = FamilyWriter::new(&descriptors::DROPPED_PACKETS, encoder);
    for interface in &exporter.interfaces {
        for (by, count) in [
            ("kernel", interface.dropped_by_kernel),
            ("interface", interface.dropped_by_interface),
        ] {
            dropped.number([&interface.name, by], since, count as f64)?;
        }
    }
    dropped.finish()
}

/// Writes the configuration, the table sizes, and the counters of packets that belong to no label
/// set.
pub(super) fn write_exporter(
    exporter: &ExporterMetrics,
    config: &ConfigInfo,
    since: Option<Timestamp>,
    encoder: &mut dyn Encoder,
) -> io::Result<()> {
    write_config(config, encoder)?;
    write_packet_counts(exporter, since, encoder)?;
    write_table_sizes(exporter, config, since, encoder)?;
    let mut one_sided = FamilyWriter::new(&descriptors::ONE_SIDED, encoder);
    for (missing, is_missing) in [
        ("answers", exporter.answers_missing),
        ("syns", exporter.syns_missing),
    ] {
        one_sided.number([missing], None, f64::from(u8::from(is_missing)))?;
    }
    one_sided.finish()?;
    match &exporter.reload {
        Some(reload) => write_reload(*reload, encoder),
        None => Ok(()),
    }
}

fn write_config(config: &ConfigInfo, encoder: &mut dyn Encoder) -> io::Result<()> {
    let mut build_info = FamilyWriter::new(&descriptors::BUILD_INFO, encoder);
    build_info.number([&config.version], None, 1.0)?;
    build_info.finish()?;
    let v4 = config.peer_prefix_v4.to_string();
    let v6 = config.peer_prefix_v6.to_string();
    let mut config_info = FamilyWriter::new(&descriptors::CONFIG_INFO, encoder);
    config_info.number(
        [&config.ports, &config.filter, &v4, &v6, &config.peer_groups],
        None,
        1.0,
    )?;
    config_info.finish()
}

fn write_packet_counts(
    exporter: &ExporterMetrics,
    since: Option<Timestamp>,
    encoder: &mut dyn Encoder,
) -> io::Result<()> {
    let mut undecodable = FamilyWriter::new(&descriptors::UNDECODABLE, encoder);
    for (count, reason) in exporter.undecodable.iter().zip(Undecodable::ALL) {
        undecodable.number([reason.as_str()], since, *count as f64)?;
    }
    undecodable.finish()?;
    let mut write_kinds =
        |metric: &'static Metric<1>, counts: &[u64; PACKET_KINDS.len()], exposed: &[PacketKind]| {
            let mut family = FamilyWriter::new(metric, encoder);
            for (count, (kind, label)) in counts.iter().zip(PACKET_KINDS) {
                if exposed.contains(&kind) {
                    family.number([label], since, *count as f64)?;
                }
            }
            family.finish()
        };
    write_kinds(
        &descriptors::DUPLICATES,
        &exporter.duplicates,
        &[
            PacketKind::Syn,
            PacketKind::SynAck,
            PacketKind::Rst,
            PacketKind::Icmp,
        ],
    )?;
    write_kinds(
        &descriptors::UNMATCHED,
        &exporter.unmatched,
        &[PacketKind::SynAck, PacketKind::Rst, PacketKind::Icmp],
    )?;
    write_kinds(
        &descriptors::UNACCEPTABLE,
        &exporter.unacceptable,
        &[PacketKind::SynAck, PacketKind::Rst],
    )
}

fn write_table_sizes(
    exporter: &ExporterMetrics,
    config: &ConfigInfo,
    since: Option<Timestamp>,
    encoder: &mut dyn Encoder,
) -> io::Result<()> {
    let gauges = [
        (&descriptors::PENDING_ATTEMPTS, exporter.pending),
        (&descriptors::TRACKED_ATTEMPTS, exporter.tracked),
        (&descriptors::TRACKED_ATTEMPTS_LIMIT, config.max_attempts),
        (&descriptors::LABEL_SETS, exporter.label_sets),
        (&descriptors::LABEL_SETS_LIMIT, exporter.label_sets_limit),
    ];
    for (metric, value) in gauges {
        write_single(metric, encoder, None, value as f64)?;
    }
    let counters = [
        (
            &descriptors::OVERFLOWED_ATTEMPTS,
            exporter.overflowed_attempts,
        ),
        (&descriptors::CLOCK_STEPS, exporter.clock_steps),
    ];
    for (metric, value) in counters {
        write_single(metric, encoder, since, value as f64)?;
    }
    Ok(())
}

fn write_reload(reload: Reload, encoder: &mut dyn Encoder) -> io::Result<()> {
    let successful = f64::from(u8::from(reload.successful));
    let succeeded_at = reload.succeeded_at.as_secs_f64();
    write_single(&descriptors::RELOAD_SUCCESSFUL, encoder, None, successful)?;
    write_single(
        &descriptors::RELOAD_SUCCEEDED_AT,
        encoder,
        None,
        succeeded_at,
    )
}
