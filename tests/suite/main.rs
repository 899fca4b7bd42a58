//! Tests from outside: what the crate promises, told as conversations, held against random traffic, and met on real hosts.

mod accounting;
mod captures;
mod conversations;
mod decoding;
mod lab;
mod live;
mod stories;
mod traffic;
mod wire;
mod witness;
