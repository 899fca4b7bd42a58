//! Measures the program on a live interface: a veth pair between two network namespaces.
//!
//! The sender sends as fast as it can.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use super::measure::{Spread, cpu_of, peak_resident_of};
use super::sender::Load;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tcp_handshake_exporter");
/// Arguments of the program.
const CAPTURE_FAR: &[&str] = &["-i", "far0"];
/// Number of concurrent scrapes.
const SCRAPES: usize = 40;
/// Duration of one run.
const RUN_TIME: Duration = Duration::from_secs(5);
/// Longer than the handshake timeout, so that all deadlines have passed.
const TIMEOUT_MARGIN: Duration = Duration::from_secs(6);
const MIB: f64 = 1_048_576.0;

/// Two network namespaces connected by a veth pair. They are deleted on drop.
struct VethPair {
    near: String,
    far: String,
}

/// The results of one run.
struct Run {
    /// Number of frames sent.
    sent: u64,
    /// CPU time of the observer.
    cpu: Duration,
    /// Metrics of the observer.
    metrics: String,
    /// Peak resident memory of the observer, in bytes.
    peak_resident: u64,
}

/// Measures and prints the flood and the bulk transfer.
pub(crate) fn measure(this: &str, filter: &str, rounds: usize) {
    if !nix::unistd::geteuid().is_root() {
        println!("live: not measured, network namespaces need root\n");
        return;
    }
    let pair = VethPair::create();
    flood(&pair, this);
    scrapes(&pair, this);
    bulk(&pair, this, filter, rounds);
}

/// Measures CPU time and memory in a SYN flood.
fn flood(pair: &VethPair, this: &str) {
    println!(
        "live flood: SYNs from spoofed sources over a veth pair, {} s",
        RUN_TIME.as_secs()
    );
    let run = pair.run(this, Load::Flood, Some((PROGRAM, CAPTURE_FAR)));
    let captured = total(
        &run.metrics,
        "tcp_handshake_exporter_captured_packets_total",
    );
    println!(
        "  sent {:.0}/s, {}",
        run.sent as f64 / RUN_TIME.as_secs_f64(),
        run.packet_counts()
    );
    println!(
        "  {:.0} ns of CPU a packet, {:.1} MiB resident\n",
        run.cpu.as_secs_f64() * 1e9 / captured.max(1.0),
        run.peak_resident as f64 / MIB
    );
}

/// Measures repeated concurrent scrapes during a flood that fills all tables.
///
/// Memory is measured after the last deadlines of the flood have passed.
fn scrapes(pair: &VethPair, this: &str) {
    println!("live flood, and {SCRAPES} concurrent scrapes of the text format, repeatedly");
    let mut observer = pair.start_observer(PROGRAM, CAPTURE_FAR);
    sleep(Duration::from_secs(1));
    let seconds = (2 * RUN_TIME).as_secs().to_string();
    let mut sender = in_namespace(&pair.near);
    let mut sending = sender
        .args([this, "send", Load::Flood.name(), "near0", &seconds])
        .stdout(Stdio::null())
        .spawn()
        .expect("the sender runs");
    sleep(Duration::from_secs(2));
    let mut took = Vec::new();
    while sending
        .try_wait()
        .expect("the status can be read")
        .is_none()
    {
        took.extend(scope(|scope| {
            let scrape = || {
                let start = Instant::now();
                assert!(pair.scrape().contains(" 200 OK"), "a scrape failed");
                start.elapsed().as_secs_f64()
            };
            let scrapes: Vec<_> = (0..SCRAPES).map(|_| scope.spawn(scrape)).collect();
            scrapes
                .into_iter()
                .map(|scrape| scrape.join().expect("no panic"))
                .collect::<Vec<f64>>()
        }));
    }
    sleep(TIMEOUT_MARGIN);
    let metrics = pair.scrape();
    let peak_resident = peak_resident_of(observer.id());
    observer
        .kill()
        .and_then(|()| observer.wait())
        .expect("the observer ends");
    println!(
        "  {} scrapes, each answered within {} s",
        took.len(),
        Spread::of(took.iter().copied())
    );
    println!(
        "  {}, {:.1} MiB peak resident\n",
        packet_counts(&metrics),
        peak_resident as f64 / MIB
    );
}

/// Measures how much an observer slows the sender down.
///
/// In each round the sender runs alone and then with each observer, in alternating order.
fn bulk(pair: &VethPair, this: &str, filter: &str, rounds: usize) {
    println!(
        "live bulk: full segments, one SYN in a thousand; rate of the sender relative to its rate alone, {rounds} rounds"
    );
    let observers: [(&str, &str, &[&str]); 2] = [
        ("this program", PROGRAM, CAPTURE_FAR),
        (
            "tcpdump -w /dev/null",
            "tcpdump",
            &["-i", "far0", "-w", "/dev/null", filter],
        ),
    ];
    let rounds: Vec<(Run, [Run; 2])> = (0..rounds)
        .map(|round| {
            let alone = pair.run(this, Load::Bulk, None);
            let mut runs = observers;
            runs.rotate_left(round % 2);
            let mut observed =
                runs.map(|(_, program, flags)| pair.run(this, Load::Bulk, Some((program, flags))));
            observed.rotate_right(round % 2);
            (alone, observed)
        })
        .collect();
    let columns: [fn(&[Run; 2]) -> &Run; 2] = [|[this, _]| this, |[_, other]| other];
    for ((name, ..), of) in observers.iter().zip(columns) {
        let kept = Spread::of(
            rounds
                .iter()
                .map(|(alone, observed)| of(observed).sent as f64 / alone.sent as f64),
        );
        let cpu = Spread::of(
            rounds
                .iter()
                .map(|(_, observed)| of(observed).cpu.as_secs_f64() / RUN_TIME.as_secs_f64()),
        );
        println!("  {name:22} {kept}, {:.1} % of a core", cpu.median * 100.0);
    }
    let ratio = |(_, [this, other]): &(Run, [Run; 2])| this.sent as f64 / other.sent as f64;
    println!(
        "  {:22} {}\n",
        "first to second",
        Spread::of(rounds.iter().map(ratio))
    );
}

impl Run {
    fn packet_counts(&self) -> String {
        packet_counts(&self.metrics)
    }
}

impl VethPair {
    fn create() -> Self {
        let pid = std::process::id();
        let pair = Self {
            near: format!("bench-{pid}-near"),
            far: format!("bench-{pid}-far"),
        };
        let (near, far) = (pair.near.as_str(), pair.far.as_str());
        for line in [
            format!("netns add {near}"),
            format!("netns add {far}"),
            format!("-n {near} link add near0 type veth peer name far0 netns {far}"),
            format!("-n {near} link set near0 up"),
            format!("-n {far} link set far0 up"),
            format!("-n {far} link set lo up"),
            format!("-n {far} addr add 192.0.2.2/24 dev far0"),
        ] {
            let status = Command::new("ip").args(line.split(' ')).status();
            assert!(status.is_ok_and(|status| status.success()), "ip {line}");
        }
        pair
    }

    /// Runs the sender, with an observer at the far end if one is given.
    fn run(&self, this: &str, load: Load, observer: Option<(&str, &[&str])>) -> Run {
        let mut observer = observer.map(|(program, flags)| self.start_observer(program, flags));
        sleep(Duration::from_secs(1));
        let seconds = RUN_TIME.as_secs().to_string();
        let sender = in_namespace(&self.near)
            .args([this, "send", load.name(), "near0", &seconds])
            .output()
            .expect("the sender runs");
        let sent = String::from_utf8_lossy(&sender.stdout)
            .trim()
            .parse()
            .expect("the sender prints the number of frames");
        sleep(Duration::from_millis(500));
        let mut metrics = String::new();
        let mut cpu = Duration::ZERO;
        let mut peak_resident = 0;
        if let Some(child) = &mut observer {
            cpu = cpu_of(child.id());
            peak_resident = peak_resident_of(child.id());
            metrics = self.scrape();
            child
                .kill()
                .and_then(|()| child.wait())
                .expect("the observer ends");
        }
        Run {
            sent,
            cpu,
            metrics,
            peak_resident,
        }
    }

    fn start_observer(&self, program: &str, flags: &[&str]) -> Child {
        let mut command = in_namespace(&self.far);
        command
            .arg(program)
            .args(flags)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the observer starts")
    }

    /// Returns the response to a scrape. Empty if the observer is not this program.
    fn scrape(&self) -> String {
        let mut response = String::new();
        let far =
            std::fs::File::open(format!("/run/netns/{}", self.far)).expect("the namespace exists");
        let request = || {
            nix::sched::setns(far, nix::sched::CloneFlags::CLONE_NEWNET)
                .expect("root may enter the namespace");
            let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, 10077)) else {
                return;
            };
            write!(stream, "GET /metrics HTTP/1.0\r\n\r\n").expect("the request is sent");
            stream
                .read_to_string(&mut response)
                .expect("the response is complete");
        };
        scope(|scope| scope.spawn(request).join()).expect("no panic");
        response
    }
}

impl Drop for VethPair {
    fn drop(&mut self) {
        for name in [&self.near, &self.far] {
            let _deleted = Command::new("ip").args(["netns", "delete", name]).status();
        }
    }
}

/// Returns a command that runs in the namespace.
fn in_namespace(namespace: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace]);
    command
}

/// Formats the numbers of captured and dropped packets.
fn packet_counts(metrics: &str) -> String {
    let of = |kind: &str| {
        total(
            metrics,
            &format!("tcp_handshake_exporter_{kind}_packets_total"),
        )
    };
    format!("captured {}, dropped {}", of("captured"), of("dropped"))
}

/// Returns the sum of all series of a metric.
fn total(metrics: &str, metric: &str) -> f64 {
    let series = metrics.lines().filter(|line| line.starts_with(metric));
    series
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}
