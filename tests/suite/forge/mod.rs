//! Captures made for a test: a story in packets, written in any link layer and file format.

mod file;
mod link;
mod network;
mod packet;
mod story;

pub(crate) use file::{Format, capture};
pub(crate) use link::Link;
pub(crate) use network::ip_packet;
pub(crate) use packet::{ACK, Body, FIN, Packet, RST, SYN, TcpOption};
pub(crate) use story::story;
