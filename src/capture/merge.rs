//! Frames of several captures brought into the order of their time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::frame::{Frame, Interface};
use crate::time::Timestamp;

/// Holds copies of frames until no earlier one can come.
#[derive(Default)]
pub(super) struct Merger {
    held: BinaryHeap<Reverse<Held>>,
    /// Buffers to use again.
    spare: Vec<Vec<u8>>,
    arrived: u64,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    at: Timestamp,
    /// Frames of the same instant keep the order in which they came.
    arrival: u64,
    interface: u16,
    wire_length: u32,
    bytes: Vec<u8>,
}

impl Merger {
    /// Keeps a copy.
    pub(super) fn hold(&mut self, frame: &Frame<'_>) {
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(frame.bytes);
        self.arrived += 1;
        self.held.push(Reverse(Held {
            at: frame.at,
            arrival: self.arrived,
            interface: frame.interface.id,
            wire_length: frame.wire_length,
            bytes,
        }));
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// The time of the earliest frame and the interface it was met on.
    pub(super) fn earliest(&self) -> Option<(Timestamp, u16)> {
        self.held
            .peek()
            .map(|Reverse(held)| (held.at, held.interface))
    }

    /// Hands the earliest frame over.
    pub(super) fn release(&mut self, interface: &Interface, sink: &mut dyn FnMut(Frame<'_>)) {
        if let Some(Reverse(held)) = self.held.pop() {
            sink(Frame {
                at: held.at,
                interface,
                wire_length: held.wire_length,
                bytes: &held.bytes,
            });
            if self.spare.len() < MAX_SPARE {
                self.spare.push(held.bytes);
            }
        }
    }
}

const MAX_SPARE: usize = 1024;
