//! Tests from outside: what the crate promises, told as conversations, held against random traffic, and met on real hosts.

#![cfg(test)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test that cannot go on says so by panicking"
)]

mod accounting;
mod agreement;
mod browser;
mod captures;
mod compare;
mod configuration;
mod conversations;
mod dashboards;
mod decoding;
mod deploy;
mod diagnose;
mod docs;
mod faults;
mod files;
mod filtering;
mod forge;
mod golden;
mod house;
mod http_abuse;
mod ingest;
mod judgement;
mod links;
mod live;
mod netns;
mod one_sided;
mod oracle;
mod packets;
mod page;
mod program;
mod progress;
mod random;
mod readme;
mod reports;
mod rules;
mod seeds;
mod serving;
mod stories;
mod traffic;
mod web;
mod wire;
mod witness;
mod words;
