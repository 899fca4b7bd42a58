//! The flags of `compare`.

use clap::Args;

use super::LogFlags;
use super::values::port_range;
use crate::config::{CompareConfig, PortRange, ReportFormat};

#[derive(Args)]
pub(super) struct CompareFlags {
    /// Capture file from the client's end
    #[arg(value_name = "CLIENT")]
    client: String,
    /// Capture file from the server's end
    #[arg(value_name = "SERVER")]
    server: String,
    /// Only attempts to these server ports, as the client names them; repeatable
    #[arg(short = 'p', long = "capture.port", value_name = "PORT|A-B", value_parser = port_range, value_delimiter = ',')]
    port: Vec<PortRange>,
    /// What to print
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
