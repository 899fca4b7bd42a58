//! `tcp_handshake_exporter`: what became of every TCP connection attempt that this host can see.
//!
//! The rooms, in the order the data walks. A room may use those above it, never one below.

/// Packet time.
pub mod time;
/// What a capture hands over.
pub mod frame;
/// Interfaces and files; the only room that knows a device or a clock.
pub mod capture;
/// Facts about one packet.
pub mod packet;
/// Bytes to facts.
pub mod decode;
/// What became of each attempt.
pub mod handshake;
/// Vantage, port and peer.
pub mod labels;
/// The table of series and the numbers.
pub mod metrics;
/// What is wrong, where, and what to do next.
pub mod diagnosis;
/// The same attempts from both ends.
pub mod compare;
/// Pages over HTTP.
pub mod http;
/// What the program may do, once it has what it needs.
pub mod privilege;
/// The typed configuration.
pub mod config;
/// Flags, environment and configuration file to a typed configuration.
pub mod cli;
/// Frames to records, and records to the numbers and the diagnosis.
pub mod pipeline;
/// The commands: the only module that sees all others.
pub mod app;
