//! The only room that sees all the others: it wires them together, runs them, and stops them.

mod addresses;
mod pages;
mod pump;
mod river;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use parking_lot::Mutex;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::capture::{CaptureError, Files, Live, LiveOptions, interfaces};
use crate::cli::{Counting, Diagnose, Log, LogFormat, Serve, Task, Watch};
use crate::http;
use crate::labels::Locality;
use crate::metrics::{About, Ledger};
use addresses::Addresses;
use pump::{Pump, Shared};
use river::River;

/// Does what the command line asks for.
///
/// # Errors
///
/// What went wrong, in a sentence that says what to do.
pub fn run(task: Task) -> anyhow::Result<()> {
    match task {
        Task::Serve(task) => serve(&task),
        Task::Diagnose(task) => diagnose(&task),
        Task::Interfaces => list_interfaces(),
    }
}

fn serve(task: &Serve) -> anyhow::Result<()> {
    log(task.log);
    // What needs privilege is opened first, what listens to the world last.
    let ledger = ledger(&task.counting);
    let pump = pump(task, Arc::clone(&ledger))?;
    let listeners = task.listen.iter().map(http::ListenAddress::bind).collect::<Result<Vec<_>, _>>()?;
    let live = matches!(task.source, Watch::Interfaces(..));
    let ready = Arc::new(AtomicBool::new(live));
    let exposition = pages::exposition(&ledger, !task.disable_exporter_metrics)?;
    let routes = pages::routes(task, exposition, Arc::clone(&ready))?;
    for listener in &listeners {
        let address = listener.local_addr()?;
        tracing::info!(%address, "metrics are at http://{}{}", reachable(address), task.telemetry_path);
    }
    let limits = http::Limits { requests: std::num::NonZeroUsize::new(task.max_requests), ..http::Limits::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(until_stopped(pump, ready, listeners, routes, limits));
    // Neither a page that is being rendered nor a read from a pipe is waited for.
    runtime.shutdown_background();
    result
}

/// Serves until a signal comes or the capture dies.
async fn until_stopped(
    mut pump: Pump,
    ready: Arc<AtomicBool>,
    listeners: Vec<std::net::TcpListener>,
    routes: http::Routes,
    limits: http::Limits,
) -> anyhow::Result<()> {
    let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = Arc::new(AtomicBool::new(false));
    let (done, result) = oneshot::channel::<Result<(), CaptureError>>();
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
    let mut failed = None;
    let stopped = async {
        tokio::select! {
            _ = terminated.recv() => tracing::info!("stopping"),
            _ = interrupted.recv() => tracing::info!("stopping"),
            error = death(result) => failed = Some(error),
        }
    };
    http::serve(listeners, routes, limits, stopped).await?;
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

fn diagnose(task: &Diagnose) -> anyhow::Result<()> {
    log(task.log);
    let source = Box::new(Files::open(&task.files, &task.counting.filter)?);
    let locality = Locality::of_file(task.counting.local.clone());
    let ledger = ledger(&task.counting);
    let mut pump = Pump::new(source, River::new(&task.counting, locality, None), Arc::clone(&ledger));
    let broken = pump.run(&AtomicBool::new(false))?;
    tell_of_broken(&broken);
    let text = pages::exposition(&ledger, true)?.text()?;
    std::io::stdout().write_all(&text).context("cannot write to standard output")?;
    anyhow::ensure!(broken.is_empty(), "what was whole is counted above; the rest of the broken files is lost");
    Ok(())
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

/// Opens the source; with it comes how to tell what is local, now and later.
fn pump(task: &Serve, ledger: Shared) -> Result<Pump, CaptureError> {
    let (counting, filter) = (&task.counting, task.counting.filter.clone());
    match &task.source {
        Watch::Files(files) => {
            let source = Files::open(files, &filter)?;
            let locality = Locality::of_file(counting.local.clone());
            Ok(Pump::new(Box::new(source), River::new(counting, locality, None), ledger))
        }
        Watch::Interfaces(names, buffer_size) => {
            let source = Live::open(names, LiveOptions { buffer_size: *buffer_size, filter })?;
            let locality = Locality::host([], counting.local.clone());
            let addresses = Addresses::new(counting.local.clone(), names.clone());
            Ok(Pump::new(Box::new(source), River::new(counting, locality, Some(addresses)), ledger))
        }
    }
}

fn ledger(counting: &Counting) -> Shared {
    let ports: Vec<String> = counting.ports.iter().map(ToString::to_string).collect();
    let about = About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ports: ports.join(","),
        filter: counting.filter.expression.clone().unwrap_or_default(),
        peer_prefix_v4: counting.peer_prefixes.0,
        peer_prefix_v6: counting.peer_prefixes.1,
        peer_groups: counting.peer_groups.clone(),
        max_attempts: counting.limits.max_attempts,
        acks: counting.filter.acks,
    };
    Arc::new(Mutex::new(Ledger::new(about, counting.bounds.clone())))
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
