//! The flags of `compare`, converted into its configuration.

use clap::Args;

use super::flags::LogFlags;
use super::value_parsers::port_range;
use crate::config::{CompareConfig, PortRange, ReportFormat};

#[derive(Args)]
pub(super) struct CompareFlags {
    /// Capture file from the client
    #[arg(value_name = "CLIENT")]
    client: String,
    /// Capture file from the server
    #[arg(value_name = "SERVER")]
    server: String,
    /// Compare only attempts to these server ports, as seen by the client; repeatable
    #[arg(short = 'p', long = "capture.port", value_name = "PORT|A-B", value_parser = port_range, value_delimiter = ',')]
    port: Vec<PortRange>,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    output: ReportFormat,
    #[command(flatten)]
    log: LogFlags,
}

impl From<CompareFlags> for CompareConfig {
    fn from(flags: CompareFlags) -> Self {
        let CompareFlags {
            client,
            server,
            port,
            output,
            log,
        } = flags;
        Self {
            client,
            server,
            ports: port,
            output,
            log: log.into(),
        }
    }
}
