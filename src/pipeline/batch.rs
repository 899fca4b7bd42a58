//! What the pipeline hands to the aggregator: records, and control messages beside them.

use std::sync::mpsc::SyncSender;

use crate::capture::InterfaceStatus;
use crate::decode::Undecodable;
use crate::metrics::ConfigInfo;
use crate::record::RecordBatch;
use crate::time::Timestamp;

/// The results of some frames. Control messages are applied after the records.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) records: RecordBatch,
    pub(super) captured: Vec<PacketsCaptured>,
    pub(super) control: Vec<ControlMessage>,
}

/// Anything that is not a fact about a packet.
pub(super) enum ControlMessage {
    /// A frame could not be decoded.
    Undecodable(Undecodable),
    /// No packet arrived up to this time.
    TimeAdvanced(Timestamp),
    /// How full the tables are.
    TableSizes(TableSizes),
    /// The addresses of this host, with their interfaces, for `local_address_info`.
    LocalAddresses(Vec<(String, String)>),
    /// The state of each interface or file, and the host's accept queue overflows if they are
    /// known.
    InterfaceStats(Vec<InterfaceStatus>, Option<u64>),
    /// The configuration changed. The sender is notified once the change is applied.
    ConfigChanged(Box<ConfigInfo>, SyncSender<()>),
}

/// Packets of one interface.
#[derive(Clone, Copy)]
pub(super) struct PacketsCaptured {
    pub(super) interface: u16,
    pub(super) packets: u32,
    /// The time of the last of them.
    pub(super) last: Timestamp,
}

/// How full the tables are.
#[derive(Clone, Copy)]
pub(super) struct TableSizes {
    pub(super) pending: usize,
    pub(super) tracked: usize,
    pub(super) label_sets: usize,
    pub(super) label_sets_limit: usize,
}

impl Batch {
    pub(super) const fn is_empty(&self) -> bool {
        self.records.is_empty() && self.captured.is_empty() && self.control.is_empty()
    }

    /// Counts packets of an interface, the last of which was captured at `last`.
    pub(super) fn count_captured(&mut self, interface: u16, packets: u32, last: Timestamp) {
        let known = self
            .captured
            .iter_mut()
            .find(|captured| captured.interface == interface);
        match known {
            Some(captured) => {
                captured.packets = captured.packets.saturating_add(packets);
                captured.last = last;
            }
            None => self.captured.push(PacketsCaptured {
                interface,
                packets,
                last,
            }),
        }
    }

    /// Removes everything, keeps the memory, and notifies the senders of configuration changes.
    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.captured.clear();
        for message in self.control.drain(..) {
            if let ControlMessage::ConfigChanged(_, applied) = message {
                // The sender may have stopped waiting.
                let _ignored = applied.send(());
            }
        }
    }
}
