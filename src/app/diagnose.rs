//! `diagnose`: reads captures, or sniffs for a while, says what is wrong, and ends.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use super::progress_bar::ProgressBar;
use super::{EXIT_FINDING, logging};
use crate::config::{CaptureSource, DiagnoseConfig, Output};
use crate::diagnosis::{ColorMode, DiagnosisSpan, Report, text};
use crate::metrics::ExpositionFormat;
use crate::pipeline::{self, Aggregator, SharedAggregator, exposition};
use crate::privilege;

/// Status 3 where something is wrong, so that scripts can tell.
pub(super) fn diagnose(task: &DiagnoseConfig) -> anyhow::Result<ExitCode> {
    let _level_stays = logging::init(task.log);
    let aggregator = Aggregator::shared(&task.source, &task.counting, DiagnosisSpan::Whole);
    let mut capture_loop = pipeline::open(&task.source, &task.counting, Arc::clone(&aggregator))?;
    let stop = Arc::new(AtomicBool::new(false));
    match &task.source {
        CaptureSource::Interfaces(..) => {
            privilege::drop_privileges(None, privilege::Retain::Captures)?;
            stop_after(task.duration, Arc::clone(&stop))?;
        }
        CaptureSource::Files(files) => {
            let mut progress = ProgressBar::new(files);
            capture_loop.on_progress(move |packets, bytes| progress.advance(packets, bytes));
        }
    }
    let truncated = capture_loop.run(&stop)?;
    logging::warn_truncated_files(&truncated);
    let fine = print(task.output, &aggregator)?;
    anyhow::ensure!(
        truncated.is_empty(),
        "what was whole is counted above; the rest of the broken files is lost"
    );
    Ok(if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_FINDING)
    })
}

/// Prints what was asked for. Says whether all is fine; numbers do not judge.
fn print(output: Output, aggregator: &SharedAggregator) -> anyhow::Result<bool> {
    let report = || Report::of(aggregator.lock().diagnosis.findings());
    let (printed, fine) = match output {
        Output::Metrics => {
            let mut text = Vec::new();
            exposition(aggregator, true).write(ExpositionFormat::Text, &mut text)?;
            (text, true)
        }
        Output::Json => {
            let report = report();
            (report.json()?, report.all_fine())
        }
        Output::Text => {
            let report = report();
            (text(&report, color_mode()).into_bytes(), report.all_fine())
        }
    };
    std::io::stdout()
        .write_all(&printed)
        .context("cannot write to standard output")?;
    Ok(fine)
}

/// On a terminal, unless <https://no-color.org> is heeded.
fn color_mode() -> ColorMode {
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
