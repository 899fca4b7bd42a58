//! The program and the oracle agree on random traffic.

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError};

use crate::oracle::{self, Acks, ELSEWHERE, Fact, IN_TRANSIT};
use crate::packet_builder::{Format, Link, Packet, capture};
use crate::random;

/// Bytes of the pcap file header.
const FILE_HEADER: usize = 24;

/// Bytes of a pcap record header.
const FRAME_HEADER: usize = 16;

/// Length of the file with its first packet. A file without a packet gives nothing to compare.
const FIRST_PACKET_END: usize = 200;

proptest! {
    // `fewest` reduces a failing case much faster than proptest shrinks it.
    #![proptest_config(Config { cases: 16, max_shrink_iters: 0, failure_persistence: None, ..Config::default() })]

    #[test]
    fn random_conversations_agree(conversations in random::conversations()) {
        agrees_on(random::packets(&conversations), "random-conversations.pcap")?;
    }

    #[test]
    fn random_packets_agree(packets in random::any_packets()) {
        agrees_on(packets, "random-packets.pcap")?;
    }
}

proptest! {
    #![proptest_config(Config { cases: 8, max_shrink_iters: 0, failure_persistence: None, ..Config::default() })]

    #[test]
    fn damaged_capture_agrees(
        damages in prop::collection::vec((0..300_usize, 24..120_usize, any::<u8>()), 1..200),
        end in any::<prop::sample::Index>(),
    ) {
        if oracle::tshark::is_installed() {
            let whole = std::fs::read("tests/captures/demo.pcap")?;
            let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("damaged.pcap");
            std::fs::write(&file, &damaged(whole, &damages)[..FIRST_PACKET_END + end.index(20_000)])?;
            let differences = differences_of(&file, &oracle::facts(&file));
            prop_assert!(differences.is_empty(), "on {}:\n{}", file.display(), differences.join("\n"));
        }
    }
}

/// Changes bytes of the frames of a pcap file, given as frame, offset and value. The offsets begin in the middle of the IP
/// header, because packets that no host would accept (a length shorter than its header) are not compared.
fn damaged(mut file: Vec<u8>, damages: &[(usize, usize, u8)]) -> Vec<u8> {
    let mut start = FILE_HEADER + FRAME_HEADER;
    for frame in 0.. {
        let Some(length) = file.get(start - 8..start - 4) else {
            return file;
        };
        let length = u32::from_le_bytes(length.try_into().unwrap()) as usize;
        for (_, offset, value) in damages
            .iter()
            .filter(|(of, offset, _)| *of == frame && *offset < length)
        {
            file[start + offset] = *value;
        }
        start += length + FRAME_HEADER;
    }
    file
}

/// Compares program and oracle on these packets. If they differ, the smallest differing capture is kept in a file.
fn agrees_on(packets: Vec<Packet>, name: &str) -> Result<(), TestCaseError> {
    if !oracle::tshark::is_installed() {
        return Ok(());
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    write(&file, &packets);
    let facts = oracle::facts(&file);
    let read: Vec<(Packet, Fact)> = packets.into_iter().zip(facts).collect();
    let on_all = differences(&file, &read);
    if on_all.is_empty() {
        return Ok(());
    }
    std::fs::copy(&file, file.with_extension("all.pcap"))?;
    let least = fewest(read, |read| !differences(&file, read).is_empty());
    let on_least = differences(&file, &least);
    Err(TestCaseError::fail(format!(
        "on all packets:\n{}\non the fewest packets, {}:\n{}",
        on_all.join("\n"),
        file.display(),
        on_least.join("\n")
    )))
}

fn write(file: &Path, packets: &[Packet]) {
    std::fs::write(file, capture(packets, Link::Sll2, Format::PLAIN, 128)).unwrap();
}

/// Returns the differences on these packets, with the facts that the oracle has read before.
fn differences(file: &Path, read: &[(Packet, Fact)]) -> Vec<String> {
    let (packets, facts): (Vec<Packet>, Vec<Fact>) = read.iter().cloned().unzip();
    write(file, &packets);
    differences_of(file, &facts)
}

fn differences_of(file: &Path, facts: &[Fact]) -> Vec<String> {
    oracle::agree(file, facts, (&[ELSEWHERE], IN_TRANSIT), Acks::Counted).differences
}

/// Removes elements while the rest still fails, first in large pieces, then one by one.
fn fewest<T: Clone>(mut all: Vec<T>, fails: impl Fn(&[T]) -> bool) -> Vec<T> {
    let mut piece = all.len().div_ceil(2);
    loop {
        let before = all.len();
        let mut start = 0;
        while start < all.len() {
            let mut rest = all.clone();
            rest.drain(start..all.len().min(start + piece));
            if fails(&rest) {
                all = rest;
            } else {
                start += piece;
            }
        }
        if piece == 1 && all.len() == before {
            return all;
        }
        piece = piece.div_ceil(2);
    }
}

#[test]
fn reduction_finds_fewest_failing_elements() {
    let fails = |numbers: &[u32]| numbers.contains(&7) && numbers.contains(&90);
    assert_eq!(fewest((0..100).collect(), fails), [7, 90]);
}
