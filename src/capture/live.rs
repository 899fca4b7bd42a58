//! Live interfaces: opened, drained, and opened again when they come back. The only place where a clock is read.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pcap::{Active, Capture, Precision};

use super::error::{CaptureError, words};
use super::filter::Filter;
use super::link::{LINUX_SLL2, understood};
use super::merge::Merger;
use super::{InterfaceStatus, ReadOutcome, Source, interfaces};
use crate::frame::{Frame, Interface, Link};
use crate::time::Timestamp;

/// One or more interfaces, captured at once.
pub struct Live {
    taps: Vec<Tap>,
    plan: Plan,
    merger: Merger,
    /// Whether the last read left nothing behind, so that it is worth waiting.
    drained: bool,
    /// By the clock that nobody sets.
    next_look: Instant,
}

/// How to capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LiveOptions {
    /// Size of each interface's ring, in bytes.
    pub buffer_size: i32,
    /// What passes.
    pub filter: Filter,
}

/// The options, and how finely packets are stamped.
///
/// For nanoseconds libpcap asks the kernel to stamp whatever arrives at the host (`SO_TIMESTAMPNS`), which costs each packet of bulk
/// traffic more than the filter does; for microseconds only what passes the filter is stamped. One ring keeps the order by itself.
/// Several are brought into the order of their stamps, and what this host forwards leaves it in a few microseconds.
struct Plan {
    options: LiveOptions,
    precision: Precision,
}

impl Plan {
    fn of(options: LiveOptions, rings: usize) -> Self {
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

struct Tap {
    name: String,
    interface: Interface,
    capture: Option<Capture<Active>>,
    link_up: bool,
    /// The kernel's number of it, which goes with it where it is renamed.
    index: Option<u32>,
    /// Why it could not be opened again, as far as it was said.
    complaint: Option<CaptureError>,
    /// By the clock that nobody sets.
    reopen_at: Instant,
    drops: Drops,
    /// Frames up to then were read: later reads give later ones.
    read_up_to: Timestamp,
}

/// Drop counts that go on where libpcap's 32-bit ones wrap, or start anew with a new capture.
#[derive(Default)]
struct Drops {
    by_kernel: u64,
    by_interface: u64,
    last: (u32, u32),
}

impl Live {
    /// Opens all of them; `any` is every interface there is or will be.
    ///
    /// # Errors
    ///
    /// No privilege, no such interface, an interface that is down, a filter that is none.
    pub fn open(names: &[String], options: LiveOptions) -> Result<Self, CaptureError> {
        let (ids, plan) = (0u16.., Plan::of(options, names.len()));
        let taps = ids
            .zip(names)
            .map(|(id, name)| Tap::open(name, id, &plan))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            taps,
            plan,
            merger: Merger::default(),
            drained: false,
            next_look: Instant::now(),
        })
    }

    /// Reads what each ring holds, some of it where it holds much. Says whether all of them were empty.
    fn drain(&mut self, sink: &mut dyn FnMut(Frame<'_>)) -> Result<bool, CaptureError> {
        let now = now();
        if let [only] = self.taps.as_mut_slice() {
            return Ok(only.read(now, &self.plan, sink)? == 0);
        }
        let mut empty = true;
        for tap in &mut self.taps {
            let merger = &mut self.merger;
            empty &= tap.read(now, &self.plan, &mut |frame| merger.hold(&frame))? == 0;
        }
        self.release(now.before(HOLD), sink);
        Ok(empty)
    }

    /// Hands over what no ring can have anything earlier for, what was held for long enough, and what is too much.
    fn release(&mut self, settled: Timestamp, sink: &mut dyn FnMut(Frame<'_>)) {
        let read = self
            .taps
            .iter()
            .map(|tap| tap.read_up_to)
            .min()
            .unwrap_or(settled);
        while let Some((at, id)) = self.merger.earliest() {
            let due = at <= read.max(settled) || self.merger.len() > MAX_HELD;
            match self.taps.get(usize::from(id)) {
                Some(tap) if due => self.merger.release(&tap.interface, sink),
                _ => break,
            }
        }
    }

    /// A capture on an interface that is taken down goes on without a word, and wakes up with it.
    fn look_at_links(&mut self) {
        let now = Instant::now();
        if now < self.next_look {
            return;
        }
        self.next_look = now + LOOK;
        if let Ok(known) = interfaces::list() {
            for tap in self.taps.iter_mut().filter(|tap| tap.name != ANY) {
                tap.link_up = known.get(&tap.name).is_some_and(|interface| interface.up);
                tap.follow_name();
            }
        }
    }

    fn wait(&self) -> Result<(), CaptureError> {
        let mut fds: Vec<PollFd<'_>> = self.taps.iter().filter_map(Tap::poll_fd).collect();
        match poll(&mut fds, PollTimeout::from(WAIT)) {
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
        // A block that the kernel has not handed over yet may hold packets a little older than now.
        Ok(if self.drained {
            ReadOutcome::Idle(now().before(HOLD))
        } else {
            ReadOutcome::MayHaveMore
        })
    }

    fn statuses(&mut self) -> Vec<InterfaceStatus> {
        self.look_at_links();
        self.taps.iter_mut().map(Tap::condition).collect()
    }
}

impl Tap {
    fn open(name: &str, id: u16, plan: &Plan) -> Result<Self, CaptureError> {
        let (capture, interface) = open_capture(name, id, plan)?;
        Ok(Self {
            name: name.to_owned(),
            interface,
            capture: Some(capture),
            link_up: true,
            index: index_of(name),
            complaint: None,
            reopen_at: Instant::now(),
            drops: Drops::default(),
            read_up_to: Timestamp::default(),
        })
    }

    /// Reads a batch. An interface that is gone, or down, is tried again every second.
    fn read(
        &mut self,
        now: Timestamp,
        plan: &Plan,
        sink: &mut dyn FnMut(Frame<'_>),
    ) -> Result<usize, CaptureError> {
        let Some(capture) = &mut self.capture else {
            self.read_up_to = now.before(HOLD);
            return if Instant::now() >= self.reopen_at {
                self.reopen(plan).map(|()| 0)
            } else {
                Ok(0)
            };
        };
        let (interface, mut last) = (&self.interface, None);
        let read = capture.dispatch(Some(BATCH), |packet| {
            let frame = frame_of(&packet, interface, plan.precision);
            last = Some(frame.at);
            sink(frame);
        });
        self.read_up_to = last.unwrap_or_else(|| self.read_up_to.max(now.before(HOLD)));
        match read {
            Ok(count) => Ok(count),
            Err(error) => {
                self.lose(&words(&error));
                Ok(0)
            }
        }
    }

    fn lose(&mut self, reason: &str) {
        tracing::warn!(
            interface = self.name,
            reason,
            "capture stopped, trying again"
        );
        self.capture = None;
        self.reopen_at = Instant::now() + REOPEN;
        self.drops.last = (0, 0);
    }

    /// A capture goes on where its interface is renamed, but it is a name that was asked for: another interface may come
    /// to have it.
    fn follow_name(&mut self) {
        if self.capture.is_some() && index_of(&self.name) != self.index {
            self.lose("another interface has the name, or none");
        }
    }

    fn reopen(&mut self, plan: &Plan) -> Result<(), CaptureError> {
        self.reopen_at = Instant::now() + REOPEN;
        match open_capture(&self.name, self.interface.id, plan) {
            Ok((capture, interface)) => {
                tracing::info!(interface = self.name, "capture goes on");
                self.capture = Some(capture);
                self.interface = interface;
                self.index = index_of(&self.name);
                self.complaint = None;
                Ok(())
            }
            Err(CaptureError::NoSuchInterface { .. } | CaptureError::Down { .. }) => Ok(()),
            // It may be want of memory or of descriptors, which passes.
            Err(error @ (CaptureError::Interface { .. } | CaptureError::Interfaces(_))) => {
                if self.complaint.as_ref() != Some(&error) {
                    tracing::warn!(interface = self.name, %error, "trying again");
                    self.complaint = Some(error);
                }
                Ok(())
            }
            Err(for_good) => Err(for_good),
        }
    }

    fn condition(&mut self) -> InterfaceStatus {
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
            broken: None,
        }
    }

    #[allow(
        unsafe_code,
        reason = "the descriptor belongs to the capture, which outlives the borrow"
    )]
    fn poll_fd(&self) -> Option<PollFd<'_>> {
        let fd = self.capture.as_ref()?.as_raw_fd();
        // SAFETY: libpcap keeps the descriptor open for as long as the capture lives, and `self` is borrowed.
        Some(PollFd::new(
            unsafe { BorrowedFd::borrow_raw(fd) },
            PollFlags::POLLIN,
        ))
    }
}

impl Drops {
    fn add(&mut self, by_kernel: u32, by_interface: u32) {
        self.by_kernel += u64::from(by_kernel.wrapping_sub(self.last.0));
        self.by_interface += u64::from(by_interface.wrapping_sub(self.last.1));
        self.last = (by_kernel, by_interface);
    }
}

/// A ring that the kernel hands over in blocks (TPACKET_V3: no immediate mode, and a timeout that retires blocks that
/// are not full), and of each frame as much as headers need.
fn open_capture(
    name: &str,
    id: u16,
    plan: &Plan,
) -> Result<(Capture<Active>, Interface), CaptureError> {
    let known = interfaces::list()?;
    if name != ANY && !known.contains_key(name) {
        let known = known.into_keys().collect();
        return Err(CaptureError::NoSuchInterface {
            interface: name.to_owned(),
            known,
        });
    }
    let explained = |error: pcap::Error| explain(name, &words(&error));
    let mut capture = Capture::from_device(name)
        .map_err(explained)?
        .promisc(name != ANY)
        .snaplen(SNAPLEN)
        .timeout(BLOCK_TIMEOUT)
        .buffer_size(plan.options.buffer_size)
        .precision(plan.precision)
        .open()
        .and_then(Capture::setnonblock)
        .map_err(explained)?;
    // Only the second version of the cooked header tells interfaces apart; older libpcaps have the first one alone.
    if name == ANY && capture.set_datalink(LINUX_SLL2).is_err() {
        tracing::warn!(
            "libpcap does not tell interfaces apart: copies on bridges are known by direction alone"
        );
    }
    let link = understood(capture.get_datalink(), name)?;
    plan.options.filter.install(&mut capture, link)?;
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

/// None where nothing has that name. `any` is no interface.
fn index_of(name: &str) -> Option<u32> {
    nix::net::if_::if_nametoindex(name).ok()
}

/// The microseconds field holds nanoseconds where these were asked for.
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

fn explain(name: &str, reason: &str) -> CaptureError {
    let interface = name.to_owned();
    let says = |words: &str| reason.to_lowercase().contains(words);
    if says("permission") || says("not permitted") {
        let binary = std::env::current_exe()
            .map_or_else(|_| "<binary>".to_owned(), |path| path.display().to_string());
        CaptureError::NotPermitted { interface, binary }
    } else if says("is not up") || says("network is down") {
        CaptureError::Down { interface }
    } else if says("no such device") {
        CaptureError::NoSuchInterface {
            interface,
            known: Vec::new(),
        }
    } else {
        CaptureError::Interface {
            interface,
            reason: reason.to_owned(),
        }
    }
}

/// The time of day, for what is no packet.
pub fn clock() -> Timestamp {
    now()
}

fn now() -> Timestamp {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(Timestamp::default(), |since| Timestamp::default() + since)
}

/// The name that stands for every interface.
pub const ANY: &str = "any";
const NANOS_PER_MICRO: i64 = 1_000;
/// Long enough for link header, tags, IPv6 with an extension header or IPv4 with options, and TCP with options; and
/// for the quote in an ICMP error.
const SNAPLEN: i32 = 160;
/// Milliseconds after which the kernel hands over a block that is not full.
const BLOCK_TIMEOUT: i32 = 50;
/// Milliseconds that a read waits for packets; also how soon a stop is noticed.
const WAIT: u8 = 250;
/// How far behind the clock "nothing arrived" is said.
const HOLD: Duration = Duration::from_millis(250);
const REOPEN: Duration = Duration::from_secs(1);
/// How often it is looked whether interfaces are up.
const LOOK: Duration = Duration::from_secs(1);
/// How many frames are handed over in one go: few enough that a scrape never waits long.
const BATCH: usize = 2048;
const MAX_HELD: usize = 65_536;
