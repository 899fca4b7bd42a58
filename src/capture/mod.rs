//! Captures: the only room that knows a device, a file, or a clock.

mod error;
mod file;
mod filter;
pub mod interfaces;
mod link;
mod live;
mod merge;

pub use error::CaptureError;
pub use file::{ByteCounter, Files};
pub use filter::Filter;
pub use live::{ANY, Live, LiveOptions, clock};

use crate::frame::Frame;
use crate::time::Timestamp;

/// Where frames come from: live interfaces, or capture files. Both hand over frames in the order of their time.
pub trait Source {
    /// Hands over some frames, waiting a moment for the first where none is there.
    ///
    /// # Errors
    ///
    /// The capture cannot go on: what was handed over before stands.
    fn read(&mut self, sink: &mut dyn FnMut(Frame<'_>)) -> Result<ReadOutcome, CaptureError>;

    /// How each interface or file is, in the order of their numbers.
    fn statuses(&mut self) -> Vec<InterfaceStatus>;
}

/// What a read came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadOutcome {
    /// There may be more at once.
    MayHaveMore,
    /// Nothing is waiting: all that was met up to then has been handed over.
    Idle(Timestamp),
    /// There is no more: the last file ended, with a packet of this time, whether that was handed over or not.
    EndOfFile(Timestamp),
}

/// How an interface or file is.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct InterfaceStatus {
    /// Its name.
    pub name: String,
    /// Whether packets are read from it.
    pub up: bool,
    /// Packets that the kernel dropped since the start, for want of room in the buffer.
    pub dropped_by_kernel: u64,
    /// Packets that the interface dropped since the start.
    pub dropped_by_interface: u64,
    /// Where a file broke, in words.
    pub broken: Option<String>,
}
