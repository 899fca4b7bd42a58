//! Tests from outside: what the crate promises, told as conversations, held against random traffic, and met on real hosts.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "what helps tests may fail like tests")]

mod accounting;
mod captures;
mod conversations;
mod decoding;
mod filtering;
mod lab;
mod live;
mod stories;
mod traffic;
mod wire;
mod witness;
