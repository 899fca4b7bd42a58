//! Diagnosis: a verdict on each label set, with its numbers, alternative explanations, and the next
//! command to run.
//!
//! The aggregator applies the same records here as in the metrics, and the commands and the HTTP
//! server turn [`Diagnosis::findings`] into a [`Report`].
//!
//! - Only the evidence for verdicts is kept: counts over a recent window, the last failed attempts,
//!   TTLs, and ICMP errors.
//! - The size of every part is bounded.
//! - The verdicts are a closed set. One table in `rules` decides which one holds.

/// Counters and latencies.
mod counts;
/// Counts in slices of time.
mod window;
/// Packets of a few attempts.
mod timeline;
/// The facts about a label set that the rules read.
mod evidence;
/// Recent history of one label set.
mod history;
/// Quality of the capture.
mod capture_quality;
/// Detection of captures of one direction.
mod one_sided;
/// The closed set of verdicts.
mod verdict;
/// Conditions of the verdicts.
mod rules;
/// The sentence about a verdict.
mod summary;
/// Alternatives and next steps.
mod advice;
/// The report as data.
mod report;
/// The report as text.
mod text;

#[cfg(test)]
mod tests;

use std::time::Duration;

use hashbrown::HashMap;

pub use capture_quality::CaptureQuality;
pub use one_sided::{OneSided, OneSidedDetector};
pub use report::{Findings, Report, VERSION};
pub use rules::rules;
pub use text::{ColorMode, text};
pub use verdict::{Confidence, Verdict};
pub use window::DiagnosisSpan;

use crate::handshake::{PacketKind, Side};
use crate::labels::{LabelSet, LabelSetId};
use crate::packet::{Address, Direction, Flags, Packet, Segment};
use crate::record::{Record, RecordKind, RstRecord};
use crate::time::Timestamp;
use capture_quality::CaptureHistory;
use evidence::{Evidence, Ttls};
use history::LabelSetHistory;

/// Maximum number of servers with known SYN/ACK TTLs. If the table is full, it is cleared: active
/// servers are recorded again with their next SYN/ACK.
const MAX_SERVERS: usize = 4096;
/// Number of slots for the latest opening SYNs, by ISN.
const SYN_SLOTS: usize = 4096;
/// Minimum time from a SYN to the RST of a client that has closed its socket: no client waits less.
/// An earlier RST comes from a scanner or a health check, which does not need the connection.
const MIN_ABORT_DELAY: Duration = Duration::from_millis(200);

/// Recent history of all label sets, of the servers, and of the capture.
#[derive(Debug)]
pub struct Diagnosis {
    span: DiagnosisSpan,
    timeout: Duration,
    histories: Vec<Option<(LabelSetId, LabelSetHistory)>>,
    /// TTLs of received SYN/ACKs by server address.
    synack_ttls: HashMap<Address, Ttls, foldhash::fast::RandomState>,
    /// Time of the first and of the latest event.
    observed: Option<(Timestamp, Timestamp)>,
    capture: CaptureHistory,
    /// The latest opening SYNs in slots by ISN. A forwarded packet is captured again with other
    /// addresses and the same ISN.
    opening_syns: Vec<Option<ForwardedSyn>>,
}

/// An opening SYN that may be captured again when this host forwards it.
#[derive(Clone, Copy, Debug)]
struct ForwardedSyn {
    isn: u32,
    label_set: LabelSetId,
    began: Timestamp,
    /// `true` if the client's RST was counted.
    is_aborted: bool,
}

impl Diagnosis {
    /// Creates a diagnosis without events. Attempts without an answer after `timeout` are
    /// unanswered. Verdicts cover `span`.
    pub fn new(span: DiagnosisSpan, timeout: Duration) -> Self {
        Self {
            span,
            timeout,
            histories: Vec::new(),
            synack_ttls: HashMap::default(),
            observed: None,
            capture: CaptureHistory::default(),
            opening_syns: vec![None; SYN_SLOTS],
        }
    }

    /// Applies a record with its packet.
    pub fn apply(&mut self, record: &Record, packet: Option<&Packet>) {
        match &record.kind {
            RecordKind::LabelSetCreated(id, label_set) => self.create(*id, label_set),
            RecordKind::LabelSetRemoved(id) => self.remove(*id),
            RecordKind::Duplicate(kind) => self.apply_duplicate(record.at, *kind, packet),
            // A RST or SYN outside of all attempts is no evidence about one.
            RecordKind::InvalidSyn(_)
            | RecordKind::Rst(
                _,
                RstRecord {
                    in_attempt: false, ..
                },
            ) => {}
            kind => {
                if let Some(id) = kind.label_set() {
                    self.apply_to_label_set(id, record, packet);
                }
            }
        }
    }

    /// Starts the history of a new label set.
    fn create(&mut self, id: LabelSetId, label_set: &LabelSet) {
        let index = id.index();
        if self.histories.len() <= index {
            self.histories.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.histories.get_mut(index) {
            let history = LabelSetHistory::new(label_set.clone(), self.span, self.timeout);
            *slot = Some((id, history));
        }
    }

    /// Removes the history of a label set.
    fn remove(&mut self, id: LabelSetId) {
        if let Some(slot) = self
            .histories
            .get_mut(id.index())
            .filter(|slot| slot.as_ref().is_some_and(|(of, _)| *of == id))
        {
            *slot = None;
        }
    }

    fn apply_to_label_set(&mut self, id: LabelSetId, record: &Record, packet: Option<&Packet>) {
        let at = record.at;
        self.advance_clock(at);
        match (&record.kind, packet) {
            (
                RecordKind::SynAckRetransmission(_) | RecordKind::Answered(..),
                Some(Packet::Segment(synack)),
            ) => {
                self.record_synack_ttl(synack.from.address, synack.hop_limit);
            }
            (RecordKind::Opened(..), Some(Packet::Segment(syn))) => {
                self.record_opening_syn(id, at, syn.sequence);
            }
            (RecordKind::Rst(_, rst), Some(Packet::Segment(segment)))
                if rst.sender == Side::Client =>
            {
                self.record_client_rst(id, at, segment);
            }
            _ => {}
        }
        if let Some(history) = self.history_mut(id) {
            history.apply(record, packet);
        }
    }

    /// Applies a duplicate: a packet that was captured again on its way through this host.
    fn apply_duplicate(&mut self, at: Timestamp, kind: PacketKind, packet: Option<&Packet>) {
        let Some(Packet::Segment(segment)) = packet else {
            return;
        };
        let isn = match kind {
            PacketKind::Syn => segment.sequence,
            PacketKind::SynAck => segment.acknowledgment.wrapping_sub(1),
            PacketKind::Rst | PacketKind::Icmp => return,
        };
        let syn = self
            .opening_syns
            .get(syn_slot(isn))
            .copied()
            .flatten()
            .filter(|syn| syn.isn == isn);
        let history = syn.and_then(|syn| self.history_mut(syn.label_set));
        if let (Some(history), Direction::Leaving) = (history, segment.via.direction) {
            history.record_forwarded(at, kind);
        }
    }

    /// Extends the observed time to `now` without an event.
    pub fn advance_clock(&mut self, now: Timestamp) {
        let (first, latest) = self.observed.unwrap_or((now, now));
        self.observed = Some((first, latest.max(now)));
    }

    /// Records the current quality of the capture. Its counts only grow.
    pub fn record_capture_quality(&mut self, quality: CaptureQuality) {
        self.capture.record(self.now(), quality, self.span);
    }

    /// Copies all facts that a report needs.
    pub fn findings(&self) -> Findings {
        let now = self.now();
        let evidence_of = |(_, history): &(LabelSetId, LabelSetHistory)| -> Evidence {
            let server = history.refused_by();
            let synack_ttls = server.and_then(|server| self.synack_ttls.get(&server));
            history.evidence(now, synack_ttls)
        };
        Findings {
            evidence: self.histories.iter().flatten().map(evidence_of).collect(),
            span: self.span,
            observed: self.observed,
            capture: self.capture.in_window(),
        }
    }

    fn now(&self) -> Timestamp {
        self.observed.map(|(_, latest)| latest).unwrap_or_default()
    }

    /// Returns the history of a label set. `None` if its slot belongs to another label set.
    fn history_mut(&mut self, id: LabelSetId) -> Option<&mut LabelSetHistory> {
        let (of, history) = self.histories.get_mut(id.index())?.as_mut()?;
        (*of == id).then_some(history)
    }

    fn record_opening_syn(&mut self, label_set: LabelSetId, began: Timestamp, isn: u32) {
        if let Some(slot) = self.opening_syns.get_mut(syn_slot(isn)) {
            *slot = Some(ForwardedSyn {
                isn,
                label_set,
                began,
                is_aborted: false,
            });
        }
    }

    /// Records that a client had closed its socket before the answer, or never had one, if its RST
    /// shows that. The RST takes its sequence number from a SYN/ACK and has no ACK: the kernel
    /// sends it for an unknown connection (RFC 9293 3.10.7.1).
    fn record_client_rst(&mut self, id: LabelSetId, at: Timestamp, rst: &Segment) {
        let isn = rst.sequence.wrapping_sub(1);
        let slot = self.opening_syns.get_mut(syn_slot(isn));
        let Some(syn) = slot
            .and_then(Option::as_mut)
            .filter(|syn| syn.isn == isn && syn.label_set == id && !syn.is_aborted)
        else {
            return;
        };
        if !rst.flags.has(Flags::ACK) && at.since(syn.began) >= MIN_ABORT_DELAY {
            syn.is_aborted = true;
            if let Some(history) = self.history_mut(id) {
                history.record_client_abort(at);
            }
        }
    }

    fn record_synack_ttl(&mut self, server: Address, ttl: u8) {
        if self.synack_ttls.len() >= MAX_SERVERS && !self.synack_ttls.contains_key(&server) {
            self.synack_ttls.clear();
        }
        self.synack_ttls.entry(server).or_default().record(ttl);
    }
}

const fn syn_slot(isn: u32) -> usize {
    isn as usize % SYN_SLOTS
}
