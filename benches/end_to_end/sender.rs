//! A raw sender: frames put on an interface as fast as the kernel takes them.

use std::io::IoSlice;
use std::os::fd::AsRawFd;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, MultiHeaders, SockFlag, SockType, bind, sendmmsg, socket,
};

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// SYNs, each from another source.
    Flood,
    /// Full segments of established connections, and one SYN in a thousand.
    Bulk,
}

impl Load {
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Flood, Self::Bulk]
            .into_iter()
            .find(|load| load.name() == name)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Flood => "flood",
            Self::Bulk => "bulk",
        }
    }
}

/// Sends for so long through this interface, at most so many a second. How many frames that were.
pub(crate) fn send(load: Load, interface: &str, time: Duration, a_second: u64) -> u64 {
    let sender = socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::empty(),
        None,
    )
    .expect("sending frames needs root");
    bind(sender.as_raw_fd(), &address_of(interface)).expect("the interface is there");
    let mut random = Random::new(0x5eed);
    let mut frames = vec![[0_u8; LONGEST]; AT_ONCE];
    let (mut sent, start) = (0_u64, Instant::now());
    let mut headers = MultiHeaders::<()>::preallocate(AT_ONCE, None);
    while start.elapsed() < time {
        if u128::from(sent) > u128::from(a_second) * start.elapsed().as_micros() / 1_000_000 {
            sleep(Duration::from_millis(1));
            continue;
        }
        let mut lengths = [0; AT_ONCE];
        for (nth, (bytes, length)) in frames.iter_mut().zip(&mut lengths).enumerate() {
            *length = fill(load, bytes, sent + nth as u64, &mut random);
        }
        let slices: Vec<_> = frames
            .iter()
            .zip(lengths)
            .map(|(bytes, length)| [IoSlice::new(bytes.get(..length).unwrap_or(bytes))])
            .collect();
        let results = sendmmsg(
            sender.as_raw_fd(),
            &mut headers,
            &slices,
            [None; AT_ONCE],
            [],
            MsgFlags::empty(),
        );
        sent += results.map_or(0, |results| results.count()) as u64;
    }
    sent
}

fn fill(load: Load, bytes: &mut [u8; LONGEST], number: u64, random: &mut Random) -> usize {
    let (from, to) = (
        (
            SPOOFED | random.next() >> 8,
            1024 + (random.next() >> 17) as u16,
        ),
        (FAR, 81),
    );
    let syn = load == Load::Flood || number.is_multiple_of(1000);
    let from = if load == Load::Flood {
        from
    } else {
        (NEAR, 40_000)
    };
    let flags = if syn { 0x02 } else { 0x10 };
    let head = frame(
        from,
        to,
        [random.next(), u32::from(!syn)],
        flags,
        random.next(),
    );
    for (place, byte) in bytes.iter_mut().zip(head) {
        *place = byte;
    }
    if load == Load::Flood {
        head.len()
    } else {
        LONGEST
    }
}

/// A segment in an Ethernet frame, with a timestamp option.
pub(crate) fn frame(
    from: (u32, u16),
    to: (u32, u16),
    [sequence, acknowledgment]: [u32; 2],
    flags: u8,
    timestamp: u32,
) -> [u8; 66] {
    let mut frame = [0_u8; 66];
    let mut put = |at: usize, bytes: &[u8]| {
        for (place, byte) in frame.iter_mut().skip(at).zip(bytes) {
            *place = *byte;
        }
    };
    put(
        0,
        &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 52],
    );
    put(18, &[(sequence >> 8).to_le_bytes()[0], 7, 0x40, 0, 64, 6]);
    put(26, &from.0.to_be_bytes());
    put(30, &to.0.to_be_bytes());
    put(34, &from.1.to_be_bytes());
    put(36, &to.1.to_be_bytes());
    put(38, &sequence.to_be_bytes());
    put(42, &acknowledgment.to_be_bytes());
    put(46, &[0x80, flags, 0xff, 0xff]);
    put(54, &[1, 1, 8, 10]);
    put(58, &timestamp.to_be_bytes());
    frame
}

/// xorshift64* (Vigna 2014): small, and the same everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        self.next() % bound
    }
}

fn address_of(interface: &str) -> LinkAddr {
    let mut known = nix::ifaddrs::getifaddrs().expect("the kernel lists interfaces");
    let link = known.find_map(|known| {
        (known.interface_name == interface)
            .then(|| known.address?.as_link_addr().copied())
            .flatten()
    });
    link.unwrap_or_else(|| panic!("no interface {interface}"))
}

/// 10.0.0.0/8, of which the sources are.
const SPOOFED: u32 = 0x0a00_0000;
/// 192.0.2.1 and 192.0.2.2, the two ends.
const NEAR: u32 = 0xc000_0201;
const FAR: u32 = 0xc000_0202;
const AT_ONCE: usize = 64;
const LONGEST: usize = 1514;
