//! `interfaces`: lists what can be captured.

use std::io::Write;

use anyhow::Context;

use crate::capture::{ANY, interfaces};

/// Prints name, state, link type and addresses of each interface.
pub(super) fn list() -> anyhow::Result<()> {
    let link_type = |name: &str| interfaces::link_type(name).unwrap_or_else(|| "?".to_owned());
    let row = |name: &str, state: &str, addresses: &str| {
        let link_type = link_type(name);
        format!("{name:16} {state:6} {link_type:12} {addresses}\n")
    };
    let mut table = format!("{:16} {:6} {:12} addresses\n", "name", "state", "link type");
    table += &row(ANY, "-", "all interfaces, present and future");
    for (name, interface) in interfaces::list()? {
        let state = if interface.up { "up" } else { "down" };
        let addresses: Vec<String> = interface
            .addresses
            .iter()
            .map(ToString::to_string)
            .collect();
        table += &row(&name, state, &addresses.join(" "));
    }
    std::io::stdout()
        .write_all(table.as_bytes())
        .context("cannot write to standard output")
}
