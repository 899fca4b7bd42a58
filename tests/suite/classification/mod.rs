//! Classification of attempts, rule by rule. Each packet script is small enough to be classified by hand, and both the oracle
//! and the program must agree with that.

mod answers;
mod clock;
mod duplicates;
mod icmp;
mod nat;
mod refusals;
mod regressions;
mod timeouts;

use std::collections::BTreeSet;

use crate::oracle::{self, ELSEWHERE, IN_TRANSIT};
use crate::packet_builder::{Format, Link, capture, parse_script};

/// Endpoints in these scripts: client, server, another server, router, a forwarding host, a container.
const ENDPOINTS: &str = "
    c = 10.0.0.2:40000
    s = 10.0.0.9:443
    t = 10.0.0.9:80
    r = 10.0.0.1:1
    h = 10.0.0.5:8080
    m = 10.0.0.5:55555
    k = 172.17.0.2:80
    c6 = [2001:db8::2]:40000
    s6 = [2001:db8::9]:443
    r6 = [2001:db8::1]:1
";

/// Checks a script captured on Ethernet by a host without local addresses.
fn assert_classified(text: &str, expected: &str) {
    assert_classified_in(Link::Ethernet, &[], text, expected);
}

/// Checks a script captured on the device `any`.
fn assert_classified_on_any(text: &str, expected: &str) {
    assert_classified_in(Link::Sll2, &[], text, expected);
}

/// Checks a script captured on several interfaces that only the file distinguishes.
fn assert_classified_on_several(text: &str, expected: &str) {
    check((Link::Ethernet, Format::SEVERAL), &[], text, expected);
}

/// Checks a script. `expected` has one line a label set: its name, its counts and its latencies in milliseconds.
fn assert_classified_in(link: Link, local: &[&str], text: &str, expected: &str) {
    check((link, Format::PLAIN), local, text, expected);
}

fn check((link, format): (Link, Format), local: &[&str], text: &str, expected: &str) {
    if !oracle::tshark::is_installed() {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let packets = parse_script(&format!("{ENDPOINTS}{text}"));
    std::fs::write(file.path(), capture(&packets, link, format, 65_535)).unwrap();
    let mut addresses: Vec<_> = local
        .iter()
        .map(|address| address.parse().unwrap())
        .collect();
    addresses.push(ELSEWHERE);
    let table = oracle::classify(&oracle::facts(file.path()), &addresses);
    let expected: BTreeSet<String> = expected
        .lines()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(
        summary(&table),
        expected,
        "the oracle against the classification by hand"
    );

    let hosts: String = local
        .iter()
        .map(|address| format!("--capture.local {address}/32 "))
        .collect();
    let agreement = oracle::compare(
        &table,
        &oracle::program_series(file.path(), &format!("{IN_TRANSIT} {hosts}")),
    );
    assert!(
        agreement.differences.is_empty(),
        "{text}\n{}",
        agreement.differences.join("\n")
    );
}

fn summary(table: &oracle::Table) -> BTreeSet<String> {
    let line = |(set, counts): (&oracle::LabelSet, &oracle::Counts)| {
        let short = |name: &String| name.replace("_total", "").replace('"', "");
        let series: Vec<String> = counts
            .series
            .iter()
            .map(|(name, count)| format!("{} {count}", short(name)))
            .collect();
        let milliseconds: Vec<f64> = counts
            .latencies
            .iter()
            .map(|latency| *latency as f64 / 1e6)
            .collect();
        format!("{set}: {}, latencies {milliseconds:?}", series.join(", "))
    };
    table.iter().map(line).collect()
}
