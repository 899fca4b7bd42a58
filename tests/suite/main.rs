//! Tests from outside: what the crate promises, told as conversations, held against random traffic, and met on real hosts.
#![cfg(test)]

mod accounting;
mod captures;
mod conversations;
mod lab;
mod live;
mod stories;
mod traffic;
mod witness;
mod forge;
mod oracle;

mod links;
mod rules;

mod golden;

mod agreement;
mod random;
