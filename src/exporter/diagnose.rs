//! `diagnose`: reads captures, or sniffs for a while, says what is wrong, and ends.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use super::books::{Aggregator, SharedAggregator};
use super::{Watched, log, pages, pump, tell_of_broken};
use crate::cli::{CaptureSource, DiagnoseConfig, Output};
use crate::diagnosis::{ColorMode, Report, Span, text};
use crate::metrics::Format;
use crate::privilege;

/// Status 3 where something is wrong, so that scripts can tell.
pub(super) fn diagnose(task: &DiagnoseConfig) -> anyhow::Result<ExitCode> {
    let _level_stays = log(task.log);
    let books = Aggregator::open(&task.source, &task.counting, Span::Whole);
    let mut pump = pump(
        &task.source,
        &task.counting,
        Arc::clone(&books),
        Watched::Yes,
    )?;
    let stop = Arc::new(AtomicBool::new(false));
    if let CaptureSource::Interfaces(..) = task.source {
        privilege::give_up(None, privilege::Keeps::Captures)?;
        stop_after(task.duration, Arc::clone(&stop))?;
    }
    let broken = pump.run(&stop)?;
    tell_of_broken(&broken);
    let fine = print(task.output, &books)?;
    anyhow::ensure!(
        broken.is_empty(),
        "what was whole is counted above; the rest of the broken files is lost"
    );
    Ok(if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(SOMETHING_IS_WRONG)
    })
}

/// Prints what was asked for. Says whether all is fine; numbers do not judge.
fn print(output: Output, books: &SharedAggregator) -> anyhow::Result<bool> {
    let report = || Report::of(books.lock().diagnosis.examine());
    let (printed, fine) = match output {
        Output::Metrics => {
            let mut text = Vec::new();
            pages::exposition(books, true).write(Format::Text, &mut text)?;
            (text, true)
        }
        Output::Json => {
            let report = report();
            (report.json()?, report.all_fine())
        }
        Output::Text => {
            let report = report();
            (text(&report, colours()).into_bytes(), report.all_fine())
        }
    };
    std::io::stdout()
        .write_all(&printed)
        .context("cannot write to standard output")?;
    Ok(fine)
}

/// On a terminal, unless <https://no-color.org> is heeded.
pub(super) fn colours() -> ColorMode {
    let wanted = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if wanted {
        ColorMode::On
    } else {
        ColorMode::Off
    }
}

/// Stops the capture when the time is up, or when somebody asks for it: what was met until then is told.
fn stop_after(duration: Duration, stop: Arc<AtomicBool>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut terminated, mut interrupted) = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        )
    };
    let wait = move || {
        runtime.block_on(async {
            tokio::select! {
                () = tokio::time::sleep(duration) => {}
                _ = terminated.recv() => {}
                _ = interrupted.recv() => {}
            }
        });
        stop.store(true, Ordering::Relaxed);
    };
    std::thread::Builder::new()
        .name("stop".to_owned())
        .spawn(wait)
        .context("cannot start a thread")?;
    Ok(())
}

pub(super) const SOMETHING_IS_WRONG: u8 = 3;
