//! The flags of `compare`.

use clap::{Args, ValueEnum};

use super::values::port_range;
use super::{LogConfig, LogFlags, PortRange};

/// Two captures of the same time: where was each attempt lost?
#[derive(Debug)]
pub struct CompareConfig {
    /// The capture made at the client.
    pub client: String,
    /// The capture made at the server.
    pub server: String,
    /// Server ports that count, as the client names them; all if empty.
    pub ports: Vec<PortRange>,
    /// What to print.
    pub output: ReportFormat,
    /// How to log.
    pub log: LogConfig,
}

/// How it is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ReportFormat {
    /// For people, worst first
    Text,
    /// The same for programs (docs/diagnosis.md)
    Json,
}

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
