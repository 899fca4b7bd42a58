//! `compare`: reads two captures of the same time, prints where each attempt was lost, and exits.

use std::io::Write;

use anyhow::Context;

use super::logging;
use super::progress_bar::ProgressBar;
use crate::capture::{Files, Filter, ReadOutcome, Source};
use crate::compare::{CaptureSide, Comparison, text};
use crate::config::{CompareConfig, PortRange, ReportFormat};
use crate::decode::decode;
use crate::pipeline::matches_ports;

/// Runs the command. Returns `true` if an attempt was lost.
pub(super) fn compare(config: &CompareConfig) -> anyhow::Result<bool> {
    let _set_level = logging::init(config.log);
    let mut comparison = Comparison::default();
    let mut truncated = Vec::new();
    // A forwarded port has another number at the server, so all ports count there.
    for (end, file, ports) in [
        (CaptureSide::Client, &config.client, &config.ports[..]),
        (CaptureSide::Server, &config.server, &[]),
    ] {
        truncated.extend(read(&mut comparison, end, file, ports)?);
    }
    logging::warn_truncated_files(&truncated);
    let report = comparison.report();
    let printed = match config.output {
        ReportFormat::Json => report.json()?,
        ReportFormat::Text => text(&report).into_bytes(),
    };
    std::io::stdout()
        .write_all(&printed)
        .context("cannot write to standard output")?;
    anyhow::ensure!(
        truncated.is_empty(),
        "the packets before the corrupt or truncated part are compared above, those after it are not"
    );
    Ok(!report.all_fine())
}

/// Reads one capture to its end. Returns its name and the error if it is corrupt or truncated.
fn read(
    comparison: &mut Comparison,
    end: CaptureSide,
    file: &str,
    ports: &[PortRange],
) -> anyhow::Result<Vec<(String, String)>> {
    let names = [file.to_owned()];
    let filter = Filter {
        expression: None,
        acks: false,
    };
    let mut files = Files::open(&names, &filter)?;
    let bytes_read = files.byte_counter();
    let mut progress = ProgressBar::new(&names);
    loop {
        let mut packets = 0;
        let outcome = files.read(&mut |frame| {
            packets += 1;
            if let Ok(packet) = decode(&frame)
                && matches_ports(ports, &packet)
            {
                comparison.observe(end, frame.at, &packet);
            }
        })?;
        progress.advance(packets, bytes_read.bytes());
        if let ReadOutcome::EndOfFile(at) = outcome {
            comparison.end(end, at);
            let statuses = files.statuses().into_iter();
            return Ok(statuses
                .filter_map(|status| Some((status.name, status.error?)))
                .collect());
        }
    }
}
