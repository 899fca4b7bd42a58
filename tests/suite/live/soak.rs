//! Hours of mixed load (`make soak`): memory stays flat, and the figures are exact at the end.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::Signal;
use tempfile::NamedTempFile;

use super::flood::{frames_lost, sum};
use crate::lab::Laboratory;
use crate::lab::connect::{PATIENCE, connects, told};
use crate::lab::exporter::Exporter;
use crate::lab::exposition::{Exposition, SetKey};
use crate::lab::namespace::Namespace;
use crate::lab::pair::connect;
use crate::lab::sender::{Load, send};

/// What clients did, counted by them.
#[derive(Clone, Copy, Default, Debug)]
struct Made {
    answered: u32,
    refused: u32,
    prohibited: u32,
    in_vain: u32,
}

#[test]
#[ignore = "takes an hour: make soak"]
fn under_mixed_load_memory_is_flat_and_figures_are_exact() {
    let minutes: u64 = std::env::var("SOAK_MINUTES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(60);
    let Some(laboratory) = Laboratory::open("under_mixed_load_memory_is_flat") else {
        return;
    };
    let [near, far] = ["near", "far"].map(|role| laboratory.host(role));
    connect(&near, &far);
    far.set("net.ipv4.icmp_ratelimit", "0");
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
    // The regular peer is known before the flood begins.
    let mut made = ask(&near);
    let time = Duration::from_secs(minutes * 60);
    let (start, ended) = (Instant::now(), AtomicBool::new(false));
    let (
        sent,
        Seen {
            memory,
            reloads,
            gone,
            last,
        },
    ) = thread::scope(|scope| {
        let flood = scope.spawn(|| near.inside(|| send(Load::Flood, "eth0", time, FLOOD_A_SECOND)));
        let scrapes = scope.spawn(|| watch(&exporter, &ended, &config));
        while start.elapsed() < time {
            let more = ask(&near);
            made.answered += more.answered;
            made.refused += more.refused;
            made.prohibited += more.prohibited;
            made.in_vain += more.in_vain;
            thread::sleep(PAUSE);
        }
        ended.store(true, Ordering::Relaxed);
        let seen = scrapes.join().expect("no panic");
        (flood.join().expect("no panic"), seen)
    });
    let lost = frames_lost(&near);
    let page = exporter.metrics_once("nobody waits", |page| page.get(PENDING, &[]) == Some(0.0));
    // In the first quarter tables and ring fill.
    let quarter = memory.len() / 4;
    let peak = |part: &[f64]| part.iter().copied().fold(0.0, f64::max) / f64::from(1 << 20);
    let (early, late) = (
        peak(&memory[quarter..=2 * quarter]),
        peak(&memory[memory.len() - quarter.max(1)..]),
    );
    eprintln!(
        "soak of {minutes} minutes: {made:?}, {sent} spoofed SYNs of which the cable lost {lost}, {gone} attempts in sets that left, {} scrapes, {reloads} reloads; \
         resident MiB at most {early:.1} in the second quarter, {late:.1} in the last, {:.1} at all",
        memory.len(),
        exporter.peak_memory() as f64 / f64::from(1 << 20)
    );
    assert_exact(&page, made, sent, lost, gone + left_since(&last, &page));
    assert!(
        late <= early + 2.0,
        "memory grew from {early} to {late} MiB: {memory:?}"
    );
    assert!(exporter.peak_memory() <= 64 << 20);
}

/// One round of everything.
fn ask(near: &Namespace) -> Made {
    let to = |port: u16| SocketAddr::from((Ipv4Addr::new(192, 0, 2, 2), port));
    let all = |port, count, patience| told(&near.inside(|| connects(to(port), count, patience)));
    assert_eq!(all(80, 20, PATIENCE), [Some(Ok(())); 20]);
    assert_eq!(all(81, 5, PATIENCE), [Some(Err(Errno::ECONNREFUSED)); 5]);
    assert_eq!(all(8002, 3, PATIENCE), [Some(Err(Errno::EHOSTUNREACH)); 3]);
    assert_eq!(all(8001, 2, Duration::from_millis(20)), [None; 2]);
    Made {
        answered: 20,
        refused: 5,
        prohibited: 3,
        in_vain: 2,
    }
}

/// What the scrapes showed.
struct Seen {
    /// Resident bytes at each.
    memory: Vec<f64>,
    reloads: u32,
    /// Attempts in sets that left for others, as they were shown last.
    gone: f64,
    last: BTreeMap<SetKey, f64>,
}

/// The attempts of each set.
fn attempts(page: &Exposition) -> BTreeMap<SetKey, f64> {
    page.samples()
        .filter(|(series, _)| series.name == "tcp_handshake_attempts_total")
        .filter_map(|(series, value)| Some((series.set()?, value)))
        .collect()
}

/// Attempts in sets that were there, and are not any more.
fn left_since(last: &BTreeMap<SetKey, f64>, page: &Exposition) -> f64 {
    let now = attempts(page);
    last.iter()
        .filter(|(set, _)| !now.contains_key(set))
        .map(|(_, attempts)| attempts)
        .sum()
}

/// Scrapes, reloads, and clients that never finish.
fn watch(exporter: &Exporter<'_>, ended: &AtomicBool, config: &std::path::Path) -> Seen {
    let (mut memory, mut reloads, mut slow) = (Vec::new(), 0, Vec::new());
    let (mut gone, mut last) = (0.0, BTreeMap::new());
    while !ended.load(Ordering::Relaxed) {
        let page = exporter.metrics();
        memory.push(
            page.get("process_resident_memory_bytes", &[])
                .expect("it is there"),
        );
        assert_eq!(sum(&page, DROPPED), 0.0, "{page}");
        gone += left_since(&last, &page);
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
    Seen {
        memory,
        reloads,
        gone,
        last,
    }
}

fn assert_exact(page: &Exposition, made: Made, sent: u64, lost: u64, gone: f64) {
    let of = |port: &str, metric: &str, reason: Option<&str>| {
        let metric = format!("tcp_handshake_{metric}");
        let own = page.only(|one| {
            let is = |label: &str, value: &str| one.labels.get(label).is_some_and(|is| is == value);
            one.name == metric
                && is("port", port)
                && is("peer", "192.0.2.1")
                && reason.is_none_or(|reason| is("reason", reason))
        });
        own.values().iter().sum::<f64>()
    };
    let exact = [
        (of("80", "answered_total", None), made.answered),
        (of("80", "attempts_total", None), made.answered),
        (of("81", "failures_total", Some("refused")), made.refused),
        (of("81", "attempts_total", None), made.refused),
        (
            of("8001", "failures_total", Some("unanswered")),
            made.in_vain,
        ),
        (of("8001", "attempts_total", None), made.in_vain),
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
        (sent + u64::from(made.answered + made.refused + made.in_vain + made.prohibited)) as f64;
    let all = sum(page, "tcp_handshake_attempts_total");
    let told = all + gone;
    assert!(
        (most - lost as f64..=most).contains(&told),
        "{told} of {most}, of which the cable lost {lost}"
    );
    let ends = ["answered", "failures", "evicted"]
        .map(|end| sum(page, &format!("tcp_handshake_{end}_total")));
    assert_eq!(all, ends.iter().sum::<f64>(), "the books balance: {ends:?}");
    assert_eq!(sum(page, "tcp_handshake_exporter_clock_steps_total"), 0.0);
}

const PAUSE: Duration = Duration::from_millis(250);
const FLOOD_A_SECOND: u64 = 1_000;
const DROPPED: &str = "tcp_handshake_exporter_dropped_packets_total";
const PENDING: &str = "tcp_handshake_exporter_pending_attempts";
