//! Integration tests: packet scripts, property tests on random traffic, captures, the HTTP server, and live tests in network
//! namespaces.

#![cfg(test)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test that cannot continue panics with its reason"
)]

mod agreement;
mod architecture;
mod browser;
mod captures;
mod classification;
mod compare;
mod configuration;
mod dashboards;
mod decoding;
mod deploy;
mod diagnose;
mod docs;
mod error_messages;
mod faults;
mod file_imports;
mod files;
mod filtering;
mod golden;
mod golden_captures;
mod http_abuse;
mod ingest;
mod invariant_properties;
mod invariants;
mod links;
mod live;
mod netns;
mod one_sided;
mod oracle;
mod packet_builder;
mod packet_scripts;
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
mod source_files;
mod terminology;
mod traffic;
mod web;
mod wire_samples;
