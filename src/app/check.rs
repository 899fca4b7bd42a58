//! `--config.check`: checks what the main job reads from files, and exits.

use std::io::Write;

use anyhow::Context;

use super::logging;
use super::serve::identity;
use crate::config::ServeConfig;
use crate::http;

/// Checks the capture filter, the user and the web configuration.
pub(super) fn check(config: &ServeConfig) -> anyhow::Result<()> {
    let _set_level = logging::init(config.log);
    config.counting.filter.check()?;
    identity(config)?;
    if let Some(file) = &config.web_config {
        http::AccessControl::from_file(file)?;
    }
    let checked = match &config.config {
        Some(file) => file.display().to_string(),
        None => "flags".to_owned(),
    };
    writeln!(std::io::stdout(), "{checked}: OK").context("cannot write to standard output")
}
