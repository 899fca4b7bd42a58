//! Tests from outside: what the crate promises, told as conversations, held against random traffic, and met on real hosts.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test that cannot go on says so by panicking"
)]

mod accounting;
mod captures;
mod conversations;
mod decoding;
mod diagnose;
mod house;
mod lab;
mod live;
mod packets;
mod program;
mod readme;
mod stories;
mod traffic;
mod wire;
mod witness;
mod words;
