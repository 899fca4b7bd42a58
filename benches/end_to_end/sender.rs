//! A raw sender: sends frames on an interface as fast as the kernel accepts them.

use std::io::IoSlice;
use std::os::fd::AsRawFd;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, MultiHeaders, SockFlag, SockType, bind, sendmmsg, socket,
};

/// 10.0.0.0/8, the network of spoofed sources.
const SPOOFED: u32 = 0x0a00_0000;
/// 192.0.2.1, the address of the sender.
const NEAR: u32 = 0xc000_0201;
/// 192.0.2.2, the address of the receiver.
const FAR: u32 = 0xc000_0202;
/// Number of frames per system call.
const FRAMES_PER_CALL: usize = 64;
/// Length of a full frame, in bytes.
const MAX_FRAME_LEN: usize = 1514;

/// The traffic to send.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// SYNs, each from a different source.
    Flood,
    /// Full segments of established connections, and one SYN per 1,000 packets.
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

/// Sends frames on an interface for `time`, at most `a_second` per second. Returns their number.
pub(crate) fn send(load: Load, interface: &str, time: Duration, a_second: u64) -> u64 {
    let sender = socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::empty(),
        None,
    )
    .expect("sending frames needs root");
    bind(sender.as_raw_fd(), &address_of(interface)).expect("the interface exists");
    let mut random = Random::new(0x5eed);
    let mut frames = vec![[0_u8; MAX_FRAME_LEN]; FRAMES_PER_CALL];
    let mut sent = 0_u64;
    let start = Instant::now();
    let mut headers = MultiHeaders::<()>::preallocate(FRAMES_PER_CALL, None);
    while start.elapsed() < time {
        if u128::from(sent) > u128::from(a_second) * start.elapsed().as_micros() / 1_000_000 {
            sleep(Duration::from_millis(1));
            continue;
        }
        let mut lengths = [0; FRAMES_PER_CALL];
        for (index, (bytes, length)) in frames.iter_mut().zip(&mut lengths).enumerate() {
            *length = fill(load, bytes, sent + index as u64, &mut random);
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
            [None; FRAMES_PER_CALL],
            [],
            MsgFlags::empty(),
        );
        sent += results.map_or(0, |results| results.count()) as u64;
    }
    sent
}

/// Writes frame `number` to `bytes`. Returns its length.
fn fill(load: Load, bytes: &mut [u8; MAX_FRAME_LEN], number: u64, random: &mut Random) -> usize {
    let spoofed = (
        SPOOFED | random.next() >> 8,
        1024 + (random.next() >> 17) as u16,
    );
    let to = (FAR, 81);
    let syn = load == Load::Flood || number.is_multiple_of(1000);
    let from = if load == Load::Flood {
        spoofed
    } else {
        (NEAR, 40_000)
    };
    let flags = if syn { 0x02 } else { 0x10 };
    let header = frame(
        from,
        to,
        [random.next(), u32::from(!syn)],
        flags,
        random.next(),
    );
    for (slot, byte) in bytes.iter_mut().zip(header) {
        *slot = byte;
    }
    if load == Load::Flood {
        header.len()
    } else {
        MAX_FRAME_LEN
    }
}

/// Returns an Ethernet frame of a TCP segment with a timestamps option.
pub(crate) fn frame(
    from: (u32, u16),
    to: (u32, u16),
    [sequence, acknowledgment]: [u32; 2],
    flags: u8,
    timestamp: u32,
) -> [u8; 66] {
    let mut frame = [0_u8; 66];
    let mut put = |at: usize, bytes: &[u8]| {
        for (slot, byte) in frame.iter_mut().skip(at).zip(bytes) {
            *slot = *byte;
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

/// The generator xorshift64* (Vigna 2014): small, and identical on every machine.
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
