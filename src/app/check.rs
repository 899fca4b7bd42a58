//! `--config.check`: checks what the main job reads from files, and exits.

use std::io::Write;

use anyhow::Context;

use super::logging;
use super::serve::identity;
use crate::config::ServeConfig;
use crate::http;

/// Whether the main job could be begun, as far as files tell.
pub(super) fn check(task: &ServeConfig) -> anyhow::Result<()> {
    let _level_stays = logging::init(task.log);
    task.counting.filter.check()?;
    identity(task)?;
    if let Some(file) = &task.web_config {
        http::AccessControl::from_file(file)?;
    }
    let file = task
        .config
        .as_ref()
        .map_or_else(|| "flags".to_owned(), |file| file.display().to_string());
    writeln!(std::io::stdout(), "{file}: OK").context("cannot write to standard output")
}
