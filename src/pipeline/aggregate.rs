//! The books: the numbers and the diagnosis, which hear the same events and do not know each other.

use std::sync::Arc;

use parking_lot::Mutex;

use super::burst::Crowd;
use super::ingest::DecodedFrame;
use super::record::{Captured, Entry, Line, RecordBatch, Whose};
use crate::capture::{ANY, InterfaceStatus};
use crate::config::{CaptureSource, CountingConfig};
use crate::diagnosis::{
    CaptureQuality, Diagnosis, DiagnosisSpan, ObservedBurst, ObservedEvent, OneSidedDetector,
};
use crate::handshake::{Event, PacketKind, Side};
use crate::labels::Reporter;
use crate::metrics::{ConfigInfo, Connection, Exposition, InterfaceCounts, MetricStore, SetEvent};
use crate::packet::Packet;

/// The books as the pump and the pages share them.
pub(crate) type SharedAggregator = Arc<Mutex<Aggregator>>;

/// What is written as the river flows.
pub(crate) struct Aggregator {
    pub(crate) ledger: MetricStore,
    pub(crate) diagnosis: Diagnosis,
    sides: OneSidedDetector,
    one_interface: bool,
}

impl Aggregator {
    /// Nothing is written yet. The diagnosis is about this span.
    pub(crate) fn shared(
        source: &CaptureSource,
        counting: &CountingConfig,
        span: DiagnosisSpan,
    ) -> SharedAggregator {
        let ledger = MetricStore::new(
            about(counting),
            counting.bounds.clone(),
            counting.native_histograms,
        );
        let diagnosis = Diagnosis::new(span, counting.limits.timeout);
        let one_interface = matches!(source, CaptureSource::Interfaces(names, ..) if names.len() == 1 && !names.iter().any(|name| name == ANY));
        Arc::new(Mutex::new(Self {
            ledger,
            diagnosis,
            sides: OneSidedDetector::default(),
            one_interface,
        }))
    }

    /// Writes what is said about these readings.
    pub(super) fn write(&mut self, sheet: &RecordBatch, readings: &[DecodedFrame]) {
        let mut connections = sheet.connections.iter();
        let mut shown = connections.next();
        let mut syns = sheet.shown.as_slice();
        let mut place = 0;
        // From one line to the next there are mostly many events.
        let ends = sheet
            .lines
            .iter()
            .map(|(before, _)| *before)
            .chain([sheet.entries.len()]);
        for (nth, end) in ends.enumerate() {
            let told = sheet
                .entries
                .iter()
                .zip(&sheet.events)
                .take(end)
                .skip(place);
            for (entry, event) in told {
                let connection =
                    shown
                        .filter(|(of, ..)| *of == place)
                        .map(|(_, client, server)| {
                            shown = connections.next();
                            Connection {
                                client: *client,
                                server: *server,
                                at: entry.at,
                            }
                        });
                self.enter(entry, event, packet_at(readings, entry.packet), connection);
                place += 1;
            }
            if let Some((_, line)) = sheet.lines.get(nth) {
                self.note(line, &mut syns, readings);
            }
        }
    }

    /// Writes what is no event.
    fn note(&mut self, line: &Line, shown: &mut &[u32], readings: &[DecodedFrame]) {
        let own = &mut self.ledger.exporter;
        match line {
            Line::Captured(Captured {
                interface,
                packets,
                last,
            }) => {
                if let Some(counts) = own.interfaces.get_mut(usize::from(*interface)) {
                    counts.captured += u64::from(*packets);
                    counts.last_packet = *last;
                }
            }
            Line::Crowd(crowd) => {
                let (these, others) = shown.split_at_checked(crowd.shown()).unwrap_or_default();
                *shown = others;
                self.enter_crowd(crowd, these, readings);
            }
            Line::Undecodable(reason) => own.count_undecodable(*reason),
            Line::Created(begun) => {
                let (set, name, since) = begun.as_ref();
                self.ledger.create(*set, name, *since);
                self.diagnosis.create(*set, name);
            }
            Line::Removed(set) => {
                self.ledger.remove(*set);
                self.diagnosis.remove(*set);
            }
            Line::Passed(now) => self.diagnosis.advance_clock(*now),
            Line::Sums(sums) => {
                (own.pending, own.tracked) = (sums.pending, sums.tracked);
                (own.label_sets, own.label_sets_limit) = (sums.sets, sums.sets_limit);
                let missing = self.sides.missing_direction();
                own.answers_missing = missing.answers_missing;
                own.syns_missing = missing.syns_missing;
            }
            Line::LocalAddressPoller(shown) => own.local_addresses.clone_from(shown),
            Line::Round(round) => {
                let (conditions, listen_overflows) = round.as_ref();
                for (counts, condition) in own.interfaces.iter_mut().zip(conditions) {
                    update(counts, condition);
                }
                self.note_capture(*listen_overflows);
            }
            Line::Retold(about, _) => self.ledger.set_config(about.as_ref().clone()),
        }
    }

    /// Has an event counted, and heard by the diagnosis.
    fn enter(
        &mut self,
        entry: &Entry,
        event: &Event,
        packet: Option<&Packet>,
        connection: Option<Connection>,
    ) {
        let Entry { at, whose, .. } = entry;
        let (set, reporter) = match *whose {
            Whose::Nothing => return,
            Whose::Nobodys => {
                self.count_nobodys(event);
                self.sides.apply(*at, None, event, packet);
                if let Event::Duplicate(kind) = event {
                    self.diagnosis.apply_duplicate(*at, *kind, packet);
                }
                return;
            }
            Whose::Stray(set, side) => {
                let is_syn = matches!(event, Event::InvalidSyn);
                self.ledger.count(
                    set,
                    &if is_syn {
                        SetEvent::InvalidSyn
                    } else {
                        SetEvent::Rst(side)
                    },
                );
                if !is_syn && side == Side::Server {
                    self.sides.observe_server_packet();
                }
                return self.sides.apply(*at, None, event, packet);
            }
            Whose::Opened(set, vantage, folded) => {
                self.ledger.exporter.overflowed_attempts += u64::from(folded);
                self.sides.observe_attempt(*at, set, vantage);
                (set, None)
            }
            Whose::Of(set) => (set, None),
            Whose::Reported(set, reporter) => (set, Some(reporter)),
        };
        if let Some(counted) = set_event(event, packet, reporter) {
            self.ledger.count_with_exemplar(set, &counted, connection);
        }
        self.sides.apply(*at, Some(set), event, packet);
        self.diagnosis.apply(
            set,
            &ObservedEvent {
                at: *at,
                event,
                packet,
                reporter,
            },
        );
    }

    /// The same of many, of which the SYNs at these places are shown.
    fn enter_crowd(&mut self, crowd: &Crowd, shown: &[u32], readings: &[DecodedFrame]) {
        let Crowd {
            set,
            since,
            evicted,
            folded,
            entering,
            vantage,
        } = *crowd;
        let counted = [
            SetEvent::Opened {
                attempts: folded,
                by_syn: true,
            },
            SetEvent::Evicted(evicted),
        ];
        counted
            .into_iter()
            .for_each(|counted| self.ledger.count(set, &counted));
        self.ledger.exporter.overflowed_attempts += u64::from(folded);
        if let Some(vantage) = vantage {
            self.sides.observe_attempt(since, set, vantage);
        }
        let syns: Vec<&Packet> = shown
            .iter()
            .filter_map(|place| packet_at(readings, *place))
            .collect();
        self.diagnosis.apply_burst(
            set,
            &ObservedBurst {
                at: since,
                evicted,
                began: folded,
                entering,
                syns: &syns,
            },
        );
    }

    fn count_nobodys(&mut self, event: &Event) {
        let own = &mut self.ledger.exporter;
        match event {
            Event::Duplicate(kind) => own.count_duplicate(*kind),
            Event::Unacceptable(kind) => own.count_unacceptable(*kind),
            Event::Unmatched(kind) => own.count_unmatched(*kind),
            Event::ClockStep => own.clock_steps += 1,
            _ => {}
        }
    }

    /// Lets the diagnosis know how the capture is.
    fn note_capture(&mut self, listen_overflows: Option<u64>) {
        let own = &self.ledger.exporter;
        let interfaces = || own.interfaces.iter();
        self.diagnosis.record_capture_quality(CaptureQuality {
            packets: interfaces().map(|interface| interface.captured).sum(),
            dropped: interfaces()
                .map(|counts| counts.dropped_by_kernel + counts.dropped_by_interface)
                .sum(),
            unmatched_synacks: own.unmatched_packets(PacketKind::SynAck),
            clock_steps: own.clock_steps,
            answers_missing: own.answers_missing,
            syns_missing: own.syns_missing,
            listen_overflows,
            one_interface: self.one_interface,
        });
    }
}

/// The packet of the reading at this place, if there is one.
fn packet_at(readings: &[DecodedFrame], place: u32) -> Option<&Packet> {
    let reading = readings.get(place as usize)?;
    reading.packet.as_ref().ok().map(|(packet, _)| packet)
}

/// What a set counts of an event.
fn set_event(
    event: &Event,
    packet: Option<&Packet>,
    reporter: Option<Reporter>,
) -> Option<SetEvent> {
    Some(match *event {
        Event::Opened(_) => SetEvent::Opened {
            attempts: 1,
            by_syn: matches!(packet, Some(Packet::Segment(_))),
        },
        Event::Syn(_, kind) => SetEvent::Syn(kind),
        Event::SynAck(_) => SetEvent::SynAck,
        Event::Rst(_, side) => SetEvent::Rst(side),
        Event::IcmpError(_, code, _) => SetEvent::IcmpError(code, reporter?),
        Event::Answered(_, answer) => SetEvent::Answered(answer),
        Event::Failed(_, reason) => SetEvent::Failed(reason),
        Event::Completed(_, latency) => SetEvent::Completed(latency),
        Event::Evicted(_) => SetEvent::Evicted(1),
        Event::Duplicate(_)
        | Event::Unacceptable(_)
        | Event::InvalidSyn
        | Event::Unmatched(_)
        | Event::ClockStep => {
            return None;
        }
    })
}

fn update(counts: &mut InterfaceCounts, condition: &InterfaceStatus) {
    counts.up = condition.up;
    counts.dropped_by_kernel = condition.dropped_by_kernel;
    counts.dropped_by_interface = condition.dropped_by_interface;
}

/// A consistent copy of all numbers at each scrape: it is taken in a moment, and written down without the lock.
pub(crate) fn exposition(aggregator: &SharedAggregator, own: bool) -> Exposition {
    let aggregator = Arc::clone(aggregator);
    Exposition::new(move || aggregator.lock().ledger.clone(), own)
}

/// What the program was told to count.
pub(super) fn about(counting: &CountingConfig) -> ConfigInfo {
    let ports: Vec<String> = counting.ports.iter().map(ToString::to_string).collect();
    ConfigInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ports: ports.join(","),
        filter: counting.filter.expression.clone().unwrap_or_default(),
        peer_prefix_v4: counting.peer_prefixes.0,
        peer_prefix_v6: counting.peer_prefixes.1,
        peer_groups: counting.peer_groups.clone(),
        max_attempts: counting.limits.max_attempts,
        acks: counting.filter.acks,
    }
}
