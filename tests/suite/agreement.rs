//! The program and the oracle agree on traffic made up at random.

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError};

use crate::forge::{Format, Link, Packet, capture};
use crate::oracle::{self, Acks, ELSEWHERE, Fact, IN_TRANSIT};
use crate::random;

proptest! {
    // What disagrees is cut down here, much faster than by drawing it again.
    #![proptest_config(Config { cases: 16, max_shrink_iters: 0, failure_persistence: None, ..Config::default() })]

    #[test]
    fn on_conversations_at_random(conversations in random::conversations()) {
        on(random::packets(&conversations), "conversations.pcap")?;
    }

    #[test]
    fn on_packets_at_random(packets in random::chaos()) {
        on(packets, "chaos.pcap")?;
    }
}

proptest! {
    #![proptest_config(Config { cases: 8, max_shrink_iters: 0, failure_persistence: None, ..Config::default() })]

    #[test]
    fn on_a_damaged_capture(
        damages in prop::collection::vec((0..300_usize, 24..120_usize, any::<u8>()), 1..200),
        end in any::<prop::sample::Index>(),
    ) {
        if oracle::tshark::is_here() {
            let whole = std::fs::read("tests/captures/demo.pcap")?;
            let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("damaged.pcap");
            std::fs::write(&file, &damaged(whole, &damages)[..WHOLE + end.index(20_000)])?;
            let differences = differences_of(&file, &oracle::facts(&file));
            prop_assert!(differences.is_empty(), "on {}:\n{}", file.display(), differences.join("\n"));
        }
    }
}

/// A pcap file with some bytes of its frames changed, each named by frame and offset: from the middle of the IP header
/// on, for what no host would take in (a length shorter than the header that names it) is not asked here.
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

const FILE_HEADER: usize = 24;
/// The first packet is whole: of a file without one there is nothing to compare.
const WHOLE: usize = 200;
const FRAME_HEADER: usize = 16;

/// Compares the two on these packets. Where they differ, the fewest packets on which they do stay in a file.
fn on(packets: Vec<Packet>, name: &str) -> Result<(), TestCaseError> {
    if !oracle::tshark::is_here() {
        return Ok(());
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    write(&file, &packets);
    let facts = oracle::facts(&file);
    let told: Vec<(Packet, Fact)> = packets.into_iter().zip(facts).collect();
    let on_all = differences(&file, &told);
    if on_all.is_empty() {
        return Ok(());
    }
    std::fs::copy(&file, file.with_extension("all.pcap"))?;
    let least = fewest(told, |told| !differences(&file, told).is_empty());
    let on_least = differences(&file, &least);
    let (on_all, on_least, file) = (on_all.join("\n"), on_least.join("\n"), file.display());
    Err(TestCaseError::fail(format!(
        "on all of it:\n{on_all}\non the fewest packets, {file}:\n{on_least}"
    )))
}

fn write(file: &Path, packets: &[Packet]) {
    std::fs::write(file, capture(packets, Link::Sll2, Format::PLAIN, 128)).unwrap();
}

/// Where the two differ on these packets, of which the oracle has read the facts before.
fn differences(file: &Path, told: &[(Packet, Fact)]) -> Vec<String> {
    let (packets, facts): (Vec<Packet>, Vec<Fact>) = told.iter().cloned().unzip();
    write(file, &packets);
    differences_of(file, &facts)
}

fn differences_of(file: &Path, facts: &[Fact]) -> Vec<String> {
    oracle::agree(file, facts, (&[ELSEWHERE], IN_TRANSIT), Acks::Counted).differences
}

/// Leaves out what can be left out, first in large pieces, then one by one, while the rest still fails.
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
fn the_fewest_that_fail_are_found() {
    let fails = |numbers: &[u32]| numbers.contains(&7) && numbers.contains(&90);
    assert_eq!(fewest((0..100).collect(), fails), [7, 90]);
}
