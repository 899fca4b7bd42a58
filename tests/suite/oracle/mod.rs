//! A second opinion: what the program must show for a capture file, worked out from tshark's reading of it, and how far
//! the program agrees. Nothing here knows the program but by its output.

mod attempt;
mod compare;
mod copies;
mod counts;
mod exposition;
mod facts;
mod icmp;
mod judge;
mod labels;
pub(crate) mod tshark;

use std::net::IpAddr;
use std::path::Path;

pub(crate) use compare::{Agreement, compare};
pub(crate) use counts::{Counts, Table, without_reporters};
use exposition::parse;
pub(crate) use exposition::{ELSEWHERE, IN_TRANSIT, Shown, by_server, page};
pub(crate) use facts::Fact;
pub(crate) use labels::Set;

/// What tshark reads in a capture file, frame by frame.
pub(crate) fn facts(file: &Path) -> Vec<Fact> {
    let mut facts = Vec::new();
    tshark::read(file, |row| facts.push(Fact::from_row(row)));
    facts
}

/// What the program must show for these frames on a host with these addresses.
pub(crate) fn judge(facts: &[Fact], local: &[IpAddr]) -> Table {
    let mut judge = judge::Judge::new(local);
    for fact in facts {
        judge.observe(fact);
    }
    judge.into_table()
}

/// What the program shows for `file`, with these further arguments, apart by white space.
pub(crate) fn shown(file: &Path, arguments: &str) -> Shown {
    parse(&page(file, arguments))
}
