//! `interfaces`: lists what can be sniffed.

use std::io::Write;

use anyhow::Context;

use crate::capture::{ANY, interfaces};

pub(super) fn list() -> anyhow::Result<()> {
    let link = |name: &str| interfaces::link_type(name).unwrap_or_else(|| "?".to_owned());
    let mut text = format!("{:16} {:6} {:12} addresses\n", "name", "state", "link type");
    text += &format!(
        "{ANY:16} {:6} {:12} every interface there is or will be\n",
        "-",
        link(ANY)
    );
    for (name, interface) in interfaces::list()? {
        let state = if interface.up { "up" } else { "down" };
        let addresses: Vec<String> = interface
            .addresses
            .iter()
            .map(ToString::to_string)
            .collect();
        text += &format!(
            "{name:16} {state:6} {:12} {}\n",
            link(&name),
            addresses.join(" ")
        );
    }
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("cannot write to standard output")
}
