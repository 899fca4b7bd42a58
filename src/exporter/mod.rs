//! The only room that sees all the others: it wires them together, runs them, and stops them.

mod addresses;
mod books;
mod clerk;
mod compare;
mod crowd;
mod desk;
mod diagnose;
mod entry;
mod intake;
mod netstat;
mod pages;
mod progress;
mod pump;
mod reload;
mod river;
mod sides;
mod supervisor;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::capture::{CaptureError, Files, Live, LiveOptions, interfaces};
use crate::cli::{
    CaptureSource, CountingConfig, ListenConfig, LogConfig, LogFormat, ServeConfig, Task,
};
use crate::diagnosis::Span;
use crate::http;
use crate::labels::LocalAddressSource;
use crate::privilege;
use addresses::LocalAddressPoller;
use books::{Aggregator, SharedAggregator};
use intake::PacketSource;
use progress::ProgressBar;
use pump::CaptureLoop;
use reload::{Reloader, SetLevel};
use river::Pipeline;

/// Does what the command line asks for, and says with which status to end.
///
/// # Errors
///
/// What went wrong, in a sentence that says what to do.
pub fn run(task: Task) -> anyhow::Result<ExitCode> {
    match task {
        Task::Serve(task) => serve(&task).map(|()| ExitCode::SUCCESS),
        Task::Check(task) => check(&task).map(|()| ExitCode::SUCCESS),
        Task::Diagnose(task) => diagnose::diagnose(&task),
        Task::Compare(task) => compare::compare(&task),
        Task::Interfaces => list_interfaces().map(|()| ExitCode::SUCCESS),
    }
}

/// Whether the main job could be begun, as far as files tell.
fn check(task: &ServeConfig) -> anyhow::Result<()> {
    let _level_stays = log(task.log);
    task.counting.filter.check()?;
    identity(task)?;
    if let Some(file) = &task.web_config {
        http::AccessControl::from_file(file)?;
    }
    let file = task
        .config
        .as_ref()
        .map_or_else(|| "flags".to_owned(), |file| file.display().to_string());
    writeln!(std::io::stdout(), "{file}: OK").context("cannot write to standard output")
}

fn serve(task: &ServeConfig) -> anyhow::Result<()> {
    let set_level = log(task.log);
    // What needs privilege is opened first, what listens to the world last.
    let live = matches!(task.source, CaptureSource::Interfaces(..));
    let books = Aggregator::open(
        &task.source,
        &task.counting,
        if live { Span::Recent } else { Span::Whole },
    );
    let pump = pump(
        &task.source,
        &task.counting,
        Arc::clone(&books),
        Watched::No,
    )?;
    let listeners = match &task.listen {
        ListenConfig::Addresses(addresses) => addresses
            .iter()
            .map(http::ListenAddress::bind)
            .collect::<Result<_, _>>()?,
        ListenConfig::Systemd => http::activated()?,
    };
    let guard = confined(task)?;
    let (reloader, orders) = Reloader::new(task, Arc::clone(&books), set_level);
    let (pump, reloader) = (pump.with_orders(orders), Arc::new(reloader));
    let ready = Arc::new(AtomicBool::new(live));
    let exposition = pages::exposition(&books, !task.disable_exporter_metrics);
    let routes = pages::routes(task, &books, exposition, Arc::clone(&ready), &reloader)?;
    for listener in &listeners {
        let address = listener.local_addr()?;
        let scheme = if guard.speaks_tls() { "https" } else { "http" };
        tracing::info!(%address, "metrics are at {scheme}://{}{}", reachable(address), task.telemetry_path);
    }
    let limits = http::ServerLimits {
        requests: std::num::NonZeroUsize::new(task.max_requests),
        ..http::ServerLimits::default()
    };
    // Each thread that renders keeps memory for the next page.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(RENDERERS)
        .enable_all()
        .build()?;
    let result = runtime.block_on(until_stopped(
        pump,
        ready,
        Served {
            listeners,
            routes,
            limits,
            guard,
            reloader,
        },
    ));
    // Neither a page that is being rendered nor a read from a pipe is waited for.
    runtime.shutdown_background();
    result
}

/// Gives up what is not needed any more. What will be read again is first read after that: so what cannot be read is
/// found out now.
fn confined(task: &ServeConfig) -> anyhow::Result<http::AccessControl> {
    let keeps = match &task.source {
        CaptureSource::Interfaces(..) => privilege::Keeps::Captures,
        CaptureSource::Files(_) => privilege::Keeps::Files,
    };
    privilege::give_up(identity(task)?.as_ref(), keeps)?;
    let guard = match &task.web_config {
        Some(file) => http::AccessControl::from_file(file)?,
        None => http::AccessControl::disabled(),
    };
    let mut readable = guard.files();
    if let Some(file) = &task.config {
        if let Err(error) = std::fs::File::open(file) {
            tracing::warn!(%error, "--config.file cannot be read again by this user");
        }
        readable.push(file.clone());
    }
    if let CaptureSource::Files(files) = &task.source {
        readable.extend(files.iter().filter(|file| *file != "-").map(Into::into));
    }
    if task.counting.filter.expression.is_some() {
        readable.extend(NAMES.map(Into::into));
    }
    privilege::confine(&readable);
    Ok(guard)
}

/// Who to be. That is not asked again when the configuration is read again: who the users are, is out of sight then.
fn identity(task: &ServeConfig) -> anyhow::Result<Option<privilege::Identity>> {
    let Some(user) = &task.user else {
        return Ok(None);
    };
    user.parse()
        .map(Some)
        .map_err(|reason: String| anyhow::anyhow!("cannot become --user {user}: {reason}"))
}

/// Where names in a capture filter are looked up when an interface is opened again: files in these folders.
const NAMES: [&str; 4] = [
    "/etc/hosts",
    "/usr/lib/libc.so",
    "/lib/libc.so",
    "/run/systemd/resolve/resolv.conf",
];
/// A page of each form, or a password, at once.
const RENDERERS: usize = 4;

/// What is served, where, and to whom.
struct Served {
    listeners: Vec<std::net::TcpListener>,
    routes: http::Routes,
    limits: http::ServerLimits,
    guard: http::AccessControl,
    reloader: Arc<Reloader>,
}

/// Serves until a signal comes or the capture dies.
async fn until_stopped(
    mut pump: CaptureLoop,
    ready: Arc<AtomicBool>,
    served: Served,
) -> anyhow::Result<()> {
    let (mut terminated, mut interrupted) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let hung_up = signal(SignalKind::hangup())?;
    let stop = Arc::new(AtomicBool::new(false));
    let (done, result) = oneshot::channel::<Result<(), CaptureError>>();
    let pulse = pump.pulse();
    let stopping = Arc::clone(&stop);
    let pumping = std::thread::Builder::new()
        .name("capture".to_owned())
        .spawn(move || {
            let read = pump.run(&stopping).map(|broken| {
                tell_of_broken(&broken);
                if !stopping.load(Ordering::Relaxed) {
                    tracing::info!("capture files are read, serving what they hold");
                }
                ready.store(true, Ordering::Release);
            });
            drop(done.send(read));
        });
    pumping.context("cannot start the capture thread")?;
    supervisor::say_ready("counting TCP handshakes");
    tokio::spawn(supervisor::feed(pulse));
    let mut failed = None;
    let stopped = async {
        tokio::select! {
            _ = terminated.recv() => tracing::info!("stopping"),
            _ = interrupted.recv() => tracing::info!("stopping"),
            error = death(result) => failed = Some(error),
            () = reload_at(hung_up, served.reloader) => {}
        }
        supervisor::say_stopping();
    };
    http::serve(
        served.listeners,
        served.routes,
        served.limits,
        served.guard,
        stopped,
    )
    .await?;
    stop.store(true, Ordering::Relaxed);
    failed.map_or(Ok(()), Err)
}

/// At each SIGHUP the configuration is read again; on a thread of its own, for the capture is waited for.
async fn reload_at(mut hung_up: tokio::signal::unix::Signal, reloader: Arc<Reloader>) {
    while hung_up.recv().await.is_some() {
        let reloader = Arc::clone(&reloader);
        // What went wrong is logged there.
        drop(tokio::task::spawn_blocking(move || reloader.reload()).await);
    }
    std::future::pending::<()>().await;
}

/// Why the capture cannot go on. Old numbers are not left standing then; a capture that read all there is, is no death.
async fn death(result: oneshot::Receiver<Result<(), CaptureError>>) -> anyhow::Error {
    match result.await {
        Ok(Ok(())) => std::future::pending().await,
        Ok(Err(error)) => error.into(),
        Err(_) => anyhow::anyhow!(
            "the capture thread died: this is a fault of the program, please report it"
        ),
    }
}

fn list_interfaces() -> anyhow::Result<()> {
    let link = |name: &str| interfaces::link_type(name).unwrap_or_else(|| "?".to_owned());
    let any = crate::capture::ANY;
    let mut text = format!("{:16} {:6} {:12} addresses\n", "name", "state", "link type");
    text += &format!(
        "{any:16} {:6} {:12} every interface there is or will be\n",
        "-",
        link(any)
    );
    for (name, interface) in interfaces::list()? {
        let state = if interface.up { "up" } else { "down" };
        let addresses: Vec<String> = interface
            .addresses
            .iter()
            .map(ToString::to_string)
            .collect();
        text += &format!(
            "{name:16} {state:6} {:12} {}\n",
            link(&name),
            addresses.join(" ")
        );
    }
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("cannot write to standard output")
}

/// Whether somebody waits for files to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Watched {
    Yes,
    No,
}

/// Opens the source; with it comes how to tell what is local, now and later.
fn pump(
    source: &CaptureSource,
    counting: &CountingConfig,
    books: SharedAggregator,
    watched: Watched,
) -> Result<CaptureLoop, CaptureError> {
    let filter = counting.filter.clone();
    match source {
        CaptureSource::Files(files) => {
            let source = Files::open(files, &filter)?;
            let bar = ProgressBar::over(files, source.meter());
            let locality = LocalAddressSource::of_file(&counting.local);
            let river = Pipeline::new(counting, locality, None);
            let pump = CaptureLoop::new(
                PacketSource::ahead(Box::new(source), river.flow_hasher()),
                river,
                books,
            );
            Ok(if watched == Watched::Yes {
                pump.with_bar(bar)
            } else {
                pump
            })
        }
        CaptureSource::Interfaces(names, buffer_size) => {
            let source = Live::open(
                names,
                LiveOptions {
                    buffer_size: *buffer_size,
                    filter,
                },
            )?;
            let locality = LocalAddressSource::host([], &counting.local);
            let addresses = LocalAddressPoller::new(counting.local.clone(), names.clone());
            let river = Pipeline::new(counting, locality, Some(addresses));
            Ok(CaptureLoop::new(
                PacketSource::here(Box::new(source), river.flow_hasher()),
                river,
                books,
            )
            .with_netstat())
        }
    }
}

fn tell_of_broken(broken: &[(String, String)]) {
    for (file, reason) in broken {
        tracing::warn!(
            file,
            reason,
            "capture file is broken: what was whole is counted"
        );
    }
}

/// An address that leads to the listener: where it listens on all, the host itself.
fn reachable(address: std::net::SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    }
}

/// Begins to log; from then on the level can be set.
fn log(log: LogConfig) -> SetLevel {
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    let (level, handle) = tracing_subscriber::reload::Layer::new(log.level);
    // A log that cannot be written is no reason to panic.
    let registry = tracing_subscriber::registry().with(level);
    let stderr = std::io::stderr;
    match log.format {
        LogFormat::Logfmt => {
            let logfmt = tracing_logfmt::builder()
                .with_target(false)
                .layer()
                .with_writer(stderr)
                .log_internal_errors(false);
            registry.with(logfmt).init();
        }
        LogFormat::Json => {
            let json = tracing_subscriber::fmt::layer()
                .json()
                .with_writer(stderr)
                .log_internal_errors(false);
            registry.with(json).init();
        }
    }
    // It fails only where the subscriber is gone, which it never is.
    Box::new(move |level| drop(handle.reload(level)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_thread_that_panics_ends_the_program() {
        let (done, result) = oneshot::channel();
        let panics = std::thread::spawn(move || {
            let _never_sent = done;
            panic!("on purpose");
        });
        assert!(panics.join().is_err());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let words = runtime.block_on(death(result)).to_string();
        assert_eq!(
            words,
            "the capture thread died: this is a fault of the program, please report it"
        );
    }
}
