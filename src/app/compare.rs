//! `compare`: reads two captures of the same time, says where each attempt was lost, and ends.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;

use super::progress_bar::ProgressBar;
use super::{EXIT_FINDING, logging};
use crate::capture::{Files, Filter, ReadOutcome, Source};
use crate::compare::{CaptureSide, Comparison, text};
use crate::config::{CompareConfig, PortRange, ReportFormat};
use crate::decode::decode;
use crate::pipeline::matches_ports;

/// Status 3 where an attempt was lost, as for `diagnose`.
pub(super) fn compare(task: &CompareConfig) -> anyhow::Result<ExitCode> {
    let _level_stays = logging::init(task.log);
    let mut comparison = Comparison::default();
    let mut broken = Vec::new();
    // A forwarded port has another number at the server: there all are read.
    for (side, file, ports) in [
        (CaptureSide::Client, &task.client, &task.ports[..]),
        (CaptureSide::Server, &task.server, &[]),
    ] {
        broken.extend(read(&mut comparison, side, file, ports)?);
    }
    logging::warn_truncated_files(&broken);
    let report = comparison.report();
    let printed = match task.output {
        ReportFormat::Json => report.json()?,
        ReportFormat::Text => text(&report).into_bytes(),
    };
    std::io::stdout()
        .write_all(&printed)
        .context("cannot write to standard output")?;
    anyhow::ensure!(
        broken.is_empty(),
        "what was whole is compared above; the rest of the broken files is lost"
    );
    Ok(if report.all_fine() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_FINDING)
    })
}

/// Reads one capture to its end. Says where it broke, if it did.
fn read(
    comparison: &mut Comparison,
    side: CaptureSide,
    file: &str,
    ports: &[PortRange],
) -> anyhow::Result<Vec<(String, String)>> {
    let names = [file.to_owned()];
    let mut files = Files::open(
        &names,
        &Filter {
            expression: None,
            acks: false,
        },
    )?;
    let bytes_read = files.byte_counter();
    let mut bar = ProgressBar::new(&names);
    loop {
        let mut read = 0;
        let progress = files.read(&mut |frame| {
            read += 1;
            if let Ok(packet) = decode(&frame)
                && matches_ports(ports, &packet)
            {
                comparison.observe(side, frame.at, &packet);
            }
        })?;
        bar.advance(read, bytes_read.bytes());
        if let ReadOutcome::EndOfFile(at) = progress {
            comparison.end(side, at);
            let broken = files.statuses().into_iter();
            return Ok(broken
                .filter_map(|condition| Some((condition.name, condition.error?)))
                .collect());
        }
    }
}
