//! How attempts are judged, rule by rule: each a story small enough to be judged by hand, told to the oracle and to the
//! program.

mod answers;
mod clock;
mod copies;
mod icmp;
mod names;
mod open;
mod refusals;
mod timeouts;

use std::collections::BTreeSet;

use crate::forge::{Format, Link, capture, story};
use crate::oracle::{self, ELSEWHERE, IN_TRANSIT};

/// Who is who in these stories: client, server, another server, router, a host that forwards.
const NAMES: &str = "
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

/// What is to come of a story that was captured without cooked headers, by a host that knows no address as its own.
fn judged(text: &str, expected: &str) {
    judged_in(Link::Ethernet, &[], text, expected);
}

/// What is to come of a story that was captured on the device `any`.
fn judged_on_any(text: &str, expected: &str) {
    judged_in(Link::Sll2, &[], text, expected);
}

/// What is to come of a story that was captured on several interfaces at once, which only the file tells apart.
fn judged_on_several(text: &str, expected: &str) {
    judged_as((Link::Ethernet, Format::SEVERAL), &[], text, expected);
}

/// What is to come of a story: a line for each set, with its name, its counts and its latencies in milliseconds.
fn judged_in(link: Link, local: &[&str], text: &str, expected: &str) {
    judged_as((link, Format::PLAIN), local, text, expected);
}

fn judged_as((link, format): (Link, Format), local: &[&str], text: &str, expected: &str) {
    if !oracle::tshark::is_here() {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        capture(&story(&format!("{NAMES}{text}")), link, format, 65_535),
    )
    .unwrap();
    let mut addresses: Vec<_> = local
        .iter()
        .map(|address| address.parse().unwrap())
        .collect();
    addresses.push(ELSEWHERE);
    let table = oracle::judge(&oracle::facts(file.path()), &addresses);
    let expected: BTreeSet<String> = expected
        .lines()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(
        in_words(&table),
        expected,
        "the oracle against the judgement by hand"
    );

    let hosts: String = local
        .iter()
        .map(|address| format!("--capture.local {address}/32 "))
        .collect();
    let agreement = oracle::compare(
        &table,
        &oracle::shown(file.path(), &format!("{IN_TRANSIT} {hosts}")),
    );
    assert!(
        agreement.differences.is_empty(),
        "{text}\n{}",
        agreement.differences.join("\n")
    );
}

fn in_words(table: &oracle::Table) -> BTreeSet<String> {
    let line = |(set, counts): (&oracle::Set, &oracle::Counts)| {
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
