//! Errors of captures. Each message names the operation and the object, and states a remedy.

use std::fmt;

/// A capture cannot be opened, or cannot continue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// The kernel allows packet sockets only with a capability.
    #[error(
        "capture on {interface} needs CAP_NET_RAW: run as root, or `setcap cap_net_raw=ep {binary}`"
    )]
    NotPermitted {
        /// The interface.
        interface: String,
        /// Path of this program.
        binary: String,
    },
    /// The interface does not exist.
    #[error("no such interface {interface} (there are: {})", CommaSeparated(known))]
    NoSuchInterface {
        /// The interface.
        interface: String,
        /// The interfaces that exist.
        known: Vec<String>,
    },
    /// The interface exists but is down.
    #[error("interface {interface} is down: `ip link set {interface} up` brings it up")]
    Down {
        /// The interface.
        interface: String,
    },
    /// libpcap reports another error.
    #[error("cannot capture on {interface}: {reason}")]
    Interface {
        /// The interface.
        interface: String,
        /// The error message of libpcap.
        reason: String,
    },
    /// The file cannot be opened or read.
    #[error("cannot read capture file {file}: {reason}")]
    File {
        /// The file.
        file: String,
        /// The error message of the system.
        reason: String,
    },
    /// The file is not a capture file.
    #[error(
        "{file} is not a capture file: expected pcap or pcapng, plain or compressed with gzip or zstd ({reason})"
    )]
    NoCapture {
        /// The file.
        file: String,
        /// What was found instead.
        reason: String,
    },
    /// The link layer is not supported.
    #[error(
        "{place} has link type {link}, which is not supported (supported: Ethernet, Linux cooked v1 and v2, \
         BSD loopback, raw IP, PPP, Cisco HDLC, IEEE 802.11, LLC, PFLOG, NFLOG, PPI, PKTAP, frame relay, ERF and older ones)"
    )]
    Link {
        /// The interface or file.
        place: String,
        /// Name of the link type.
        link: String,
    },
    /// The filter expression of the user does not compile.
    #[error(
        "--capture.filter `{filter}` does not compile: {reason} (the syntax is in pcap-filter(7))"
    )]
    Filter {
        /// The expression.
        filter: String,
        /// The error message of libpcap.
        reason: String,
    },
    /// Waiting for packets failed.
    #[error("cannot wait for packets: {0}")]
    Wait(String),
    /// The interfaces of this host cannot be listed.
    #[error("cannot list network interfaces: {0}")]
    Interfaces(String),
}

impl CaptureError {
    /// Classifies an error of libpcap on an interface by its message.
    pub(super) fn of_interface(name: &str, error: &pcap::Error) -> Self {
        let reason = pcap_message(error);
        let interface = name.to_owned();
        let mentions = |text: &str| reason.to_lowercase().contains(text);
        if mentions("permission") || mentions("not permitted") {
            let binary = std::env::current_exe()
                .map_or_else(|_| "<binary>".to_owned(), |path| path.display().to_string());
            Self::NotPermitted { interface, binary }
        } else if mentions("is not up") || mentions("network is down") {
            Self::Down { interface }
        } else if mentions("no such device") {
            Self::NoSuchInterface {
                interface,
                known: Vec::new(),
            }
        } else {
            Self::Interface { interface, reason }
        }
    }
}

struct CommaSeparated<'a>(&'a [String]);

impl fmt::Display for CommaSeparated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// Returns the message of a libpcap error without the prefix that the crate adds to some of them.
pub(super) fn pcap_message(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(message) => message.clone(),
        other => other.to_string(),
    }
}
