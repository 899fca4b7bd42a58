//! One packet script in every link layer and file format. tshark finds no error in any capture, and the program shows the
//! same counts for all.

use std::path::Path;
use std::process::Command;

use crate::golden::{compact, difference};
use crate::oracle::{self, IN_TRANSIT, page};
use crate::packet_builder::{Format, Link, capture, parse_script};

/// Snapshot length that keeps every frame whole.
const WHOLE: u32 = 65_535;

/// Snapshot length that keeps headers and options behind the longest link header, but not all data.
const HEADERS: u32 = 160;

/// All times are whole microseconds, because some formats cannot store more, and all packets have one capture point.
const SCRIPT: &str = "
c = 10.0.0.2:40000
d = 10.0.0.2:40001
e = 10.0.0.2:40002
s = 10.0.0.9:443
t = 10.0.0.9:80
r = 10.0.0.1:1
c6 = [2001:db8::2]:40000
d6 = [2001:db8::2]:40001
e6 = [2001:db8::2]:40002
s6 = [2001:db8::9]:443
t6 = [2001:db8::9]:80
r6 = [2001:db8::1]:1
0        c > s SEC  seq=4294967295 mss=1460 sack ts=1 scale=7 multipath unassigned alert
0.123    s > c SAE  seq=7 ack=0 ts=9
0.150    c > s UDP
0.200    c > s A    seq=0 ack=8 ts=1
1        c6 > s6 SEC seq=4294967295 ts=1 multipath unassigned hopbyhop destination
1.456    s6 > c6 SAE seq=7 ack=0 ts=9 routing
2        d > s S    seq=100 data=400 fastopen alert id=77
2.002    s > d SA   seq=7 ack=301
3        d6 > s6 S  seq=100 data=400 fastopen routing
3.002    s6 > d6 SA seq=7 ack=501
10       c > t S    seq=100
10.5     t > c RA   ack=101
11       c6 > t6 S  seq=100
11.5     t6 > c6 RA ack=101
20       d > t S    seq=100 ts=5 alert
21       r > d 3/13 alert of d > t S seq=100 ts=5 alert
22       d6 > t6 S  seq=100 ts=5
23       r6 > d6 1/1 hopbyhop of d6 > t6 S seq=100 ts=5 destination
30       e > s S    seq=100 ts=5
31       e6 > s6 S  seq=100 ts=5
40       e > t SP   seq=100 data=200 fragment
41       e6 > t6 SP seq=100 data=200 fragment
42       t > e SA   seq=3 ack=101
43       t6 > e6 SA seq=3 ack=101
1030     e > s S    seq=100 ts=1005
1031     e6 > s6 S  seq=100 ts=1005
6000     c > t R    seq=101
9000     s > e SA   seq=3 ack=101
9001     s6 > e6 SA seq=3 ack=101
";

#[test]
fn tshark_accepts_every_built_capture() {
    if !oracle::tshark::is_installed() {
        return;
    }
    let packets = parse_script(SCRIPT);
    let folder = tempfile::tempdir().unwrap();
    let links = Link::ALL.map(|link| (link, Format::PLAIN));
    let formats = Format::ALL.map(|format| (Link::Ethernet, format));
    for (link, format) in links.into_iter().chain(formats) {
        let file = folder.path().join("built");
        std::fs::write(&file, capture(&packets, link, format, WHOLE)).unwrap();
        assert_eq!(
            valid_segments(&file),
            packets.len() - 1,
            "{link:?} in {format:?}"
        );
    }
}

#[test]
fn script_gives_same_counts_in_every_format() {
    let packets = parse_script(SCRIPT);
    let folder = tempfile::tempdir().unwrap();
    let shown = |link, format, snaplen| {
        let file = folder.path().join(format!("{link:?}"));
        std::fs::write(&file, capture(&packets, link, format, snaplen)).unwrap();
        compact(&page(&file, IN_TRANSIT))
    };
    let wanted = shown(Link::Ethernet, Format::PLAIN, WHOLE);
    assert!(
        wanted.contains("tcp_handshake_answered_total"),
        "the script gave no answer:\n{wanted}"
    );
    for link in Link::ALL {
        for format in Format::ALL {
            for snaplen in [HEADERS, WHOLE] {
                let found = shown(link, format, snaplen);
                let difference = difference(&wanted, &found);
                assert!(
                    difference.is_empty(),
                    "{link:?} in {format:?} cut at {snaplen}:\n{difference}"
                );
            }
        }
    }
}

/// Returns the number of frames that tshark reads as TCP, or as ICMP about TCP, without a malformed header or a wrong
/// checksum. The checksum of a fragmented or quoted TCP segment cannot be checked.
fn valid_segments(file: &Path) -> usize {
    let bad = "_ws.malformed || _ws.short || ip.checksum.status == Bad || tcp.checksum.status == Bad \
               || icmp.checksum.status == Bad || icmpv6.checksum.status == Bad";
    let mut tshark = Command::new("tshark");
    tshark.args([
        "-n",
        "-o",
        "ip.check_checksum:TRUE",
        "-o",
        "tcp.check_checksum:TRUE",
    ]);
    tshark.args(["-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"]);
    tshark
        .args(["-Y", &format!("tcp && (!({bad}) || icmp || icmpv6)"), "-r"])
        .arg(file);
    let output = tshark.output().expect("cannot start tshark");
    String::from_utf8_lossy(&output.stdout).lines().count()
}
