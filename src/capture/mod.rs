//! Packet capture from live interfaces and capture files.
//!
//! It produces [`Frame`]s for `decode`. Only this module opens a device or a capture file, and only
//! `live` reads the clock that packets are stamped by.

mod error;
mod file;
mod filter;
pub mod interfaces;
mod live;
mod merge;

pub use error::CaptureError;
pub use file::{ByteCounter, Files};
pub use filter::Filter;
pub use live::{ANY, Live, LiveOptions, now};

use crate::frame::Frame;
use crate::time::Timestamp;

/// A source of frames: live interfaces, or capture files. Both emit frames in timestamp order.
pub trait Source {
    /// Emits the available frames, up to a batch. Waits briefly for the first one if none is
    /// available.
    ///
    /// # Errors
    ///
    /// Returns an error if the capture cannot continue. Frames that were already emitted stay
    /// valid.
    fn read(&mut self, sink: &mut dyn FnMut(Frame<'_>)) -> Result<ReadOutcome, CaptureError>;

    /// Returns the status of each interface or file, ordered by its index.
    fn statuses(&mut self) -> Vec<InterfaceStatus>;
}

/// The outcome of a read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadOutcome {
    /// More frames may be available immediately.
    MayHaveMore,
    /// No frame is waiting. All frames captured up to this time have been emitted.
    Idle(Timestamp),
    /// The last file ended. The time is that of its last packet, emitted or filtered out.
    EndOfFile(Timestamp),
}

/// The status of an interface or a file.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct InterfaceStatus {
    /// Name of the interface or file.
    pub name: String,
    /// `true` if packets are read from it.
    pub up: bool,
    /// Packets dropped by the kernel since the start because the capture buffer was full.
    pub dropped_by_kernel: u64,
    /// Packets dropped by the interface since the start.
    pub dropped_by_interface: u64,
    /// Why a file could not be read to its end, and where it is damaged. `None` if there was no
    /// error.
    pub error: Option<String>,
}
