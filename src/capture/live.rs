//! Live capture: opens interfaces, reads their ring buffers, and reopens interfaces that return.
//!
//! It emits frames in timestamp order, and is the only module that reads a clock for packets.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pcap::{Active, Capture, Precision};

use super::error::{CaptureError, pcap_message};
use super::filter::Filter;
use super::interfaces::{LINUX_SLL2, NetworkInterface, supported_link};
use super::merge::Merger;
use super::{InterfaceStatus, ReadOutcome, Source, interfaces};
use crate::frame::{Frame, Interface, Link};
use crate::time::Timestamp;

/// The pseudo-device of libpcap that captures on every interface.
pub const ANY: &str = "any";
const NANOS_PER_MICRO: i64 = 1_000;
/// Captured bytes per frame.
///
/// Enough for the link header, tags, IPv6 with an extension header or IPv4 with options, and TCP
/// with options. Enough for the quote in an ICMP error, too.
const SNAPLEN: i32 = 160;
/// Milliseconds after which the kernel delivers a ring block that is not full.
const BLOCK_TIMEOUT_MS: i32 = 50;
/// Maximum milliseconds that a read waits for packets. It bounds the delay of a shutdown too.
const POLL_TIMEOUT_MS: u8 = 250;
/// Maximum time that frames are held for merging, and lag of the time reported while idle.
const REORDER_DELAY: Duration = Duration::from_millis(250);
/// Interval between attempts to reopen an interface.
const REOPEN_INTERVAL: Duration = Duration::from_secs(1);
/// Interval between checks of whether interfaces are up.
const LINK_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Maximum number of frames per read. A batch of this size delays a scrape only briefly.
const READ_BATCH: usize = 2048;
/// Maximum number of frames held for merging.
const MAX_HELD: usize = 65_536;

/// A capture on one or more interfaces.
pub struct Live {
    captures: Vec<InterfaceCapture>,
    settings: CaptureSettings,
    merger: Merger,
    /// `true` if the last read emptied every ring buffer; the next read then waits for packets.
    drained: bool,
    /// Monotonic time of the next check of the links.
    next_link_poll: Instant,
}

/// Options of a live capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LiveOptions {
    /// Size of the ring buffer of each interface, in bytes.
    pub buffer_size: i32,
    /// The packet filter.
    pub filter: Filter,
}

/// The options of a capture, and the timestamp precision.
///
/// For nanoseconds, libpcap makes the kernel stamp every packet that arrives at the host
/// (`SO_TIMESTAMPNS`). This costs more per packet of bulk traffic than the filter does. For
/// microseconds, only packets that pass the filter are stamped.
///
/// A single ring buffer preserves the packet order, so microseconds suffice. Several ring buffers
/// are merged by timestamp and need nanoseconds, because this host forwards a packet within a few
/// microseconds.
struct CaptureSettings {
    options: LiveOptions,
    precision: Precision,
}

impl CaptureSettings {
    fn new(options: LiveOptions, rings: usize) -> Self {
        Self {
            options,
            precision: if rings > 1 {
                Precision::Nano
            } else {
                Precision::Micro
            },
        }
    }
}

/// The capture on one interface.
struct InterfaceCapture {
    name: String,
    interface: Interface,
    /// `None` while the interface is detached.
    capture: Option<Capture<Active>>,
    link_up: bool,
    /// Interface index of the kernel. It does not change if the interface is renamed.
    index: Option<u32>,
    /// The last error of reopening the interface that was logged.
    last_error: Option<CaptureError>,
    /// Monotonic time of the next attempt to reopen the interface.
    reopen_at: Instant,
    drops: DropCounters,
    /// Frames up to this time were read. Later reads return later frames.
    read_up_to: Timestamp,
}

/// 64-bit drop counters of an interface.
///
/// They continue when the 32-bit counters of libpcap wrap, or restart with a new capture.
#[derive(Default)]
struct DropCounters {
    by_kernel: u64,
    by_interface: u64,
    last: (u32, u32),
}

impl Live {
    /// Opens all interfaces. `any` covers all present and future interfaces.
    ///
    /// # Errors
    ///
    /// Returns an error if the privilege is missing, an interface does not exist or is down, or the
    /// filter is invalid.
    pub fn open(names: &[String], options: LiveOptions) -> Result<Self, CaptureError> {
        let settings = CaptureSettings::new(options, names.len());
        let captures = (0u16..)
            .zip(names)
            .map(|(id, name)| InterfaceCapture::open(name, id, &settings))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            captures,
            settings,
            merger: Merger::default(),
            drained: false,
            next_link_poll: Instant::now(),
        })
    }

    /// Reads at most one batch from each ring buffer. Returns `true` if all were empty.
    fn drain(&mut self, sink: &mut dyn FnMut(Frame<'_>)) -> Result<bool, CaptureError> {
        let now = now();
        if let [only] = self.captures.as_mut_slice() {
            return Ok(only.read(now, &self.settings, sink)? == 0);
        }
        let mut empty = true;
        for capture in &mut self.captures {
            let merger = &mut self.merger;
            empty &= capture.read(now, &self.settings, &mut |frame| merger.hold(&frame))? == 0;
        }
        self.release(now.before(REORDER_DELAY), sink);
        Ok(empty)
    }

    /// Emits held frames, in timestamp order, while one of three conditions holds.
    ///
    /// No ring buffer can contain an earlier frame; the frame is older than `settled`; or more than
    /// [`MAX_HELD`] frames are held.
    fn release(&mut self, settled: Timestamp, sink: &mut dyn FnMut(Frame<'_>)) {
        let read = self
            .captures
            .iter()
            .map(|capture| capture.read_up_to)
            .min()
            .unwrap_or(settled);
        while let Some((at, id)) = self.merger.earliest() {
            let due = at <= read.max(settled) || self.merger.len() > MAX_HELD;
            match self.captures.get(usize::from(id)) {
                Some(capture) if due => self.merger.release(&capture.interface, sink),
                _ => break,
            }
        }
    }

    /// Updates the link state of each interface, at most once per [`LINK_POLL_INTERVAL`].
    ///
    /// libpcap reports no error if an interface is taken down, and resumes when it is set up again.
    fn poll_links(&mut self) {
        let now = Instant::now();
        if now < self.next_link_poll {
            return;
        }
        self.next_link_poll = now + LINK_POLL_INTERVAL;
        if let Ok(known) = interfaces::list() {
            for capture in &mut self.captures {
                capture.update_link(&known);
            }
        }
    }

    fn wait(&self) -> Result<(), CaptureError> {
        let mut fds: Vec<PollFd<'_>> = self
            .captures
            .iter()
            .filter_map(InterfaceCapture::poll_fd)
            .collect();
        match poll(&mut fds, PollTimeout::from(POLL_TIMEOUT_MS)) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(error) => Err(CaptureError::Wait(error.to_string())),
        }
    }
}

impl Source for Live {
    fn read(&mut self, sink: &mut dyn FnMut(Frame<'_>)) -> Result<ReadOutcome, CaptureError> {
        if self.drained {
            self.wait()?;
        }
        self.drained = self.drain(sink)?;
        // A ring block that the kernel has not delivered yet may hold packets slightly older than
        // now.
        Ok(if self.drained {
            ReadOutcome::Idle(now().before(REORDER_DELAY))
        } else {
            ReadOutcome::MayHaveMore
        })
    }

    fn statuses(&mut self) -> Vec<InterfaceStatus> {
        self.poll_links();
        self.captures
            .iter_mut()
            .map(InterfaceCapture::status)
            .collect()
    }
}

impl InterfaceCapture {
    fn open(name: &str, id: u16, settings: &CaptureSettings) -> Result<Self, CaptureError> {
        let (capture, interface) = open_capture(name, id, settings)?;
        Ok(Self {
            name: name.to_owned(),
            interface,
            capture: Some(capture),
            link_up: true,
            index: interfaces::index_of(name),
            last_error: None,
            reopen_at: Instant::now(),
            drops: DropCounters::default(),
            read_up_to: Timestamp::default(),
        })
    }

    /// Reads a batch and returns the number of frames.
    ///
    /// If the interface is detached, tries to reopen it once per [`REOPEN_INTERVAL`].
    fn read(
        &mut self,
        now: Timestamp,
        settings: &CaptureSettings,
        sink: &mut dyn FnMut(Frame<'_>),
    ) -> Result<usize, CaptureError> {
        let Some(capture) = &mut self.capture else {
            self.read_up_to = now.before(REORDER_DELAY);
            return if Instant::now() >= self.reopen_at {
                self.reopen(settings).map(|()| 0)
            } else {
                Ok(0)
            };
        };
        let interface = &self.interface;
        let mut last = None;
        let read = capture.dispatch(Some(READ_BATCH), |packet| {
            let frame = frame_of(&packet, interface, settings.precision);
            last = Some(frame.at);
            sink(frame);
        });
        self.read_up_to = last.unwrap_or_else(|| self.read_up_to.max(now.before(REORDER_DELAY)));
        match read {
            Ok(count) => Ok(count),
            Err(error) => {
                self.detach(&pcap_message(&error));
                Ok(0)
            }
        }
    }

    /// Closes the capture and schedules an attempt to reopen it.
    fn detach(&mut self, reason: &str) {
        tracing::warn!(interface = self.name, reason, "capture stopped, retrying");
        self.capture = None;
        self.reopen_at = Instant::now() + REOPEN_INTERVAL;
        self.drops.last = (0, 0);
    }

    fn update_link(&mut self, known: &BTreeMap<String, NetworkInterface>) {
        if self.name != ANY {
            let interface = known.get(&self.name);
            self.link_up = interface.is_some_and(|interface| interface.up);
            self.check_interface_index();
        }
    }

    /// Detaches the capture if its interface was renamed: another one may get the configured name.
    ///
    /// libpcap itself continues to capture on the renamed interface.
    fn check_interface_index(&mut self) {
        if self.capture.is_some() && interfaces::index_of(&self.name) != self.index {
            self.detach("the interface was renamed or replaced");
        }
    }

    /// Tries to reopen the interface.
    ///
    /// Returns an error only if a further attempt cannot succeed.
    fn reopen(&mut self, settings: &CaptureSettings) -> Result<(), CaptureError> {
        self.reopen_at = Instant::now() + REOPEN_INTERVAL;
        match open_capture(&self.name, self.interface.id, settings) {
            Ok((capture, interface)) => {
                tracing::info!(interface = self.name, "capture resumed");
                self.capture = Some(capture);
                self.interface = interface;
                self.index = interfaces::index_of(&self.name);
                self.last_error = None;
                Ok(())
            }
            Err(CaptureError::NoSuchInterface { .. } | CaptureError::Down { .. }) => Ok(()),
            // The cause may be temporary: no memory, or no file descriptor.
            Err(error @ (CaptureError::Interface { .. } | CaptureError::Interfaces(_))) => {
                if self.last_error.as_ref() != Some(&error) {
                    let interface = &self.name;
                    tracing::warn!(interface, %error, "cannot reopen the interface, retrying");
                    self.last_error = Some(error);
                }
                Ok(())
            }
            Err(permanent) => Err(permanent),
        }
    }

    fn status(&mut self) -> InterfaceStatus {
        if let Some(stats) = self
            .capture
            .as_mut()
            .and_then(|capture| capture.stats().ok())
        {
            self.drops.add(stats.dropped, stats.if_dropped);
        }
        InterfaceStatus {
            name: self.name.clone(),
            up: self.capture.is_some() && self.link_up,
            dropped_by_kernel: self.drops.by_kernel,
            dropped_by_interface: self.drops.by_interface,
            error: None,
        }
    }

    #[allow(
        unsafe_code,
        reason = "the descriptor belongs to the capture, which outlives the borrow"
    )]
    fn poll_fd(&self) -> Option<PollFd<'_>> {
        let fd = self.capture.as_ref()?.as_raw_fd();
        // SAFETY: libpcap keeps the descriptor open while the capture exists, and `self` is
        // borrowed.
        Some(PollFd::new(
            unsafe { BorrowedFd::borrow_raw(fd) },
            PollFlags::POLLIN,
        ))
    }
}

impl DropCounters {
    fn add(&mut self, by_kernel: u32, by_interface: u32) {
        self.by_kernel += u64::from(by_kernel.wrapping_sub(self.last.0));
        self.by_interface += u64::from(by_interface.wrapping_sub(self.last.1));
        self.last = (by_kernel, by_interface);
    }
}

/// Opens a capture with a kernel ring buffer that delivers frames in blocks and truncates them to
/// headers.
///
/// Blocks need TPACKET_V3: no immediate mode, and a timeout that retires blocks that are not full.
fn open_capture(
    name: &str,
    id: u16,
    settings: &CaptureSettings,
) -> Result<(Capture<Active>, Interface), CaptureError> {
    let known = interfaces::list()?;
    if name != ANY && !known.contains_key(name) {
        let known = known.into_keys().collect();
        return Err(CaptureError::NoSuchInterface {
            interface: name.to_owned(),
            known,
        });
    }
    let classified = |error: pcap::Error| CaptureError::of_interface(name, &error);
    let mut capture = Capture::from_device(name)
        .map_err(classified)?
        .promisc(name != ANY)
        .snaplen(SNAPLEN)
        .timeout(BLOCK_TIMEOUT_MS)
        .buffer_size(settings.options.buffer_size)
        .precision(settings.precision)
        .open()
        .and_then(Capture::setnonblock)
        .map_err(classified)?;
    // Only version 2 of the cooked header identifies interfaces. Older versions of libpcap have
    // version 1 only.
    if name == ANY && capture.set_datalink(LINUX_SLL2).is_err() {
        tracing::warn!(
            "libpcap lacks Linux cooked v2: duplicates on bridges are detected by direction alone"
        );
    }
    let link = supported_link(capture.get_datalink(), name)?;
    settings.options.filter.install(&mut capture, link)?;
    let own = known
        .get(name)
        .and_then(|interface| interface.hardware_address);
    let hardware_address = own.filter(|_| link == Link::Ethernet);
    Ok((
        capture,
        Interface {
            id,
            number: id.into(),
            link,
            hardware_address,
        },
    ))
}

/// Converts a packet of libpcap. Its microseconds field holds nanoseconds if these were requested.
fn frame_of<'a>(
    packet: &pcap::Packet<'a>,
    interface: &'a Interface,
    precision: Precision,
) -> Frame<'a> {
    let time = packet.header.ts;
    let unit = if precision == Precision::Nano {
        1
    } else {
        NANOS_PER_MICRO
    };
    Frame {
        at: Timestamp::from_parts(time.tv_sec, time.tv_usec.saturating_mul(unit)),
        interface,
        wire_length: packet.header.len,
        bytes: packet.data,
    }
}

/// Returns the current time of day, for events that are not packets.
pub fn now() -> Timestamp {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(Timestamp::default(), |since| Timestamp::default() + since)
}
