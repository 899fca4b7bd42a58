//! Capture files in bytes, valid and unusual ones.

/// Returns a pcap file with these frames, one a second.
pub(crate) fn pcap(link: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, link]);
    for (second, frame) in (1_700_000_000..).zip(frames) {
        file.extend(record(second, frame));
    }
    file
}

/// Returns a packet record of a pcap file.
pub(crate) fn record(second: u32, frame: &[u8]) -> Vec<u8> {
    let length = u32::try_from(frame.len()).unwrap();
    [words(&[second, 0, length, length]), frame.to_vec()].concat()
}

/// Returns a pcapng section header block.
pub(crate) fn section() -> Vec<u8> {
    block(0x0a0d_0d0a, &words(&[0x1a2b_3c4d, 1, u32::MAX, u32::MAX]))
}

/// Returns a pcapng interface description block with the options `if_tsresol` and `if_tsoffset` (seconds).
pub(crate) fn interface(link: u16, resolution: u8, offset: i64) -> Vec<u8> {
    let options = [
        &words(&[u32::from(link), 0])[..],
        &[9, 0, 1, 0, resolution, 0, 0, 0, 14, 0, 8, 0],
        &offset.to_le_bytes(),
        &[0; 4],
    ];
    block(1, &options.concat())
}

/// Returns a pcapng enhanced packet block.
pub(crate) fn packet(interface: u32, ticks: u64, frame: &[u8]) -> Vec<u8> {
    let length = u32::try_from(frame.len()).unwrap();
    let high = u32::try_from(ticks >> 32).unwrap();
    let low = u32::try_from(ticks & 0xffff_ffff).unwrap();
    block(
        6,
        &[
            words(&[interface, high, low, length, length]),
            frame.to_vec(),
        ]
        .concat(),
    )
}

/// Returns a padded pcapng block of any type.
pub(crate) fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let length = u32::try_from(padded + 12).unwrap();
    let mut block = [&words(&[kind, length])[..], body].concat();
    block.resize(8 + padded, 0);
    block.extend(length.to_le_bytes());
    block
}

/// Returns numbers in little-endian byte order.
pub(crate) fn words(numbers: &[u32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}
