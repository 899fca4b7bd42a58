//! The program's exposition of a capture file, parsed from the text format 0.0.4.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;

use super::counts::without_reporter;
use super::labels::LabelSet;

/// An address that no capture contains. A host with only this address sees every attempt in transit, even if the link header
/// suggests another vantage.
pub(crate) const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 255));

/// The argument that declares the address as local.
pub(crate) const IN_TRANSIT: &str = "--capture.local 203.0.113.255/32";

/// Arguments that set limits which no test capture reaches.
const UNBOUNDED: [&str; 4] = [
    "--labels.max-sets",
    "1000000",
    "--handshake.max-attempts",
    "1000000",
];

/// The series of each label set: by name without the common prefix, with additional labels.
pub(crate) type ProgramSeries = BTreeMap<LabelSet, BTreeMap<String, f64>>;

/// Returns the exposition of `diagnose --output metrics`, with limits that no test capture reaches. Further arguments are
/// separated by white space.
pub(crate) fn page(file: &Path, arguments: &str) -> String {
    page_of_any(file, arguments).unwrap_or_else(|error| {
        panic!("the program shows nothing for {}: {error}", file.display());
    })
}

/// Returns the exposition of a file that may be no capture, or the program's error message.
pub(crate) fn page_of_any(file: &Path, arguments: &str) -> Result<String, String> {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tcp_handshake_exporter"));
    program
        .args(["diagnose", "--output", "metrics"])
        .args(UNBOUNDED)
        .args(arguments.split_whitespace())
        .arg(file);
    let output = program.output().expect("cannot start the program");
    let error = String::from_utf8_lossy(&output.stderr);
    if output.stdout.is_empty() {
        return Err(error.into_owned());
    }
    Ok(String::from_utf8(output.stdout).expect("the page is UTF-8"))
}

/// Parses the series of label sets.
pub(crate) fn parse(page: &str) -> ProgramSeries {
    let mut shown = ProgramSeries::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (set, series, value) =
            series(line).unwrap_or_else(|| panic!("cannot parse this line of the page: {line}"));
        if let Some(set) = set {
            let twice = shown.entry(set).or_default().insert(series, value);
            assert!(twice.is_none(), "this series appears twice: {line}");
        }
    }
    shown
}

/// Parses the exporter's own counts, by name without the common prefix. Interfaces are summed.
pub(crate) fn exporter_counts(page: &str) -> BTreeMap<String, f64> {
    let mut counts = BTreeMap::new();
    for line in page
        .lines()
        .filter_map(|line| line.strip_prefix("tcp_handshake_exporter_"))
    {
        let (name, value) = line
            .rsplit_once(' ')
            .unwrap_or_else(|| panic!("cannot parse this line of the page: {line}"));
        let name = name
            .split_once("{interface=")
            .map_or(name, |(name, _)| name);
        *counts.entry(name.to_owned()).or_default() += value.parse::<f64>().unwrap();
    }
    counts
}

/// Parses a line: its label set if it has one, the series within the set, and the value.
fn series(line: &str) -> Option<(Option<LabelSet>, String, f64)> {
    let (name, rest) = line.split_once([' ', '{'])?;
    let Some(labels) = line.strip_prefix(name)?.strip_prefix('{') else {
        return Some((None, name.to_owned(), rest.parse().ok()?));
    };
    let (labels, value) = labels.rsplit_once("} ")?;
    let mut labels: BTreeMap<&str, &str> = labels.split(',').map(label).collect::<Option<_>>()?;
    let mut take = |label| labels.remove(label).map(str::to_owned);
    let vantage = take("vantage");
    let local_address = take("local_address");
    let port = take("port");
    let peer = take("peer");
    let set = vantage.zip(local_address).zip(port).zip(peer).map(
        |(((vantage, local_address), port), peer)| LabelSet {
            vantage,
            local_address,
            port,
            peer,
        },
    );
    let own: Vec<String> = labels
        .iter()
        .map(|(label, value)| format!("{label}=\"{value}\""))
        .collect();
    let short = name.strip_prefix("tcp_handshake_").unwrap_or(name);
    let series = if own.is_empty() {
        short.to_owned()
    } else {
        format!("{short}{{{}}}", own.join(","))
    };
    Some((set, series, value.parse().ok()?))
}

/// Parses `name="value"`. No value here contains a comma, a quote or a backslash.
fn label(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    Some((name, value.strip_prefix('"')?.strip_suffix('"')?))
}

/// Merges the label sets by server, for runs without local addresses, where vantages are inferred. Each label set counts as in
/// transit to its server, without the reporters of ICMP errors.
pub(crate) fn by_server(shown: &ProgramSeries) -> ProgramSeries {
    let mut merged = ProgramSeries::new();
    for (set, series) in shown {
        let server = if set.vantage == "server" {
            &set.local_address
        } else {
            &set.peer
        };
        let into = LabelSet {
            vantage: "transit".to_owned(),
            local_address: String::new(),
            port: set.port.clone(),
            peer: server.clone(),
        };
        let into = merged.entry(into).or_default();
        for (name, value) in series {
            *into.entry(without_reporter(name)).or_default() += value;
        }
    }
    merged
}

#[test]
fn exposition_is_parsed_by_label_set() {
    let page = "# HELP tcp_handshake_syns_total SYNs\n\
        tcp_handshake_syns_total{vantage=\"transit\",local_address=\"\",port=\"443\",peer=\"2001:db8::1\"} 3\n\
        tcp_handshake_failures_total{reason=\"refused\",vantage=\"transit\",local_address=\"\",port=\"443\",peer=\"2001:db8::1\"} 1\n\
        tcp_handshake_exporter_label_sets 1\n\
        tcp_handshake_exporter_capture_up{interface=\"a b\"} 1\n";
    let set = LabelSet {
        vantage: "transit".to_owned(),
        local_address: String::new(),
        port: "443".to_owned(),
        peer: "2001:db8::1".to_owned(),
    };
    let series = BTreeMap::from([
        ("syns_total".to_owned(), 3.0),
        ("failures_total{reason=\"refused\"}".to_owned(), 1.0),
    ]);
    assert_eq!(parse(page), BTreeMap::from([(set, series)]));
}
