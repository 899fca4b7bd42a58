//! The command line as a whole: all flag groups and subcommands, converted into a [`Task`].

use clap::{Parser, Subcommand};

use super::compare::CompareFlags;
use super::diagnose::DiagnoseFlags;
use super::flags::{CaptureFlags, ConfigFlags, CountingFlags, LogFlags, WebFlags};
use crate::config::{ListenConfig, ServeConfig, Settings, Task};

#[derive(Parser)]
#[command(
    name = "tcp_handshake_exporter",
    version,
    about,
    args_conflicts_with_subcommands = true,
    max_term_width = 100
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    capture: CaptureFlags,
    #[command(flatten)]
    counting: CountingFlags,
    #[command(flatten)]
    web: WebFlags,
    #[command(flatten)]
    log: LogFlags,
    #[command(flatten)]
    pub(super) config: ConfigFlags,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Read capture files or capture for a limited time, and report problems; exits with status 3 if there are any
    Diagnose(Box<DiagnoseFlags>),
    /// Compare two simultaneous captures, from the client and the server, and report where each attempt was lost
    Compare(CompareFlags),
    /// List the interfaces that can be captured on: name, addresses, state, link type
    Interfaces,
}

impl Arguments {
    /// Converts the arguments into the command to run.
    pub(super) fn into_task(self, settings: Settings) -> Task {
        let arguments = self;
        match arguments.command {
            None => {
                let check = arguments.config.check;
                let source = arguments.capture.into();
                let serve = Box::new(ServeConfig {
                    counting: arguments.counting.into_config(&source),
                    source,
                    listen: if arguments.web.systemd_socket {
                        ListenConfig::Systemd
                    } else {
                        ListenConfig::Addresses(arguments.web.listen_address)
                    },
                    web_config: arguments.web.config_file,
                    telemetry_path: arguments.web.telemetry_path,
                    max_requests: arguments.web.max_requests,
                    enable_lifecycle: arguments.web.enable_lifecycle,
                    disable_exporter_metrics: arguments.web.disable_exporter_metrics,
                    user: arguments.config.user,
                    log: arguments.log.into(),
                    config: arguments.config.file,
                    settings,
                });
                if check {
                    Task::Check(serve)
                } else {
                    Task::Serve(serve)
                }
            }
            Some(Command::Diagnose(flags)) => Task::Diagnose(Box::new((*flags).into())),
            Some(Command::Compare(flags)) => Task::Compare(flags.into()),
            Some(Command::Interfaces) => Task::Interfaces,
        }
    }
}
