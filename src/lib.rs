//! `tcp_handshake_exporter`: a Prometheus exporter that captures TCP handshakes, and counts the
//! outcome of every connection attempt.
//!
//! ```text
//! capture -> decode -> handshake -> pipeline -+-> metrics ---> /metrics
//! (frames)   (packets) (events)     (records)  +-> diagnosis -> page, JSON, text
//!                                      |
//!                                   labels (label sets)
//! ```
//!
//! Modules in dependency order: a module may import only modules declared above it (enforced by
//! `tests/suite/architecture.rs`).
//!
//! # Example
//!
//! Follows one SYN until its deadline:
//!
//! ```
//! use std::time::Duration;
//! use tcp_handshake_exporter::decode::decode;
//! use tcp_handshake_exporter::frame::{Frame, Interface, Link};
//! use tcp_handshake_exporter::handshake::*;
//! use tcp_handshake_exporter::packet::IcmpError;
//! use tcp_handshake_exporter::time::Timestamp;
//!
//! struct Print;
//!
//! impl EventSink for Print {
//!     fn opened(&mut self, _: Timestamp, _: Opening<'_>) -> Assignment {
//!         Assignment { owner: OwnerId(1), history: PeerHistory::New }
//!     }
//!     fn event(&mut self, _: Timestamp, event: Event, attempt: Option<AttemptRef<'_>>) {
//!         println!("{event:?}: {:?}", attempt.map(|attempt| attempt.four_tuple()));
//!     }
//!     fn unmatched_icmp(&mut self, _: &IcmpError) -> bool {
//!         false
//!     }
//! }
//!
//! let timeout = Duration::from_secs(5);
//! let mut tracker = Tracker::new(AttemptLimits { timeout, max_attempts: 1024 });
//! // An IPv4 packet without a link header: 10.0.0.1:1024 sends a SYN to 10.0.0.2:80.
//! let bytes = [
//!     0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, //
//!     4, 0, 0, 80, 0, 0, 0, 7, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0,
//! ];
//! # let interface = Interface { id: 0, number: 0, link: Link::Raw, hardware_address: None };
//! # let frame = Frame { at: Timestamp::default(), interface: &interface, bytes: &bytes, wire_length: 40 };
//! let packet = decode(&frame).expect("a TCP segment");
//! let key = tracker.flow_hasher().key_of(&packet);
//! tracker.handle_packet(frame.at, &packet, &key, &mut Print);
//! tracker.handle_timeout(frame.at + timeout, usize::MAX, &mut Print); // Failed(.., Unanswered)
//! assert_eq!(tracker.pending(), 0);
//! ```

/// Packet time.
pub mod time;
/// Captured frames.
pub mod frame;
/// Live interfaces and capture files: the only module that opens a device or reads a clock for
/// packets.
pub mod capture;
/// Decoded facts about one packet.
pub mod packet;
/// Bytes to packets.
pub mod decode;
/// The outcome of each attempt.
pub mod handshake;
/// Label sets: vantage, local address, port and peer.
pub mod labels;
/// Facts about packets and attempts, attributed to label sets where they have one.
pub mod record;
/// Stored values and their exposition.
pub mod metrics;
/// Verdicts: what is wrong, where, and what to do next.
pub mod diagnosis;
/// Joins two captures of the same time by ISN.
pub mod compare;
/// The HTTP server.
pub mod http;
/// Dropping of privileges.
pub mod privilege;
/// The typed configuration.
pub mod config;
/// Flags, environment and configuration file.
pub mod cli;
/// Frames to records, and records to metrics and diagnosis.
pub mod pipeline;
/// The commands: the only module that may import all others.
pub mod app;
