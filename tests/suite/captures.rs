//! Records the golden captures of `tests/captures` in network namespaces.

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::golden_captures::{GOLDEN_CAPTURES, GoldenCapture};
use crate::netns::Laboratory;
use crate::netns::cases::run_all;
use crate::netns::connect::{CONNECT_TIMEOUT, MARKER_PORT, connects, results};
use crate::netns::container_host::{self, ContainerHost};
use crate::netns::impairments::ImpairedTopology;
use crate::netns::pair::{self, Pair};
use crate::netns::recording::Recordings;
use crate::netns::topology::{self, Family, Topology};

/// Begins `tests/captures/README.md`.
const INTRODUCTION: &str = "\
# Golden captures

Small captures of one case each. `record.sh` recorded them in network namespaces (`tests/suite/netns`) with {tcpdump}, on
Linux {kernel}: real kernels, no real hosts.
Addresses are from 10.0.0.0/8, 192.0.2.0/24 and 2001:db8::/32; packets are cut to 160 bytes; times are nanoseconds.
`any` is LINUX_SLL2, `eth0` Ethernet.

- Path: client 10.77.1.2, 2001:db8:1::2; firewall 10.77.1.1 and 10.77.2.1, 2001:db8:1::1 and 2001:db8:2::1; server 10.77.2.2,
  2001:db8:2::2. \"Impaired\" is this path with packet loss, delay and other impairments; the server has 10.77.2.3 as well.
- Container host: 192.0.2.1 and 10.88.0.1, 2001:db8:9::1 and 2001:db8:88::1; containers 10.88.0.2 and 10.88.0.3; outside
  192.0.2.2.
- Direct link: near 192.0.2.1, far 192.0.2.2.

A client sends its SYNs at 0, 1, 2, 3, 4, 5 and 6 s, and gives up at 8 s.

| file | recorded on | attempts | what happens |
|---|---|---|---|
";

/// Records the captures. It is not a test: `tests/captures/record.sh` runs it.
#[test]
#[ignore = "rewrites tests/captures"]
fn record_golden_captures() {
    let Some(laboratory) = Laboratory::open("record_golden_captures") else {
        return;
    };
    let mut recordings = Recordings::new();
    record_path(&laboratory, &mut recordings);
    record_container_host(&laboratory, &mut recordings);
    record_direct_link(&laboratory, &mut recordings);
    record_impaired_path(&laboratory, &mut recordings);
    let wanted = env::var("CAPTURES").unwrap_or_default();
    for capture in GOLDEN_CAPTURES
        .iter()
        .filter(|capture| wanted.is_empty() || wanted.split(' ').any(|file| file == capture.file))
    {
        capture.extract_from(&recordings.file(capture.recorded_on));
    }
    fs::write(captures().join("README.md"), readme()).expect("tests/captures can be written");
}

fn record_path(laboratory: &Laboratory, recordings: &mut Recordings) {
    let topology = Topology::build(laboratory);
    let Topology {
        client,
        firewall,
        server,
        ..
    } = &topology;
    for (host, interface) in [
        (client, "any"),
        (client, "eth0"),
        (firewall, "any"),
        (server, "any"),
        (server, "eth0"),
    ] {
        recordings.start(host, interface);
    }
    let _open = run_all(&topology);
    let _last = client.inside(|| connects(topology::marker(), 1, CONNECT_TIMEOUT));
    recordings.finish(&format!("tcp src port {MARKER_PORT}"));
}

fn record_container_host(laboratory: &Laboratory, recordings: &mut Recordings) {
    let hosts = ContainerHost::build(laboratory);
    recordings.start(&hosts.host, "any");
    let _open = hosts.run_all();
    let _last = hosts
        .outside
        .inside(|| connects(container_host::marker(), 1, CONNECT_TIMEOUT));
    recordings.finish(&format!("tcp src port {MARKER_PORT}"));
}

fn record_direct_link(laboratory: &Laboratory, recordings: &mut Recordings) {
    let pair = Pair::build(laboratory);
    pair.near.set_parameter("net.ipv4.tcp_ecn", "1");
    recordings.start(&pair.near, "eth0");
    let open = Family::BOTH.map(|family| {
        pair.near.inside(|| {
            connects(
                (family.pair_addresses().far, pair::OPEN_PORT).into(),
                3,
                CONNECT_TIMEOUT,
            )
        })
    });
    assert!(open.iter().all(|three| results(three) == [Some(Ok(())); 3]));
    recordings.finish("ip6[53] = 16");
}

fn record_impaired_path(laboratory: &Laboratory, recordings: &mut Recordings) {
    let impaired = ImpairedTopology::build(laboratory);
    let Topology {
        client,
        firewall,
        server,
        ..
    } = &impaired.topology;
    for (host, interface) in [(client, "eth0"), (firewall, "any"), (server, "eth0")] {
        recordings.start_as(
            host,
            interface,
            &format!("{} {interface}, impaired", host.role()),
        );
    }
    let _open = impaired.run_all();
    let _last = client.inside(|| connects(topology::marker(), 1, CONNECT_TIMEOUT));
    recordings.finish(&format!("tcp src port {MARKER_PORT}"));
}

impl GoldenCapture {
    fn extract_from(&self, recording: &Path) {
        let tcpdump = Command::new("tcpdump")
            .args(["--time-stamp-precision=nano", "-Z", "root", "-r"])
            .arg(recording)
            .arg("-w")
            .arg(captures().join(self.file).with_extension("pcap"))
            .args(self.first.map(|packets| format!("-c{packets}")))
            .arg(self.filter())
            .output()
            .expect("tcpdump runs");
        assert!(
            tcpdump.status.success(),
            "{}: {}",
            self.file,
            String::from_utf8_lossy(&tcpdump.stderr)
        );
    }
}

fn readme() -> String {
    let kernel =
        fs::read_to_string("/proc/sys/kernel/osrelease").expect("the kernel release can be read");
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
    for GoldenCapture {
        file,
        recorded_on,
        attempts,
        description,
        ..
    } in &GOLDEN_CAPTURES
    {
        writeln!(
            text,
            "| `{file}.pcap` | {recorded_on} | {attempts} | {description} |"
        )
        .expect("a string can be written");
    }
    text
}

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures")
}
