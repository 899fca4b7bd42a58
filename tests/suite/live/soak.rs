//! Live test of an hour of mixed load (`make soak`): memory stays flat, and the counts are exact at
//! the end.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::Signal;
use tempfile::NamedTempFile;

use super::flood::{frames_lost, sum};
use crate::netns::Laboratory;
use crate::netns::connect::{CONNECT_TIMEOUT, connects, results};
use crate::netns::exporter::Exporter;
use crate::netns::exposition::{Exposition, LabelSetKey};
use crate::netns::namespace::Namespace;
use crate::netns::pair::connect;
use crate::netns::sender::{Load, send};

const CONNECT_INTERVAL: Duration = Duration::from_millis(250);
const SPOOFED_SYNS_PER_SECOND: u64 = 1_000;
const DROPPED: &str = "tcp_handshake_exporter_dropped_packets_total";
const PENDING: &str = "tcp_handshake_exporter_pending_attempts";

/// Connects of the clients by outcome, as the clients count them.
#[derive(Clone, Copy, Default, Debug)]
struct ConnectCounts {
    answered: u32,
    refused: u32,
    prohibited: u32,
    unanswered: u32,
}

#[test]
#[ignore = "takes an hour: make soak"]
fn memory_stays_flat_under_mixed_load() {
    let minutes: u64 = std::env::var("SOAK_MINUTES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(60);
    let Some(laboratory) = Laboratory::open("memory_stays_flat_under_mixed_load") else {
        return;
    };
    let [near, far] = ["near", "far"].map(|role| laboratory.host(role));
    connect(&near, &far);
    far.set_parameter("net.ipv4.icmp_ratelimit", "0");
    far.nft(
        "table inet f { chain i { type filter hook input priority 0; tcp dport 8001 drop; tcp dport 8002 reject with icmpx type admin-prohibited; }; }",
    );
    let listener =
        far.inside(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, 80)).expect("the port is free"));
    thread::spawn(move || listener.incoming().for_each(drop));
    let config = NamedTempFile::new().expect("a file").into_temp_path();
    std::fs::write(&config, "labels: {max-sets: 500}\n").expect("it can be written");
    let exporter = Exporter::start(
        &far,
        &[
            "-i",
            "eth0",
            "--config.file",
            config.to_str().expect("text"),
        ],
    );
    // The peer is known before the flood starts.
    let mut made = connect_all(&near);
    let time = Duration::from_secs(minutes * 60);
    let start = Instant::now();
    let stop = AtomicBool::new(false);
    let (
        sent,
        ScrapeLog {
            memory,
            reloads,
            removed,
            last,
        },
    ) = thread::scope(|scope| {
        let flood = scope
            .spawn(|| near.inside(|| send(Load::Flood, "eth0", time, SPOOFED_SYNS_PER_SECOND)));
        let scrapes = scope.spawn(|| scrape_until_stopped(&exporter, &stop, &config));
        while start.elapsed() < time {
            let more = connect_all(&near);
            made.answered += more.answered;
            made.refused += more.refused;
            made.prohibited += more.prohibited;
            made.unanswered += more.unanswered;
            thread::sleep(CONNECT_INTERVAL);
        }
        stop.store(true, Ordering::Relaxed);
        let scrape_log = scrapes.join().expect("no panic");
        (flood.join().expect("no panic"), scrape_log)
    });
    let lost = frames_lost(&near);
    let page = exporter.metrics_once("no attempt is pending", |page| {
        page.get(PENDING, &[]) == Some(0.0)
    });
    // The tables and the ring fill in the first quarter.
    let quarter = memory.len() / 4;
    let peak = |part: &[f64]| part.iter().copied().fold(0.0, f64::max) / f64::from(1 << 20);
    let early = peak(&memory[quarter..=2 * quarter]);
    let late = peak(&memory[memory.len() - quarter.max(1)..]);
    eprintln!(
        "soak of {minutes} minutes: {made:?}, {sent} spoofed SYNs of which the veth pair lost {lost}, {removed} attempts in removed label sets, {} scrapes, {reloads} reloads; \
         resident MiB at most {early:.1} in the second quarter, {late:.1} in the last, {:.1} overall",
        memory.len(),
        exporter.peak_memory() as f64 / f64::from(1 << 20)
    );
    assert_exact(
        &page,
        made,
        sent,
        lost,
        removed + removed_since(&last, &page),
    );
    assert!(
        late <= early + 2.0,
        "memory grew from {early} to {late} MiB: {memory:?}"
    );
    assert!(exporter.peak_memory() <= 64 << 20);
}

/// Makes connects of each outcome once. Returns their counts.
fn connect_all(near: &Namespace) -> ConnectCounts {
    let to = |port: u16| SocketAddr::from((Ipv4Addr::new(192, 0, 2, 2), port));
    let all = |port, count, timeout| results(&near.inside(|| connects(to(port), count, timeout)));
    assert_eq!(all(80, 20, CONNECT_TIMEOUT), [Some(Ok(())); 20]);
    assert_eq!(
        all(81, 5, CONNECT_TIMEOUT),
        [Some(Err(Errno::ECONNREFUSED)); 5]
    );
    assert_eq!(
        all(8002, 3, CONNECT_TIMEOUT),
        [Some(Err(Errno::EHOSTUNREACH)); 3]
    );
    assert_eq!(all(8001, 2, Duration::from_millis(20)), [None; 2]);
    ConnectCounts {
        answered: 20,
        refused: 5,
        prohibited: 3,
        unanswered: 2,
    }
}

/// Results of the scrapes.
struct ScrapeLog {
    /// Resident bytes at each scrape.
    memory: Vec<f64>,
    reloads: u32,
    /// Attempts in removed label sets, by their last scrape.
    removed: f64,
    /// Attempts of each label set at the last scrape.
    last: BTreeMap<LabelSetKey, f64>,
}

/// Returns the attempts of each label set.
fn attempts(page: &Exposition) -> BTreeMap<LabelSetKey, f64> {
    page.samples()
        .filter(|(series, _)| series.name == "tcp_handshake_attempts_total")
        .filter_map(|(series, value)| Some((series.label_set()?, value)))
        .collect()
}

/// Returns the attempts of the label sets in `last` that `page` does not contain.
fn removed_since(last: &BTreeMap<LabelSetKey, f64>, page: &Exposition) -> f64 {
    let now = attempts(page);
    last.iter()
        .filter(|(set, _)| !now.contains_key(set))
        .map(|(_, attempts)| attempts)
        .sum()
}

/// Scrapes, reloads the configuration, and opens HTTP connections that never send a request.
fn scrape_until_stopped(
    exporter: &Exporter<'_>,
    stop: &AtomicBool,
    config: &std::path::Path,
) -> ScrapeLog {
    let mut memory = Vec::new();
    let mut reloads = 0;
    let mut slow = Vec::new();
    let mut removed = 0.0;
    let mut last = BTreeMap::new();
    while !stop.load(Ordering::Relaxed) {
        let page = exporter.metrics();
        memory.push(
            page.get("process_resident_memory_bytes", &[])
                .expect("the metric exists"),
        );
        assert_eq!(sum(&page, DROPPED), 0.0, "{page}");
        removed += removed_since(&last, &page);
        last = attempts(&page);
        slow.extend(
            exporter
                .host()
                .inside(|| TcpStream::connect(exporter.address())),
        );
        if memory.len() % 6 == 0 {
            slow.clear();
            reloads += 1;
            std::fs::write(
                config,
                format!("labels: {{max-sets: {}}}\n", 500 + reloads % 2),
            )
            .expect("it can be written");
            exporter.signal(Signal::SIGHUP);
        }
        thread::sleep(Duration::from_secs(5));
    }
    ScrapeLog {
        memory,
        reloads,
        removed,
        last,
    }
}

fn assert_exact(page: &Exposition, made: ConnectCounts, sent: u64, lost: u64, removed: f64) {
    let of = |port: &str, metric: &str, reason: Option<&str>| {
        let metric = format!("tcp_handshake_{metric}");
        let series = page.only(|one| {
            let is = |label: &str, value: &str| one.labels.get(label).is_some_and(|is| is == value);
            one.name == metric
                && is("port", port)
                && is("peer", "192.0.2.1")
                && reason.is_none_or(|reason| is("reason", reason))
        });
        series.values().iter().sum::<f64>()
    };
    let exact = [
        (of("80", "answered_total", None), made.answered),
        (of("80", "attempts_total", None), made.answered),
        (of("81", "failures_total", Some("refused")), made.refused),
        (of("81", "attempts_total", None), made.refused),
        (
            of("8001", "failures_total", Some("unanswered")),
            made.unanswered,
        ),
        (of("8001", "attempts_total", None), made.unanswered),
        (
            of("8002", "failures_total", Some("prohibited")),
            made.prohibited,
        ),
        (of("8002", "attempts_total", None), made.prohibited),
    ];
    for (shown, made) in exact {
        assert_eq!(shown, f64::from(made), "{exact:?}");
    }
    let most =
        (sent + u64::from(made.answered + made.refused + made.unanswered + made.prohibited)) as f64;
    let all = sum(page, "tcp_handshake_attempts_total");
    let counted = all + removed;
    assert!(
        (most - lost as f64..=most).contains(&counted),
        "{counted} of {most}, of which the veth pair lost {lost}"
    );
    let outcomes = ["answered", "failures", "evicted"]
        .map(|outcome| sum(page, &format!("tcp_handshake_{outcome}_total")));
    assert_eq!(
        all,
        outcomes.iter().sum::<f64>(),
        "every attempt has one outcome: {outcomes:?}"
    );
    assert_eq!(sum(page, "tcp_handshake_exporter_clock_steps_total"), 0.0);
}
