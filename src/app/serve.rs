//! The main job: captures, serves and stops.
//!
//! Invariant: captures and listeners are opened first, then privileges are dropped, then the files
//! that a reload reads are checked, and only then threads start, because each thread inherits what
//! it may do.

use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::reload::Reloader;
use super::{logging, routes, systemd};
use crate::capture::CaptureError;
use crate::config::{CaptureSource, ListenConfig, ServeConfig};
use crate::diagnosis::DiagnosisSpan;
use crate::pipeline::{self, Aggregator, CaptureLoop};
use crate::{http, privilege};

/// Files that the C library reads to resolve host names in a capture filter, when an interface is
/// opened again.
const RESOLVER_FILES: [&str; 4] = [
    "/etc/hosts",
    "/usr/lib/libc.so",
    "/lib/libc.so",
    "/run/systemd/resolve/resolv.conf",
];
/// Threads that render responses or check passwords: one for each of the three representations of
/// the metrics, and one for anything else. Each keeps memory for its next response.
const MAX_RENDER_THREADS: usize = 4;

/// The arguments of [`http::serve`], and what SIGHUP reloads.
struct HttpServices {
    listeners: Vec<TcpListener>,
    routes: http::Routes,
    limits: http::ServerLimits,
    access: http::AccessControl,
    reloader: Arc<Reloader>,
}

/// Captures and serves until a signal stops it.
pub(super) fn serve(config: &ServeConfig) -> anyhow::Result<()> {
    let set_level = logging::init(config.log);
    let live = matches!(config.source, CaptureSource::Interfaces(..));
    let span = if live {
        DiagnosisSpan::Recent
    } else {
        DiagnosisSpan::Whole
    };
    let aggregator = Aggregator::shared(&config.source, &config.counting, span);
    let capture_loop = pipeline::open(&config.source, &config.counting, Arc::clone(&aggregator))?;
    let listeners = match &config.listen {
        ListenConfig::Addresses(addresses) => addresses
            .iter()
            .map(http::ListenAddress::bind)
            .collect::<Result<_, _>>()?,
        ListenConfig::Systemd => http::activated()?,
    };
    let access = drop_privileges(config)?;
    let (reloader, updates) = Reloader::new(config, Arc::clone(&aggregator), set_level);
    let reloader = Arc::new(reloader);
    let capture_loop = capture_loop.with_config_updates(updates);
    let ready = Arc::new(AtomicBool::new(live));
    let routes = routes::routes(config, &aggregator, Arc::clone(&ready), &reloader)?;
    for listener in &listeners {
        let address = listener.local_addr()?;
        let scheme = if access.is_tls_enabled() {
            "https"
        } else {
            "http"
        };
        let url = format!("{scheme}://{}{}", reachable(address), config.telemetry_path);
        tracing::info!(%address, "serving metrics at {url}");
    }
    let limits = http::ServerLimits {
        max_requests: NonZeroUsize::new(config.max_requests),
        ..http::ServerLimits::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(MAX_RENDER_THREADS)
        .enable_all()
        .build()?;
    let services = HttpServices {
        listeners,
        routes,
        limits,
        access,
        reloader,
    };
    let result = runtime.block_on(run_until_shutdown(capture_loop, ready, services));
    // Neither a response that is being rendered nor a read from a pipe delays the exit.
    runtime.shutdown_background();
    result
}

/// Drops privileges, then opens every file that a reload reads, so that a file which this user
/// cannot read is reported now.
fn drop_privileges(config: &ServeConfig) -> anyhow::Result<http::AccessControl> {
    let retain = match &config.source {
        CaptureSource::Interfaces(..) => privilege::Retain::Captures,
        CaptureSource::Files(_) => privilege::Retain::Files,
    };
    privilege::drop_privileges(identity(config)?.as_ref(), retain)?;
    let access = match &config.web_config {
        Some(file) => http::AccessControl::from_file(file)?,
        None => http::AccessControl::disabled(),
    };
    let mut readable = access.files();
    if let Some(file) = &config.config {
        if let Err(error) = std::fs::File::open(file) {
            tracing::warn!(%error, "--config.file cannot be read again by this user");
        }
        readable.push(file.clone());
    }
    if let CaptureSource::Files(files) = &config.source {
        readable.extend(files.iter().filter(|file| *file != "-").map(Into::into));
    }
    if config.counting.filter.expression.is_some() {
        readable.extend(RESOLVER_FILES.map(Into::into));
    }
    privilege::restrict_self(&readable);
    Ok(access)
}

/// Looks up `--user`. A reload does not look it up again: the user database is out of reach by
/// then.
pub(super) fn identity(config: &ServeConfig) -> anyhow::Result<Option<privilege::Identity>> {
    let Some(user) = &config.user else {
        return Ok(None);
    };
    user.parse()
        .map(Some)
        .map_err(|reason: String| anyhow::anyhow!("cannot become --user {user}: {reason}"))
}

/// Serves until a signal arrives or the capture fails.
async fn run_until_shutdown(
    mut capture_loop: CaptureLoop,
    ready: Arc<AtomicBool>,
    services: HttpServices,
) -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let hung_up = signal(SignalKind::hangup())?;
    let stop = Arc::new(AtomicBool::new(false));
    let (done, result) = oneshot::channel::<Result<(), CaptureError>>();
    let heartbeat = capture_loop.heartbeat();
    let stopping = Arc::clone(&stop);
    let capture = std::thread::Builder::new()
        .name("capture".to_owned())
        .spawn(move || {
            let read = capture_loop.run(&stopping).map(|truncated| {
                logging::warn_truncated_files(&truncated);
                if !stopping.load(Ordering::Relaxed) {
                    tracing::info!("all capture files are read, serving their results");
                }
                ready.store(true, Ordering::Release);
            });
            drop(done.send(read));
        });
    capture.context("cannot start the capture thread")?;
    systemd::notify_ready("counting TCP handshakes");
    tokio::spawn(systemd::feed_watchdog(heartbeat));
    let mut failed = None;
    let stopped = async {
        tokio::select! {
            _ = terminated.recv() => tracing::info!("stopping"),
            _ = interrupted.recv() => tracing::info!("stopping"),
            error = capture_failure(result) => failed = Some(error),
            () = reload_on_hangup(hung_up, services.reloader) => {}
        }
        systemd::notify_stopping();
    };
    http::serve(
        services.listeners,
        services.routes,
        services.limits,
        services.access,
        stopped,
    )
    .await?;
    stop.store(true, Ordering::Relaxed);
    failed.map_or(Ok(()), Err)
}

/// Reloads the configuration at each SIGHUP, on a thread of its own because a reload waits for the
/// capture thread.
async fn reload_on_hangup(mut hung_up: Signal, reloader: Arc<Reloader>) {
    while hung_up.recv().await.is_some() {
        let reloader = Arc::clone(&reloader);
        // The reloader logs the error.
        drop(tokio::task::spawn_blocking(move || reloader.reload()).await);
    }
    std::future::pending::<()>().await;
}

/// Returns why the capture cannot go on, so that outdated numbers are not served. Never returns if
/// all capture files were read to their end.
async fn capture_failure(result: oneshot::Receiver<Result<(), CaptureError>>) -> anyhow::Error {
    match result.await {
        Ok(Ok(())) => std::future::pending().await,
        Ok(Err(error)) => error.into(),
        Err(_) => anyhow::anyhow!(
            "the capture thread panicked: this is a bug in the program, please report it"
        ),
    }
}

/// Returns an address that reaches the listener: this host for a wildcard address.
fn reachable(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capture_thread_panic_ends_the_program() {
        let (done, result) = oneshot::channel();
        let panics = std::thread::spawn(move || {
            let _never_sent = done;
            panic!("on purpose");
        });
        assert!(panics.join().is_err());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let error = runtime.block_on(capture_failure(result)).to_string();
        assert_eq!(
            error,
            "the capture thread panicked: this is a bug in the program, please report it"
        );
    }
}
