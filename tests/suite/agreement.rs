//! The program and the oracle agree: on the captures that come with the tests, and on traffic made up at random.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError};

use crate::forge::{Format, Link, Packet, capture};
use crate::golden::{arguments, captures};
use crate::oracle::{self, Agreement};
use crate::random;

/// On each file of `ORACLE_CAPTURES`, or of tests/captures, a line for each difference; at the end how far they agree.
#[test]
fn on_every_capture_file() {
    if !oracle::tshark::is_here() {
        return;
    }
    let folder = std::env::var_os("ORACLE_CAPTURES").map_or_else(|| PathBuf::from("tests/captures"), PathBuf::from);
    let (mut files, mut series, mut attempts, mut differences) = (0, 0, 0, 0);
    for file in captures(&folder) {
        let agreement = agreement_on(&file);
        for difference in &agreement.differences {
            println!("{}: {difference}", file.display());
        }
        files += 1;
        series += agreement.series;
        attempts += agreement.attempts;
        differences += agreement.differences.len();
    }
    println!(
        "{files} captures, {attempts} attempts, {series} series: the program differs from the oracle in {differences}"
    );
    assert_eq!(differences, 0, "the program differs from the oracle, see above");
}

proptest! {
    #![proptest_config(Config { cases: 16, max_shrink_iters: 300, failure_persistence: None, ..Config::default() })]

    #[test]
    fn on_conversations_at_random(conversations in random::conversations()) {
        on(&random::packets(&conversations), "conversations.pcap")?;
    }

    #[test]
    fn on_packets_at_random(packets in random::chaos()) {
        on(&packets, "chaos.pcap")?;
    }
}

/// Compares the two on these packets, in a file that stays for a closer look.
fn on(packets: &[Packet], name: &str) -> Result<(), TestCaseError> {
    if !oracle::tshark::is_here() {
        return Ok(());
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, capture(packets, Link::Sll2, Format::PLAIN, 128))?;
    let differences = agreement_on(&file).differences;
    prop_assert!(differences.is_empty(), "{} is the smallest so far:\n{}", file.display(), differences.join("\n"));
    Ok(())
}

fn agreement_on(file: &Path) -> Agreement {
    let arguments = arguments(file);
    let local: Vec<IpAddr> = arguments.split_whitespace().filter_map(host).collect();
    oracle::compare(&oracle::judge(file, &local), &oracle::shown(file, &arguments))
}

/// The address of an argument like `10.0.0.2/32`: in these tests each `--capture.local` is one host.
fn host(argument: &str) -> Option<IpAddr> {
    let (address, _) = argument.split_once('/')?;
    address.parse().ok()
}
