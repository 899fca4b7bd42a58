//! A second opinion: what the program must show for a capture file, worked out from tshark's reading of it, and how far
//! the program agrees. Nothing here knows the program but by its output.

mod attempt;
mod compare;
mod copies;
mod counts;
mod exposition;
mod facts;
mod figures;
mod folder;
mod icmp;
mod judge;
mod labels;
mod passed_over;
pub(crate) mod tshark;

use std::net::IpAddr;
use std::path::Path;

use compare::compare_figures;
pub(crate) use compare::{Agreement, compare};
use counts::without_reporters;
pub(crate) use counts::{Counts, Table};
pub(crate) use exposition::{ELSEWHERE, IN_TRANSIT, Shown, own_figures, page, page_of_any};
use exposition::{by_server, parse};
pub(crate) use facts::Fact;
pub(crate) use figures::Figures;
pub(crate) use labels::Set;

/// What tshark reads in a capture file, frame by frame.
pub(crate) fn facts(file: &Path) -> Vec<Fact> {
    facts_of_any(file).unwrap_or_else(|complaint| {
        panic!("tshark read nothing of {}: {complaint}", file.display())
    })
}

/// The same of a file that may be no capture.
pub(crate) fn facts_of_any(file: &Path) -> Result<Vec<Fact>, String> {
    let mut facts: Vec<Fact> = Vec::new();
    tshark::read(file, |row| {
        let before = facts.last().map_or(0, |fact| fact.at);
        facts.push(Fact::from_row(row, before));
    })?;
    Ok(facts)
}

/// How far the program agrees, on attempts and on what it tells of the capture, where `local` and `arguments` say the
/// same of the host.
pub(crate) fn agree(
    file: &Path,
    facts: &[Fact],
    (local, arguments): (&[IpAddr], &str),
    acks: Acks,
) -> Agreement {
    let page = page(file, &format!("{arguments} {}", acks.argument()));
    let (table, figures) = judge_whole(facts, local, acks);
    let agreement = match (local, arguments) {
        // Vantages are a guess then.
        ([], "") => compare(&without_reporters(&table), &by_server(&parse(&page))),
        _ => compare(&table, &parse(&page)),
    };
    agreement.and(compare_figures(&figures, &own_figures(&page)))
}

/// What the program must show for these frames on a host with these addresses.
pub(crate) fn judge(facts: &[Fact], local: &[IpAddr]) -> Table {
    judge_whole(facts, local, Acks::Ignored).0
}

/// The same, and what it must tell of the capture itself.
pub(crate) fn judge_whole(facts: &[Fact], local: &[IpAddr], acks: Acks) -> (Table, Figures) {
    let mut judge = judge::Judge::new(local, acks);
    for fact in facts {
        judge.observe(fact);
    }
    judge.into_table()
}

/// Whether the third leg of handshakes counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Acks {
    #[default]
    Ignored,
    Counted,
}

impl Acks {
    /// The argument that says so.
    pub(crate) fn argument(self) -> &'static str {
        if self == Self::Counted {
            "--capture.acks"
        } else {
            ""
        }
    }
}

/// What the program shows for `file`, with these further arguments, apart by white space.
pub(crate) fn shown(file: &Path, arguments: &str) -> Shown {
    parse(&page(file, arguments))
}
