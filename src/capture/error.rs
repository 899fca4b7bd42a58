//! What can go wrong with a capture, said so that the reader knows what to do.

use std::fmt;

/// A capture cannot be opened, or cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// The kernel allows packet sockets only with a capability.
    #[error(
        "capture on {interface} needs CAP_NET_RAW: run as root, or `setcap cap_net_raw=ep {binary}`"
    )]
    NotPermitted {
        /// The interface.
        interface: String,
        /// This program.
        binary: String,
    },
    /// The interface does not exist.
    #[error("no such interface {interface} (there are: {})", List(known))]
    NoSuchInterface {
        /// The interface.
        interface: String,
        /// Those that exist.
        known: Vec<String>,
    },
    /// The interface exists but is down.
    #[error("interface {interface} is down: `ip link set {interface} up` brings it up")]
    Down {
        /// The interface.
        interface: String,
    },
    /// libpcap refuses something else.
    #[error("cannot capture on {interface}: {reason}")]
    Interface {
        /// The interface.
        interface: String,
        /// In libpcap's words.
        reason: String,
    },
    /// The file cannot be opened or read.
    #[error("cannot read capture file {file}: {reason}")]
    File {
        /// The file.
        file: String,
        /// In the system's words.
        reason: String,
    },
    /// The file holds something else.
    #[error(
        "{file} is no capture file: expected pcap or pcapng, as it is or compressed by gzip or zstd ({reason})"
    )]
    NoCapture {
        /// The file.
        file: String,
        /// What it is instead.
        reason: String,
    },
    /// The link layer is not understood.
    #[error(
        "{place} has link type {link}, which is not understood (understood are: Ethernet, Linux cooked v1 and v2, \
         BSD loopback, raw IP, PPP, Cisco HDLC, IEEE 802.11, LLC, PFLOG, NFLOG, PPI, PKTAP, frame relay, ERF and older ones)"
    )]
    Link {
        /// The interface or file.
        place: String,
        /// The link type's name.
        link: String,
    },
    /// The user's filter does not compile.
    #[error(
        "--capture.filter `{filter}` does not compile: {reason} (the syntax is in pcap-filter(7))"
    )]
    Filter {
        /// As given.
        filter: String,
        /// In libpcap's words.
        reason: String,
    },
    /// Waiting for packets failed.
    #[error("cannot wait for packets: {0}")]
    Wait(String),
    /// This host's interfaces cannot be listed.
    #[error("cannot list network interfaces: {0}")]
    Interfaces(String),
}

struct List<'a>(&'a [String]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// libpcap's errors are strings; the crate adds a prefix of its own to some.
pub(super) fn words(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(words) => words.clone(),
        other => other.to_string(),
    }
}
