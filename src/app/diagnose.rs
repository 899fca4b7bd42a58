//! `diagnose`: reads captures, or captures for a while, prints verdicts, and exits.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use super::logging;
use super::progress_bar::ProgressBar;
use crate::config::{CaptureSource, DiagnoseConfig, Output};
use crate::diagnosis::{ColorMode, DiagnosisSpan, Report, text};
use crate::metrics::ExpositionFormat;
use crate::pipeline::{self, Aggregator, SharedAggregator, exposition};
use crate::privilege;

/// Runs the command. Returns `true` if a verdict reports a problem.
pub(super) fn diagnose(config: &DiagnoseConfig) -> anyhow::Result<bool> {
    let _set_level = logging::init(config.log);
    let aggregator = Aggregator::shared(&config.source, &config.counting, DiagnosisSpan::Whole);
    let mut capture_loop =
        pipeline::open(&config.source, &config.counting, Arc::clone(&aggregator))?;
    let stop = Arc::new(AtomicBool::new(false));
    match &config.source {
        CaptureSource::Interfaces(..) => {
            privilege::drop_privileges(None, privilege::Retain::Captures)?;
            stop_after(config.duration, Arc::clone(&stop))?;
        }
        CaptureSource::Files(files) => {
            let mut progress = ProgressBar::new(files);
            capture_loop.on_progress(move |packets, bytes| progress.advance(packets, bytes));
        }
    }
    let truncated = capture_loop.run(&stop)?;
    logging::warn_truncated_files(&truncated);
    let fine = print(config.output, &aggregator)?;
    anyhow::ensure!(
        truncated.is_empty(),
        "the packets before the corrupt or truncated part are counted above, those after it are not"
    );
    Ok(!fine)
}

/// Prints the result. Returns `true` if no verdict reports a problem, or if metrics are printed.
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

/// Returns colors on a terminal, unless `NO_COLOR` is set (<https://no-color.org>).
fn color_mode() -> ColorMode {
    let colored = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if colored {
        ColorMode::On
    } else {
        ColorMode::Off
    }
}

/// Stops the capture after `duration`, or at a signal.
fn stop_after(duration: Duration, stop: Arc<AtomicBool>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let entered = runtime.enter();
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    drop(entered);
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
