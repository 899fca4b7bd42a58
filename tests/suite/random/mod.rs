//! Random traffic.

mod any_packets;
mod conversation;
mod path;

pub(crate) use any_packets::any_packets;
pub(crate) use conversation::{conversations, packets};
