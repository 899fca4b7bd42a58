//! The HTTP routes: metrics, the page with its assets, the diagnosis as JSON, and reload.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::reload::Reloader;
use crate::config::ServeConfig;
use crate::diagnosis::Report;
use crate::http::{Render, Reply, RouteError, Routes, StatusCode, WritePage};
use crate::metrics::{Exposition, ExpositionFormat};
use crate::pipeline::{SharedAggregator, exposition};

/// Allows the page's own script, styles and data, and nothing from other origins.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                                       connect-src 'self'; img-src data:; base-uri 'none'; \
                                       form-action 'none'; frame-ancestors 'none'";

/// Returns all routes. The program is ready once `ready` is set.
///
/// # Errors
///
/// Returns an error if the telemetry path is the path of another route.
pub(super) fn routes(
    config: &ServeConfig,
    aggregator: &SharedAggregator,
    ready: Arc<AtomicBool>,
    reloader: &Arc<Reloader>,
) -> Result<Routes, RouteError> {
    let page = page(&config.telemetry_path);
    let exposition = exposition(aggregator, !config.disable_exporter_metrics);
    let aggregator = Arc::clone(aggregator);
    let is_ready = move || match ready.load(Ordering::Acquire) {
        true => Ok(()),
        false => Err("capture files are still being read".to_owned()),
    };
    let reloader = Arc::clone(reloader);
    let mut routes = Routes::new(is_ready);
    if config.enable_lifecycle {
        routes = routes.with_action("/-/reload", Arc::new(move || reload(&reloader)))?;
    }
    let page = move || {
        Reply::html(page.as_str()).with_header("content-security-policy", CONTENT_SECURITY_POLICY)
    };
    let style = fixed("text/css; charset=utf-8", include_str!("page/page.css"));
    let script = fixed(
        "text/javascript; charset=utf-8",
        include_str!("page/page.js"),
    );
    routes
        .with_page("/", Arc::new(page))?
        .with_page("/assets/page.css", style)?
        .with_page("/assets/page.js", script)?
        .with_page(
            "/api/v1/diagnosis",
            Arc::new(move || diagnosis(&aggregator)),
        )?
        .with_representations(&config.telemetry_path, representations(exposition))
}

fn reload(reloader: &Reloader) -> Reply {
    match reloader.reload() {
        Ok(()) => Reply::text("configuration reloaded\n"),
        Err(reason) => {
            Reply::text(format!("{reason}\n")).with_status(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// Returns every representation of the metrics with its content type.
fn representations(exposition: Exposition) -> Vec<(&'static str, WritePage)> {
    let exposition = Arc::new(exposition);
    let representation = |format: ExpositionFormat| {
        let exposition = Arc::clone(&exposition);
        let write: WritePage = Arc::new(move |to| exposition.write(format, to));
        (format.content_type(), write)
    };
    ExpositionFormat::ALL.map(representation).into()
}

/// Copies the evidence under the lock, and makes the report without it.
fn diagnosis(aggregator: &SharedAggregator) -> Reply {
    let findings = aggregator.lock().diagnosis.findings();
    match Report::of(findings).json() {
        Ok(json) => Reply::new("application/json", json).with_header("cache-control", "no-store"),
        Err(error) => {
            Reply::text(format!("{error}\n")).with_status(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

fn fixed(content_type: &'static str, text: &'static str) -> Render {
    Arc::new(move || Reply::new(content_type, text))
}

/// Returns the page. Its links are relative, so that it works behind a proxy that adds a path
/// prefix.
fn page(telemetry_path: &str) -> String {
    let path = escape_html(telemetry_path.trim_start_matches('/'));
    include_str!("page/index.html")
        .replace("{version}", env!("CARGO_PKG_VERSION"))
        .replace("{metrics}", &path)
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
