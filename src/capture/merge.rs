//! Merges the frames of several captures into timestamp order.
//!
//! Used by `live`, between the ring buffers of several interfaces and the sink.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::frame::{Frame, Interface};
use crate::time::Timestamp;

/// Maximum number of unused buffers kept for reuse.
const MAX_SPARE_BUFFERS: usize = 1024;

/// Holds copies of frames until no earlier frame can arrive.
#[derive(Default)]
pub(super) struct Merger {
    held: BinaryHeap<Reverse<HeldFrame>>,
    /// Buffers for reuse.
    spare: Vec<Vec<u8>>,
    arrived: u64,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct HeldFrame {
    at: Timestamp,
    /// Keeps frames with equal timestamps in arrival order.
    arrival: u64,
    interface: u16,
    wire_length: u32,
    bytes: Vec<u8>,
}

impl Merger {
    /// Stores a copy of the frame.
    pub(super) fn hold(&mut self, frame: &Frame<'_>) {
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(frame.bytes);
        self.arrived += 1;
        self.held.push(Reverse(HeldFrame {
            at: frame.at,
            arrival: self.arrived,
            interface: frame.interface.id,
            wire_length: frame.wire_length,
            bytes,
        }));
    }

    /// Returns the number of held frames.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Returns the timestamp of the earliest held frame and the index of its interface.
    pub(super) fn earliest(&self) -> Option<(Timestamp, u16)> {
        self.held
            .peek()
            .map(|Reverse(held)| (held.at, held.interface))
    }

    /// Emits the earliest held frame.
    pub(super) fn release(&mut self, interface: &Interface, sink: &mut dyn FnMut(Frame<'_>)) {
        if let Some(Reverse(held)) = self.held.pop() {
            sink(Frame {
                at: held.at,
                interface,
                wire_length: held.wire_length,
                bytes: &held.bytes,
            });
            if self.spare.len() < MAX_SPARE_BUFFERS {
                self.spare.push(held.bytes);
            }
        }
    }
}
