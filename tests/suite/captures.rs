//! Records the golden captures of `tests/captures` from the laboratory: one small story a file.

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lab::Laboratory;
use crate::lab::cases::happen_all;
use crate::lab::connect::{MARKER, PATIENCE, connects, told};
use crate::lab::container_host::{self, ContainerHost};
use crate::lab::pair::{self, Pair};
use crate::lab::recording::Tapes;
use crate::lab::road::{self, Family, Road};
use crate::lab::weather::Weather;
use crate::stories::{STORIES, Story};

/// Not a test: the recorder. See `tests/captures/record.sh`.
#[test]
#[ignore = "rewrites tests/captures"]
fn record_the_golden_captures() {
    let Some(laboratory) = Laboratory::open("record_the_golden_captures") else {
        return;
    };
    let mut tapes = Tapes::new();
    on_the_road(&laboratory, &mut tapes);
    on_the_container_host(&laboratory, &mut tapes);
    on_one_cable(&laboratory, &mut tapes);
    in_bad_weather(&laboratory, &mut tapes);
    let wanted = env::var("STORIES").unwrap_or_default();
    for story in STORIES
        .iter()
        .filter(|story| wanted.is_empty() || wanted.split(' ').any(|file| file == story.file))
    {
        story.cut_from(&tapes.of(story.seen_from));
    }
    fs::write(captures().join("README.md"), readme()).expect("tests/captures can be written");
}

fn on_the_road(laboratory: &Laboratory, tapes: &mut Tapes) {
    let road = Road::build(laboratory);
    let Road {
        client,
        firewall,
        server,
        ..
    } = &road;
    for (host, interface) in [
        (client, "any"),
        (client, "eth0"),
        (firewall, "any"),
        (server, "any"),
        (server, "eth0"),
    ] {
        tapes.start(host, interface);
    }
    let _open = happen_all(&road);
    let _last = client.inside(|| connects(road::marker(), 1, PATIENCE));
    tapes.finish(&format!("tcp src port {MARKER}"));
}

fn on_the_container_host(laboratory: &Laboratory, tapes: &mut Tapes) {
    let hosts = ContainerHost::build(laboratory);
    tapes.start(&hosts.host, "any");
    let _open = hosts.cross();
    let _last = hosts
        .outside
        .inside(|| connects(container_host::marker(), 1, PATIENCE));
    tapes.finish(&format!("tcp src port {MARKER}"));
}

fn on_one_cable(laboratory: &Laboratory, tapes: &mut Tapes) {
    let pair = Pair::build(laboratory);
    pair.near.set("net.ipv4.tcp_ecn", "1");
    tapes.start(&pair.near, "eth0");
    let open = Family::BOTH.map(|family| {
        pair.near
            .inside(|| connects((family.cable().far, pair::OPEN).into(), 3, PATIENCE))
    });
    assert!(open.iter().all(|three| told(three) == [Some(Ok(())); 3]));
    tapes.finish("ip6[53] = 16");
}

fn in_bad_weather(laboratory: &Laboratory, tapes: &mut Tapes) {
    let weather = Weather::build(laboratory);
    let Road {
        client,
        firewall,
        server,
        ..
    } = &weather.road;
    for (host, interface) in [(client, "eth0"), (firewall, "any"), (server, "eth0")] {
        tapes.start_as(
            host,
            interface,
            &format!("{} {interface}, bad weather", host.role()),
        );
    }
    let _open = weather.happen();
    let _last = client.inside(|| connects(road::marker(), 1, PATIENCE));
    tapes.finish(&format!("tcp src port {MARKER}"));
}

impl Story {
    fn cut_from(&self, recording: &Path) {
        let cut = Command::new("tcpdump")
            .args(["--time-stamp-precision=nano", "-Z", "root", "-r"])
            .arg(recording)
            .arg("-w")
            .arg(captures().join(self.file).with_extension("pcap"))
            .args(self.first.map(|packets| format!("-c{packets}")))
            .arg(self.filter())
            .output()
            .expect("tcpdump runs");
        assert!(
            cut.status.success(),
            "{}: {}",
            self.file,
            String::from_utf8_lossy(&cut.stderr)
        );
    }
}

fn readme() -> String {
    let kernel =
        fs::read_to_string("/proc/sys/kernel/osrelease").expect("the kernel says its release");
    let kernel = kernel.split('-').next().unwrap_or_default();
    let version = Command::new("tcpdump")
        .arg("--version")
        .output()
        .expect("tcpdump runs");
    let version = String::from_utf8_lossy(&version.stdout)
        .lines()
        .take(2)
        .collect::<Vec<_>>()
        .join(", ");
    let mut text = INTRODUCTION
        .replace("{kernel}", kernel)
        .replace("{tcpdump}", &version);
    for Story {
        file,
        seen_from,
        attempts,
        tells,
        ..
    } in &STORIES
    {
        writeln!(
            text,
            "| `{file}.pcap` | {seen_from} | {attempts} | {tells} |"
        )
        .expect("a string can be written");
    }
    text
}

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures")
}

const INTRODUCTION: &str = "\
# Golden captures

Small stories, one a file. All were recorded by `record.sh` in network namespaces (the laboratory of `tests/suite/lab`)
with {tcpdump}, on Linux {kernel}: real kernels, no real hosts.
Addresses are from 10.0.0.0/8, 192.0.2.0/24 and 2001:db8::/32; packets are cut to 160 bytes; times are nanoseconds.
`any` is LINUX_SLL2, `eth0` Ethernet.

The road: client 10.77.1.2, 2001:db8:1::2; firewall 10.77.1.1 and 10.77.2.1, 2001:db8:1::1 and 2001:db8:2::1; server 10.77.2.2,
2001:db8:2::2, in bad weather 10.77.2.3, too. The container host: 192.0.2.1 and 10.88.0.1, 2001:db8:9::1 and 2001:db8:88::1; containers 10.88.0.2 and
10.88.0.3; outside 192.0.2.2. One cable: near 192.0.2.1, far 192.0.2.2. A client's SYNs are due at 0, 1, 2, 3, 4, 5, 6 s; it gives up at 8 s.

| file | recorded on | attempts | what happens |
|---|---|---|---|
";
