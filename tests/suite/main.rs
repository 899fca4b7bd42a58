//! Tests from outside: what the crate promises, told as conversations, held against random traffic, and met on real hosts.

mod accounting;
mod captures;
mod conversations;
mod house;
mod lab;
mod live;
mod packets;
mod program;
mod readme;
mod stories;
mod traffic;
mod witness;
mod words;
