//! `tcp_handshake_exporter`: what became of every TCP connection attempt that this host can see.
//!
//! The rooms, in the order the data walks. Imports point up this list only: a room may use those above it.

pub mod frame;
pub mod handshake;
pub mod packet;
pub mod time;
