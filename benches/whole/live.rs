//! The program on a live interface: a veth pair between two network namespaces, and a sender as fast as it goes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::measure::{Spread, cpu_of, resident_of};
use super::sender::Load;

/// Two hosts and a cable between them, removed when dropped.
struct Cable {
    near: String,
    far: String,
}

/// What one run came to.
struct Run {
    sent: u64,
    /// What watched took.
    cpu: Duration,
    page: String,
    resident: u64,
}

/// Measures and prints the flood and the bulk transfer.
pub(crate) fn measure(this: &str, filter: &str, rounds: usize) {
    if !nix::unistd::geteuid().is_root() {
        println!("live: not measured, for namespaces need root\n");
        return;
    }
    let cable = Cable::lay();
    flood(&cable, this);
    bulk(&cable, this, filter, rounds);
}

fn flood(cable: &Cable, this: &str) {
    println!("live flood: SYNs from spoofed sources over a veth pair, {} s", SECONDS.as_secs());
    let (flags, name) = (["-i", "far0"].as_slice(), "this program");
    let run = cable.run(this, Load::Flood, Some((env!("CARGO_BIN_EXE_tcp_handshake_exporter"), flags)));
    let captured = total(&run.page, "tcp_handshake_exporter_captured_packets_total");
    let dropped = total(&run.page, "tcp_handshake_exporter_dropped_packets_total");
    println!("  sent {:.0}/s, captured {captured}, dropped {dropped}", run.sent as f64 / SECONDS.as_secs_f64());
    println!(
        "  {name}: {:.0} ns of CPU a packet, {:.1} MiB resident\n",
        run.cpu.as_secs_f64() * 1e9 / captured.max(1.0),
        run.resident as f64 / 1048576.0
    );
}

/// How much slower the sender gets by what watches it: in each round it runs alone and beside each, in turn.
fn bulk(cable: &Cable, this: &str, filter: &str, rounds: usize) {
    println!("live bulk: full segments, one SYN in a thousand; what the sender keeps of its rate, of {rounds} rounds");
    let watchers: [(&str, &str, &[&str]); 2] = [
        ("this program", env!("CARGO_BIN_EXE_tcp_handshake_exporter"), &["-i", "far0"]),
        ("tcpdump -w /dev/null", "tcpdump", &["-i", "far0", "-w", "/dev/null", filter]),
    ];
    let rounds: Vec<(Run, [Run; 2])> = (0..rounds)
        .map(|round| {
            let alone = cable.run(this, Load::Bulk, None);
            let mut runs = watchers;
            runs.rotate_left(round % 2);
            let mut watched = runs.map(|(_, program, flags)| cable.run(this, Load::Bulk, Some((program, flags))));
            watched.rotate_right(round % 2);
            (alone, watched)
        })
        .collect();
    let columns: [fn(&[Run; 2]) -> &Run; 2] = [|[this, _]| this, |[_, other]| other];
    for ((name, ..), of) in watchers.iter().zip(columns) {
        let kept = Spread::of(rounds.iter().map(|(alone, watched)| of(watched).sent as f64 / alone.sent as f64));
        let cpu = Spread::of(rounds.iter().map(|(_, watched)| of(watched).cpu.as_secs_f64() / SECONDS.as_secs_f64()));
        println!("  {name:22} {kept}, {:.1} % of a core", cpu.median * 100.0);
    }
    let beside = |(_, [this, other]): &(Run, [Run; 2])| this.sent as f64 / other.sent as f64;
    println!("  {:22} {}\n", "the one to the other", Spread::of(rounds.iter().map(beside)));
}

impl Cable {
    fn lay() -> Self {
        let pid = std::process::id();
        let cable = Self { near: format!("bench-{pid}-near"), far: format!("bench-{pid}-far") };
        let (near, far) = (cable.near.as_str(), cable.far.as_str());
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
        cable
    }

    /// Sends for a while, with something that watches the far end, or nothing.
    fn run(&self, this: &str, load: Load, watcher: Option<(&str, &[&str])>) -> Run {
        let mut watching = watcher.map(|(program, flags)| self.watch(program, flags));
        sleep(Duration::from_secs(1));
        let seconds = SECONDS.as_secs().to_string();
        let sender =
            inside(&self.near).args([this, "send", load.name(), "near0", &seconds]).output().expect("it sends");
        let sent = String::from_utf8_lossy(&sender.stdout).trim().parse().expect("the sender says how many");
        sleep(Duration::from_millis(500));
        let (mut page, mut cpu, mut resident) = (String::new(), Duration::ZERO, 0);
        if let Some(child) = &mut watching {
            cpu = cpu_of(child.id());
            resident = resident_of(child.id());
            page = self.page();
            child.kill().and_then(|()| child.wait()).expect("it ends");
        }
        Run { sent, cpu, page, resident }
    }

    fn watch(&self, program: &str, flags: &[&str]) -> Child {
        let mut command = inside(&self.far);
        command.arg(program).args(flags).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it watches")
    }

    /// The metrics of what watches, where it is this program.
    fn page(&self) -> String {
        let mut page = String::new();
        let far = std::fs::File::open(format!("/run/netns/{}", self.far)).expect("the namespace is there");
        let read = || {
            nix::sched::setns(far, nix::sched::CloneFlags::CLONE_NEWNET).expect("root may move in");
            let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, 10077)) else { return };
            write!(stream, "GET /metrics HTTP/1.0\r\n\r\n").expect("it reads");
            stream.read_to_string(&mut page).expect("it answers");
        };
        std::thread::scope(|scope| scope.spawn(read).join()).expect("no panic");
        page
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for name in [&self.near, &self.far] {
            let _gone = Command::new("ip").args(["netns", "delete", name]).status();
        }
    }
}

fn inside(namespace: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace]);
    command
}

/// The sum of a metric's series.
fn total(page: &str, metric: &str) -> f64 {
    let series = page.lines().filter(|line| line.starts_with(metric));
    series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

const SECONDS: Duration = Duration::from_secs(5);
