//! The program on a live interface: a veth pair between two network namespaces, and a sender as fast as it goes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

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
    scrapes(&cable, this);
    bulk(&cable, this, filter, rounds);
}

fn flood(cable: &Cable, this: &str) {
    println!(
        "live flood: SYNs from spoofed sources over a veth pair, {} s",
        SECONDS.as_secs()
    );
    let run = cable.run(this, Load::Flood, Some((PROGRAM, WATCH)));
    let captured = total(&run.page, "tcp_handshake_exporter_captured_packets_total");
    println!(
        "  sent {:.0}/s, {}",
        run.sent as f64 / SECONDS.as_secs_f64(),
        run.fate()
    );
    println!(
        "  {:.0} ns of CPU a packet, {:.1} MiB resident\n",
        run.cpu.as_secs_f64() * 1e9 / captured.max(1.0),
        run.resident as f64 / 1048576.0
    );
}

/// Forty at once, again and again, in the midst of a flood that fills all tables, and until its last deadlines have passed.
fn scrapes(cable: &Cable, this: &str) {
    println!("live flood, and {SCRAPES} scrapes at once of the plain text, again and again");
    let mut watching = cable.watch(PROGRAM, WATCH);
    sleep(Duration::from_secs(1));
    let seconds = (2 * SECONDS).as_secs().to_string();
    let mut sender = inside(&cable.near);
    let mut sending = sender
        .args([this, "send", Load::Flood.name(), "near0", &seconds])
        .stdout(Stdio::null())
        .spawn()
        .expect("it sends");
    sleep(Duration::from_secs(2));
    let mut took = Vec::new();
    while sending.try_wait().expect("it can be asked").is_none() {
        took.extend(scope(|scope| {
            let one = || {
                let start = Instant::now();
                assert!(cable.page().contains(" 200 OK"), "a scrape was refused");
                start.elapsed().as_secs_f64()
            };
            let all: Vec<_> = (0..SCRAPES).map(|_| scope.spawn(one)).collect();
            all.into_iter()
                .map(|one| one.join().expect("no panic"))
                .collect::<Vec<f64>>()
        }));
    }
    sleep(Duration::from_secs(6));
    let (page, resident) = (cable.page(), resident_of(watching.id()));
    watching
        .kill()
        .and_then(|()| watching.wait())
        .expect("it ends");
    println!(
        "  {} scrapes, each answered within {} s",
        took.len(),
        Spread::of(took.iter().copied())
    );
    println!(
        "  {}, {:.1} MiB resident at the most\n",
        fate(&page),
        resident as f64 / 1048576.0
    );
}

/// How much slower the sender gets by what watches it: in each round it runs alone and beside each, in turn.
fn bulk(cable: &Cable, this: &str, filter: &str, rounds: usize) {
    println!(
        "live bulk: full segments, one SYN in a thousand; what the sender keeps of its rate, of {rounds} rounds"
    );
    let watchers: [(&str, &str, &[&str]); 2] = [
        ("this program", PROGRAM, WATCH),
        (
            "tcpdump -w /dev/null",
            "tcpdump",
            &["-i", "far0", "-w", "/dev/null", filter],
        ),
    ];
    let rounds: Vec<(Run, [Run; 2])> = (0..rounds)
        .map(|round| {
            let alone = cable.run(this, Load::Bulk, None);
            let mut runs = watchers;
            runs.rotate_left(round % 2);
            let mut watched =
                runs.map(|(_, program, flags)| cable.run(this, Load::Bulk, Some((program, flags))));
            watched.rotate_right(round % 2);
            (alone, watched)
        })
        .collect();
    let columns: [fn(&[Run; 2]) -> &Run; 2] = [|[this, _]| this, |[_, other]| other];
    for ((name, ..), of) in watchers.iter().zip(columns) {
        let kept = Spread::of(
            rounds
                .iter()
                .map(|(alone, watched)| of(watched).sent as f64 / alone.sent as f64),
        );
        let cpu = Spread::of(
            rounds
                .iter()
                .map(|(_, watched)| of(watched).cpu.as_secs_f64() / SECONDS.as_secs_f64()),
        );
        println!("  {name:22} {kept}, {:.1} % of a core", cpu.median * 100.0);
    }
    let beside = |(_, [this, other]): &(Run, [Run; 2])| this.sent as f64 / other.sent as f64;
    println!(
        "  {:22} {}\n",
        "the one to the other",
        Spread::of(rounds.iter().map(beside))
    );
}

impl Run {
    fn fate(&self) -> String {
        fate(&self.page)
    }
}

impl Cable {
    fn lay() -> Self {
        let pid = std::process::id();
        let cable = Self {
            near: format!("bench-{pid}-near"),
            far: format!("bench-{pid}-far"),
        };
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
        let sender = inside(&self.near)
            .args([this, "send", load.name(), "near0", &seconds])
            .output()
            .expect("it sends");
        let sent = String::from_utf8_lossy(&sender.stdout)
            .trim()
            .parse()
            .expect("the sender says how many");
        sleep(Duration::from_millis(500));
        let (mut page, mut cpu, mut resident) = (String::new(), Duration::ZERO, 0);
        if let Some(child) = &mut watching {
            cpu = cpu_of(child.id());
            resident = resident_of(child.id());
            page = self.page();
            child.kill().and_then(|()| child.wait()).expect("it ends");
        }
        Run {
            sent,
            cpu,
            page,
            resident,
        }
    }

    fn watch(&self, program: &str, flags: &[&str]) -> Child {
        let mut command = inside(&self.far);
        command
            .arg(program)
            .args(flags)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it watches")
    }

    /// The metrics of what watches, where it is this program.
    fn page(&self) -> String {
        let mut page = String::new();
        let far = std::fs::File::open(format!("/run/netns/{}", self.far))
            .expect("the namespace is there");
        let read = || {
            nix::sched::setns(far, nix::sched::CloneFlags::CLONE_NEWNET).expect("root may move in");
            let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, 10077)) else {
                return;
            };
            write!(stream, "GET /metrics HTTP/1.0\r\n\r\n").expect("it reads");
            stream.read_to_string(&mut page).expect("it answers");
        };
        scope(|scope| scope.spawn(read).join()).expect("no panic");
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

/// What came of the packets.
fn fate(page: &str) -> String {
    let of = |what: &str| {
        total(
            page,
            &format!("tcp_handshake_exporter_{what}_packets_total"),
        )
    };
    format!("captured {}, dropped {}", of("captured"), of("dropped"))
}

/// The sum of a metric's series.
fn total(page: &str, metric: &str) -> f64 {
    let series = page.lines().filter(|line| line.starts_with(metric));
    series
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_tcp_handshake_exporter");
const WATCH: &[&str] = &["-i", "far0"];
const SCRAPES: usize = 40;
const SECONDS: Duration = Duration::from_secs(5);
