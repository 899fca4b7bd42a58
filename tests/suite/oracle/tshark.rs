//! Runs tshark on a capture file and reads its text fields: no reassembly, no state, no rejection by checksum.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

/// The requested fields, by their names in `tshark -G fields`.
const FIELDS: [&str; 30] = [
    "frame.time_epoch",
    "frame.protocols",
    "frame.interface_id",
    "eth.src",
    "eth.dst",
    "sll.pkttype",
    "sll.hatype",
    "sll.ifindex",
    "ip.src",
    "ip.dst",
    "ip.frag_offset",
    "ip.id",
    "ip.proto",
    "ip.ttl",
    "ipv6.src",
    "ipv6.dst",
    "ipv6.hlim",
    "icmp.type",
    "icmp.code",
    "icmpv6.type",
    "icmpv6.code",
    "udp.dstport",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.seq",
    "tcp.ack",
    "tcp.flags",
    "tcp.len",
    "tcp.urgent_pointer",
    "tcp.options.timestamp.tsval",
];

/// Preferences that make tshark read each packet independently, with sequence numbers as on the wire.
const PREFERENCES: [&str; 10] = [
    "ip.defragment:FALSE",
    "ipv6.defragment:FALSE",
    "ip.check_checksum:FALSE",
    "tcp.check_checksum:FALSE",
    "tcp.desegment_tcp_streams:FALSE",
    "tcp.relative_sequence_numbers:FALSE",
    "tcp.analyze_sequence_numbers:FALSE",
    "tcp.calculate_timestamps:FALSE",
    "tcp.dissect_experimental_options_rfc6994:FALSE",
    "icmp.favor_icmp_mpls:FALSE",
];

/// The fields of one frame. Each field has all its occurrences, outermost first.
pub(crate) struct FrameFields(HashMap<&'static str, Vec<String>>);

impl FrameFields {
    fn from_line(line: &str) -> Self {
        let values = line
            .split('\t')
            .map(|value| value.split(',').map(str::to_owned).collect::<Vec<_>>());
        Self(
            FIELDS
                .into_iter()
                .zip(values)
                .filter(|(_, values)| values != &[""])
                .collect(),
        )
    }

    /// Returns the outermost occurrence of a field.
    pub(crate) fn first(&self, field: &str) -> Option<&str> {
        self.nth(field, 0)
    }

    /// Returns an occurrence of a field. The outermost has index 0.
    pub(crate) fn nth(&self, field: &str, index: usize) -> Option<&str> {
        self.0.get(field)?.get(index).map(String::as_str)
    }

    /// Returns the outermost occurrence of a field as a number, which tshark writes in decimal or with the prefix 0x.
    pub(crate) fn number<N: TryFrom<u64>>(&self, field: &str) -> Option<N> {
        let text = self.first(field)?;
        let number = match text.strip_prefix("0x") {
            Some(hexadecimal) => u64::from_str_radix(hexadecimal, 16),
            None => text.parse(),
        };
        N::try_from(number.ok()?).ok()
    }
}

/// `true` if tshark is installed. Otherwise a message is printed, and in CI the test fails.
pub(crate) fn is_installed() -> bool {
    let installed = Command::new("tshark")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !installed {
        let message = "NOT TESTED: this test needs tshark (Debian: apt-get install tshark)";
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{message}");
        eprintln!("{message}");
    }
    installed
}

/// Calls `each` for every frame of `file`, in file order.
///
/// A truncated file is read up to its end. Returns tshark's error message if it reads no frame.
pub(crate) fn read(file: &Path, mut each: impl FnMut(&FrameFields)) -> Result<(), String> {
    let mut command = Command::new("tshark");
    command
        .args([
            "-n",
            "-T",
            "fields",
            "-E",
            "separator=/t",
            "-E",
            "occurrence=a",
            "-E",
            "aggregator=,",
            "-r",
        ])
        .arg(file);
    command.args(PREFERENCES.iter().flat_map(|preference| ["-o", preference]));
    command.args(FIELDS.iter().flat_map(|field| ["-e", field]));
    let mut tshark = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cannot start tshark");
    let mut frames = 0_u64;
    for line in BufReader::new(tshark.stdout.take().unwrap()).lines() {
        each(&FrameFields::from_line(&line.unwrap()));
        frames += 1;
    }
    let mut error = String::new();
    tshark
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut error)
        .unwrap();
    let succeeded = tshark.wait().unwrap().success();
    if succeeded || frames > 0 {
        Ok(())
    } else {
        Err(error)
    }
}
