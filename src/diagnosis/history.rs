//! Recent history of one label set: counts over a window, a few attempts, ICMP errors, and TTLs of
//! RSTs.
//!
//! `Diagnosis` applies the records of a label set here, and [`LabelSetHistory::evidence`] copies
//! what the rules need. The size of every part is bounded.

use std::time::Duration;

use super::evidence::{Evidence, IcmpReport, Ttls};
use super::timeline::{EcnOutcome, TimelineRing};
use super::window::{DiagnosisSpan, Window};
use crate::handshake::{FailureReason, PacketKind};
use crate::labels::{LabelSet, Vantage};
use crate::packet::{Address, Direction, Packet};
use crate::record::{Record, RecordKind};
use crate::time::Timestamp;

/// Maximum number of different ICMP errors, by code and sender.
const MAX_ICMP_REPORTS: usize = 4;

/// Recent history of one label set.
#[derive(Debug)]
pub(super) struct LabelSetHistory {
    label_set: LabelSet,
    window: Window,
    timelines: TimelineRing,
    icmp_reports: Vec<IcmpReport>,
    rst_ttls: Ttls,
    refused_by: Option<Address>,
    first_seen: Option<Timestamp>,
    last_seen: Timestamp,
}

impl LabelSetHistory {
    pub(super) fn new(label_set: LabelSet, span: DiagnosisSpan, timeout: Duration) -> Self {
        Self {
            label_set,
            window: Window::new(span),
            timelines: TimelineRing::new(timeout),
            icmp_reports: Vec::new(),
            rst_ttls: Ttls::default(),
            refused_by: None,
            first_seen: None,
            last_seen: Timestamp::default(),
        }
    }

    /// Applies a record of this label set with its packet.
    pub(super) fn apply(&mut self, record: &Record, packet: Option<&Packet>) {
        let at = record.at;
        let kind = &record.kind;
        self.update_last_seen(at);
        let counts = self.window.at(at);
        counts.record(kind);
        match *kind {
            RecordKind::Opened(..) => {
                self.timelines.begin(at, packet);
                if let Some(Packet::Segment(syn)) = packet {
                    counts.ecn_attempts += u32::from(syn.ecn_setup);
                }
            }
            RecordKind::IcmpError(_, error) => {
                let report = IcmpReport {
                    code: error.code,
                    by: error.address,
                    reporter: error.reporter,
                    count: 1,
                    at,
                };
                record_icmp(&mut self.icmp_reports, report);
            }
            RecordKind::Failed(_, failure) => match failure.reason {
                FailureReason::Unanswered => return self.timelines.expire(at),
                FailureReason::Refused => {
                    if let Some(Packet::Segment(rst)) = packet {
                        let is_from_this_host = self.label_set.vantage == Vantage::Transit
                            && rst.via.direction == Direction::Leaving;
                        counts.refused_by_this_host += u32::from(is_from_this_host);
                        self.rst_ttls.record(rst.hop_limit);
                        self.refused_by = Some(rst.from.address);
                    }
                }
                FailureReason::Unreachable | FailureReason::Prohibited => {}
            },
            _ => {}
        }
        let Some(packet) = packet else { return };
        if let Packet::Segment(segment) = packet
            && segment.via.direction == Direction::Entering
        {
            let is_syn = matches!(kind, RecordKind::Opened(..) | RecordKind::Syn(..));
            let is_synack = matches!(
                kind,
                RecordKind::SynAckRetransmission(_) | RecordKind::Answered(..)
            );
            counts.syns_received += u32::from(is_syn);
            counts.synacks_received += u32::from(is_synack);
        }
        match self.timelines.record(at, kind, packet) {
            Some(EcnOutcome::AnsweredWithEcn) => counts.ecn_answered += 1,
            Some(EcnOutcome::AnsweredWithoutEcn) => counts.ecn_answered_without += 1,
            Some(EcnOutcome::NotRequested) => counts.plain_answered += 1,
            None => {}
        }
    }

    /// Records that a packet that entered this host left it again.
    pub(super) fn record_forwarded(&mut self, at: Timestamp, kind: PacketKind) {
        let counts = self.window.at(at);
        counts.syns_forwarded += u32::from(kind == PacketKind::Syn);
        counts.synacks_forwarded += u32::from(kind == PacketKind::SynAck);
    }

    /// Records that the client of an answered attempt had closed its socket.
    pub(super) fn record_client_abort(&mut self, at: Timestamp) {
        self.window.at(at).client_aborts += 1;
    }

    fn update_last_seen(&mut self, at: Timestamp) {
        self.first_seen.get_or_insert(at);
        self.last_seen = self.last_seen.max(at);
    }

    /// Returns the sender of the latest RST that refused an attempt, if any.
    pub(super) const fn refused_by(&self) -> Option<Address> {
        self.refused_by
    }

    /// Copies the evidence for a verdict. `synack_ttls` are those of the address in
    /// [`refused_by`](Self::refused_by).
    pub(super) fn evidence(&self, now: Timestamp, synack_ttls: Option<&Ttls>) -> Evidence {
        Evidence {
            label_set: self.label_set.clone(),
            window: self.window.sums(now),
            timelines: self.timelines.finished(),
            icmp_reports: self.icmp_reports.clone(),
            rst_ttls: self.rst_ttls,
            synack_ttls: synack_ttls.copied().unwrap_or_default(),
            first_seen: self.first_seen.unwrap_or(now),
            last_seen: self.last_seen,
            unanswered_ports: 0,
            unanswered_peers: 0,
            any_peer_rejected: false,
            half_open_peers: 0,
            silence_inconclusive: false,
            one_interface: false,
        }
    }
}

/// Counts an ICMP error. If the list is full, the error that was last seen the longest ago is
/// replaced.
fn record_icmp(reports: &mut Vec<IcmpReport>, report: IcmpReport) {
    let is_same = |known: &&mut IcmpReport| known.code == report.code && known.by == report.by;
    if let Some(known) = reports.iter_mut().find(is_same) {
        *known = IcmpReport {
            count: known.count.saturating_add(1),
            ..report
        };
    } else if reports.len() < MAX_ICMP_REPORTS {
        reports.push(report);
    } else if let Some(oldest) = reports.iter_mut().min_by_key(|known| known.at) {
        *oldest = report;
    }
}
