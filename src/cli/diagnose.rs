//! The flags of `diagnose`, converted into its configuration.

use std::time::Duration;

use clap::Args;

use super::flags::{CountingFlags, LogFlags};
use super::value_parsers::{buffer_size, duration};
use crate::config::{CaptureSource, DiagnoseConfig, Output};

#[derive(Args)]
pub(super) struct DiagnoseFlags {
    /// Capture files (pcap, pcapng, "-" for standard input)
    #[arg(value_name = "FILE", required_unless_present = "interface")]
    files: Vec<String>,
    /// Interface to capture on instead; repeatable
    #[arg(
        short = 'i',
        long = "capture.interface",
        value_name = "NAME",
        value_delimiter = ',',
        conflicts_with = "files"
    )]
    interface: Vec<String>,
    /// Duration of the capture
    #[arg(long = "for", value_name = "DURATION", default_value = "30s", value_parser = duration, conflicts_with = "files")]
    duration: Duration,
    /// Size of each interface's ring buffer
    #[arg(long = "capture.buffer-size", value_name = "SIZE", default_value = "16MiB", value_parser = buffer_size, conflicts_with = "files")]
    buffer_size: i32,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: Output,
    #[command(flatten)]
    counting: CountingFlags,
    #[command(flatten)]
    log: LogFlags,
}

impl From<DiagnoseFlags> for DiagnoseConfig {
    fn from(flags: DiagnoseFlags) -> Self {
        let source = match flags.interface {
            none if none.is_empty() => CaptureSource::Files(flags.files),
            interfaces => CaptureSource::Interfaces(interfaces, flags.buffer_size),
        };
        Self {
            counting: flags.counting.into_config(&source),
            source,
            duration: flags.duration,
            output: flags.output,
            log: flags.log.into(),
        }
    }
}
