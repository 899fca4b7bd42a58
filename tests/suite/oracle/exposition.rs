//! What the program shows for a capture file, read back from the text format 0.0.4.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;

use super::counts::without_reporter;
use super::labels::Set;

/// The series of each set: by name without the common prefix, with the labels that are its own.
pub(crate) type Shown = BTreeMap<Set, BTreeMap<String, f64>>;

/// The whole page that `diagnose --output metrics` prints, with bounds that no test capture reaches. Further arguments stand
/// apart by white space.
pub(crate) fn page(file: &Path, arguments: &str) -> String {
    page_of_any(file, arguments).unwrap_or_else(|complaint| {
        panic!(
            "the program shows nothing for {}: {complaint}",
            file.display()
        );
    })
}

/// The same of a file that may be no capture, or what the program has to say of it.
pub(crate) fn page_of_any(file: &Path, arguments: &str) -> Result<String, String> {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tcp_handshake_exporter"));
    program
        .args(["diagnose", "--output", "metrics"])
        .args(UNBOUNDED)
        .args(arguments.split_whitespace())
        .arg(file);
    let output = program.output().expect("cannot start the program");
    let complaint = String::from_utf8_lossy(&output.stderr);
    if output.stdout.is_empty() {
        return Err(complaint.into_owned());
    }
    Ok(String::from_utf8(output.stdout).expect("the page is UTF-8"))
}

/// The series about attempts on a page.
pub(crate) fn parse(page: &str) -> Shown {
    let mut shown = Shown::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (set, series, value) =
            series(line).unwrap_or_else(|| panic!("this line of the page is not clear: {line}"));
        if let Some(set) = set {
            let twice = shown.entry(set).or_default().insert(series, value);
            assert!(twice.is_none(), "this series is there twice: {line}");
        }
    }
    shown
}

/// What a page tells of the capture itself, by name without the common prefix; of several interfaces the sum.
pub(crate) fn own_figures(page: &str) -> BTreeMap<String, f64> {
    let mut figures = BTreeMap::new();
    for line in page
        .lines()
        .filter_map(|line| line.strip_prefix("tcp_handshake_exporter_"))
    {
        let (name, value) = line
            .rsplit_once(' ')
            .unwrap_or_else(|| panic!("this line of the page is not clear: {line}"));
        let name = name
            .split_once("{interface=")
            .map_or(name, |(name, _)| name);
        *figures.entry(name.to_owned()).or_default() += value.parse::<f64>().unwrap();
    }
    figures
}

/// The set that a line belongs to, where it does; the series within it; its value.
fn series(line: &str) -> Option<(Option<Set>, String, f64)> {
    let (name, rest) = line.split_once([' ', '{'])?;
    let Some(labels) = line.strip_prefix(name)?.strip_prefix('{') else {
        return Some((None, name.to_owned(), rest.parse().ok()?));
    };
    let (labels, value) = labels.rsplit_once("} ")?;
    let mut labels: BTreeMap<&str, &str> = labels.split(',').map(label).collect::<Option<_>>()?;
    let mut take = |label| labels.remove(label).map(str::to_owned);
    let (vantage, local_address, port, peer) = (
        take("vantage"),
        take("local_address"),
        take("port"),
        take("peer"),
    );
    let set = vantage.zip(local_address).zip(port).zip(peer).map(
        |(((vantage, local_address), port), peer)| Set {
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

/// `name="value"`; no value here holds a comma, a quote or a backslash.
fn label(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    Some((name, value.strip_prefix('"')?.strip_suffix('"')?))
}

/// An address that no capture here has. A host of which only that is known sees every attempt in transit, even where
/// the link header hints at more.
pub(crate) const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 255));

/// The argument that says so.
pub(crate) const IN_TRANSIT: &str = "--capture.local 203.0.113.255/32";

/// The same page by server alone, where nothing was said of local addresses and vantages are a guess: each set counts
/// as in transit to its server, and who reported an ICMP error is left open.
pub(crate) fn by_server(shown: &Shown) -> Shown {
    let mut merged = Shown::new();
    for (set, series) in shown {
        let server = if set.vantage == "server" {
            &set.local_address
        } else {
            &set.peer
        };
        let into = Set {
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

const UNBOUNDED: [&str; 4] = [
    "--labels.max-sets",
    "1000000",
    "--handshake.max-attempts",
    "1000000",
];

#[test]
fn a_page_is_read_line_by_line() {
    let page = "# HELP tcp_handshake_syns_total SYNs\n\
        tcp_handshake_syns_total{vantage=\"transit\",local_address=\"\",port=\"443\",peer=\"2001:db8::1\"} 3\n\
        tcp_handshake_failures_total{reason=\"refused\",vantage=\"transit\",local_address=\"\",port=\"443\",peer=\"2001:db8::1\"} 1\n\
        tcp_handshake_exporter_label_sets 1\n\
        tcp_handshake_exporter_capture_up{interface=\"a b\"} 1\n";
    let set = Set {
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
