//! The only room that sees all the others: it wires them together, runs them, and stops them.

mod addresses;
mod books;
mod compare;
mod diagnose;
mod netstat;
mod pages;
mod progress;
mod pump;
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
use crate::cli::{Counting, Listen, Log, LogFormat, Serve, Task, Watch};
use crate::diagnosis::Span;
use crate::http;
use crate::labels::Locality;
use addresses::Addresses;
use books::{Books, Shared};
use progress::Bar;
use pump::Pump;
use river::River;

/// Does what the command line asks for, and says with which status to end.
///
/// # Errors
///
/// What went wrong, in a sentence that says what to do.
pub fn run(task: Task) -> anyhow::Result<ExitCode> {
    match task {
        Task::Serve(task) => serve(&task).map(|()| ExitCode::SUCCESS),
        Task::Diagnose(task) => diagnose::diagnose(&task),
        Task::Compare(task) => compare::compare(&task),
        Task::Interfaces => list_interfaces().map(|()| ExitCode::SUCCESS),
    }
}

fn serve(task: &Serve) -> anyhow::Result<()> {
    log(task.log);
    // What needs privilege is opened first, what listens to the world last.
    let live = matches!(task.source, Watch::Interfaces(..));
    let books = Books::open(&task.source, &task.counting, if live { Span::Recent } else { Span::Whole });
    let pump = pump(&task.source, &task.counting, Arc::clone(&books), Watched::No)?;
    let guard = match &task.web_config {
        Some(file) => http::Guard::by(file)?,
        None => http::Guard::open_door(),
    };
    let listeners = match &task.listen {
        Listen::Addresses(addresses) => addresses.iter().map(http::ListenAddress::bind).collect::<Result<_, _>>()?,
        Listen::Systemd => http::activated()?,
    };
    let ready = Arc::new(AtomicBool::new(live));
    let exposition = pages::exposition(&books, !task.disable_exporter_metrics);
    let routes = pages::routes(task, &books, exposition, Arc::clone(&ready))?;
    for listener in &listeners {
        let address = listener.local_addr()?;
        let scheme = if guard.speaks_tls() { "https" } else { "http" };
        tracing::info!(%address, "metrics are at {scheme}://{}{}", reachable(address), task.telemetry_path);
    }
    let limits = http::Limits { requests: std::num::NonZeroUsize::new(task.max_requests), ..http::Limits::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(until_stopped(pump, ready, Served { listeners, routes, limits, guard }));
    // Neither a page that is being rendered nor a read from a pipe is waited for.
    runtime.shutdown_background();
    result
}

/// What is served, where, and to whom.
struct Served {
    listeners: Vec<std::net::TcpListener>,
    routes: http::Routes,
    limits: http::Limits,
    guard: http::Guard,
}

/// Serves until a signal comes or the capture dies.
async fn until_stopped(mut pump: Pump, ready: Arc<AtomicBool>, served: Served) -> anyhow::Result<()> {
    let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = Arc::new(AtomicBool::new(false));
    let (done, result) = oneshot::channel::<Result<(), CaptureError>>();
    let pulse = pump.pulse();
    let stopping = Arc::clone(&stop);
    let pumping = std::thread::Builder::new().name("capture".to_owned()).spawn(move || {
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
        }
        supervisor::say_stopping();
    };
    http::serve(served.listeners, served.routes, served.limits, served.guard, stopped).await?;
    stop.store(true, Ordering::Relaxed);
    failed.map_or(Ok(()), Err)
}

/// Why the capture cannot go on. Old numbers are not left standing then; a capture that read all there is, is no death.
async fn death(result: oneshot::Receiver<Result<(), CaptureError>>) -> anyhow::Error {
    match result.await {
        Ok(Ok(())) => std::future::pending().await,
        Ok(Err(error)) => error.into(),
        Err(_) => anyhow::anyhow!("the capture thread died: this is a fault of the program, please report it"),
    }
}

fn list_interfaces() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let link = |name: &str| interfaces::link_type(name).unwrap_or_else(|| "?".to_owned());
    writeln!(out, "{:16} {:6} {:12} addresses", "name", "state", "link type")?;
    writeln!(
        out,
        "{:16} {:6} {:12} every interface there is or will be",
        crate::capture::ANY,
        "-",
        link(crate::capture::ANY)
    )?;
    for (name, interface) in interfaces::list()? {
        let state = if interface.up { "up" } else { "down" };
        let addresses: Vec<String> = interface.addresses.iter().map(ToString::to_string).collect();
        writeln!(out, "{name:16} {state:6} {:12} {}", link(&name), addresses.join(" "))?;
    }
    Ok(())
}

/// Whether somebody waits for files to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Watched {
    Yes,
    No,
}

/// Opens the source; with it comes how to tell what is local, now and later.
fn pump(source: &Watch, counting: &Counting, books: Shared, watched: Watched) -> Result<Pump, CaptureError> {
    let filter = counting.filter.clone();
    match source {
        Watch::Files(files) => {
            let source = Files::open(files, &filter)?;
            let bar = Bar::over(files, source.meter());
            let locality = Locality::of_file(counting.local.clone());
            let pump = Pump::new(Box::new(source), River::new(counting, locality, None), books);
            Ok(if watched == Watched::Yes { pump.with_bar(bar) } else { pump })
        }
        Watch::Interfaces(names, buffer_size) => {
            let source = Live::open(names, LiveOptions { buffer_size: *buffer_size, filter })?;
            let locality = Locality::host([], counting.local.clone());
            let addresses = Addresses::new(counting.local.clone(), names.clone());
            Ok(Pump::new(Box::new(source), River::new(counting, locality, Some(addresses)), books).with_netstat())
        }
    }
}

fn tell_of_broken(broken: &[(String, String)]) {
    for (file, reason) in broken {
        tracing::warn!(file, reason, "capture file is broken: what was whole is counted");
    }
}

/// An address that leads to the listener: where it listens on all, the host itself.
fn reachable(address: std::net::SocketAddr) -> String {
    if address.ip().is_unspecified() { format!("localhost:{}", address.port()) } else { address.to_string() }
}

fn log(log: Log) {
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    let registry = tracing_subscriber::registry().with(log.level);
    let stderr = std::io::stderr;
    match log.format {
        LogFormat::Logfmt => {
            let logfmt = tracing_logfmt::builder().with_target(false).layer().with_writer(stderr);
            registry.with(logfmt).init();
        }
        LogFormat::Json => registry.with(tracing_subscriber::fmt::layer().json().with_writer(stderr)).init(),
    }
}
