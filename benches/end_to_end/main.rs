//! `make bench`: compares the whole program with others over the same packets, as ratios in one
//! run.
//!
//! Each round runs every program once over every input, so that the load of other virtual machines
//! affects all of them alike. The output is the median over the rounds, with minimum and maximum.
//! CPU time is the sum of user and system time. This program reads files in three threads, so its
//! elapsed time is shorter than its CPU time.

#![allow(clippy::print_stdout, reason = "the benchmark prints its results")]

mod callgrind;
mod input;
mod live;
mod measure;
mod sender;

use std::path::{Path, PathBuf};
use std::time::Duration;

use input::Traffic;
use measure::{Sample, Spread, run};
use sender::{Load, send};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, command, filter, file] = arguments.as_slice()
        && command == "bare-loop"
    {
        return bare_loop(filter, file);
    }
    if let [_, command, load, interface, seconds] = arguments.as_slice()
        && command == "send"
        && let (Some(load), Ok(seconds)) = (Load::named(load), seconds.parse())
    {
        return println!(
            "{}",
            send(load, interface, Duration::from_secs(seconds), u64::MAX)
        );
    }
    // `cargo test` runs benchmarks with this argument. Nothing is measured then.
    if arguments.iter().any(|argument| argument == "--test") {
        return;
    }
    let rounds = std::env::var("ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(5);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    println!(
        "{rounds} rounds; ratios are to the bare libpcap loop, minimum and maximum in brackets\n"
    );
    // Restricts the run to one part.
    let only = std::env::var("ONLY").unwrap_or_default();
    for traffic in Traffic::ALL
        .into_iter()
        .filter(|_| only.is_empty() || only == "files")
    {
        let file = traffic.write(&folder);
        compare(traffic, &file, rounds);
    }
    if only.is_empty() || only == "counted" {
        callgrind::measure(&folder);
    }
    if only == "files" || only == "counted" {
        return;
    }
    let this = std::env::current_exe()
        .expect("the path of the benchmark is known")
        .display()
        .to_string();
    live::measure(&this, &filter(), rounds);
}

/// Runs the baseline of all programs: libpcap reads and filters the file.
fn bare_loop(filter: &str, file: &str) {
    let mut capture = pcap::Capture::from_file_with_precision(file, pcap::Precision::Nano)
        .expect("the file exists");
    capture.filter(filter, true).expect("the filter compiles");
    let mut packets = 0_u64;
    capture
        .for_each(None, |_| packets += 1)
        .expect("the file is complete");
    println!("{packets}");
}

/// Returns the kernel filter of this program for Ethernet.
fn filter() -> String {
    tcp_handshake_exporter::capture::Filter::default()
        .text(tcp_handshake_exporter::frame::Link::Ethernet)
}

/// Runs all programs over a file and prints their times, ratios and memory.
fn compare(traffic: Traffic, file: &Path, rounds: usize) {
    let filter = filter();
    let file = file.display().to_string();
    let this = std::env::current_exe()
        .expect("the path of the benchmark is known")
        .display()
        .to_string();
    let diagnose = [
        env!("CARGO_BIN_EXE_tcp_handshake_exporter"),
        "diagnose",
        "--output",
        "metrics",
        &file,
    ];
    let others: [(&str, Vec<&str>); 6] = [
        (
            "bare libpcap loop",
            vec![&this, "bare-loop", &filter, &file],
        ),
        ("this program", diagnose.to_vec()),
        (
            "this program, server's view",
            [diagnose.as_slice(), &["--capture.local", input::SERVERS]].concat(),
        ),
        (
            "tcpdump -w /dev/null",
            vec!["tcpdump", "-r", &file, "-w", "/dev/null", &filter],
        ),
        (
            "tshark, fields",
            vec![
                "tshark",
                "-n",
                "-r",
                &file,
                "-T",
                "fields",
                "-e",
                "tcp.flags",
            ],
        ),
        ("argus", vec!["argus", "-r", &file, "-w", "/dev/null"]),
    ];
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); others.len()];
    for round in 0..rounds {
        for ((name, command), samples) in others.iter().zip(&mut samples) {
            // The slow programs run once, because their results hardly vary between rounds and
            // inputs.
            let slow = matches!(*name, "tshark, fields" | "argus");
            if !slow || (round == 0 && traffic == Traffic::Mix) {
                samples.extend(run(command));
            }
        }
    }
    let packets = traffic.packets() as f64;
    println!("{traffic}");
    let columns = ["million/s", "ns/packet", "time", "CPU time", "peak MiB"];
    println!(
        "  {:26} {:>9} {:>9} {:>22} {:>22} {:>9}",
        "", columns[0], columns[1], columns[2], columns[3], columns[4]
    );
    let bare = samples.first().cloned().unwrap_or_default();
    for ((name, _), samples) in others.iter().zip(&samples) {
        if samples.is_empty() {
            println!("  {name:26} not measured");
            continue;
        }
        let time = Spread::of(
            samples
                .iter()
                .map(|sample| sample.elapsed.as_secs_f64() * 1e9 / packets),
        );
        let ratio = |of: fn(&Sample) -> Duration| {
            let ratios = samples
                .iter()
                .zip(&bare)
                .map(|(sample, bare)| of(sample).div_duration_f64(of(bare)));
            let Spread { min, median, max } = Spread::of(ratios);
            format!("{median:.2} ({min:.2}..{max:.2})")
        };
        let elapsed = ratio(|sample| sample.elapsed);
        let cpu = ratio(|sample| sample.cpu);
        let memory = Spread::of(
            samples
                .iter()
                .map(|sample| sample.peak_bytes as f64 / (1024.0 * 1024.0)),
        );
        let nanos = time.median;
        let peak = memory.max;
        println!(
            "  {name:26} {:9.2} {nanos:9.1} {elapsed:>22} {cpu:>22} {peak:9.1}",
            1_000.0 / nanos
        );
    }
    println!();
}
