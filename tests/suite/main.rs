//! Tests from outside: what the crate promises, told as conversations and held against random traffic.

mod accounting;
mod conversations;
mod traffic;
mod witness;
