//! Builds captures for tests: a packet script, written in any link layer and file format.

mod file;
mod link;
mod network;
mod packet;
mod script;

pub(crate) use file::{Format, capture};
pub(crate) use link::Link;
pub(crate) use network::ip_packet;
pub(crate) use packet::{ACK, Body, FIN, Packet, RST, SYN, TcpOption};
pub(crate) use script::parse_script;
