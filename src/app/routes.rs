//! The pages that are served.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::reload::Reloader;
use crate::config::ServeConfig;
use crate::diagnosis::Report;
use crate::http::{Render, Reply, RouteError, Routes, StatusCode, WritePage};
use crate::metrics::{Exposition, ExpositionFormat};
use crate::pipeline::{SharedAggregator, exposition};

/// Allows the page's own script, styles and data, and nothing from anywhere else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The metrics, the diagnosis as a page and as JSON, and whether all files were read.
pub(super) fn routes(
    serve: &ServeConfig,
    aggregator: &SharedAggregator,
    ready: Arc<AtomicBool>,
    reloader: &Arc<Reloader>,
) -> Result<Routes, RouteError> {
    let page = page(&serve.telemetry_path);
    let exposition = exposition(aggregator, !serve.disable_exporter_metrics);
    let aggregator = Arc::clone(aggregator);
    let is_ready = move || match ready.load(Ordering::Acquire) {
        true => Ok(()),
        false => Err("capture files are still being read".to_owned()),
    };
    let reloader = Arc::clone(reloader);
    let routes = match serve.enable_lifecycle {
        true => {
            Routes::new(is_ready).with_action("/-/reload", Arc::new(move || reloaded(&reloader)))?
        }
        false => Routes::new(is_ready),
    };
    routes
        .with_page(
            "/",
            Arc::new(move || {
                Reply::html(page.as_str())
                    .with_header("content-security-policy", CONTENT_SECURITY_POLICY)
            }),
        )?
        .with_page(
            "/assets/page.css",
            fixed("text/css; charset=utf-8", include_str!("page/page.css")),
        )?
        .with_page(
            "/assets/page.js",
            fixed(
                "text/javascript; charset=utf-8",
                include_str!("page/page.js"),
            ),
        )?
        .with_page(
            "/api/v1/diagnosis",
            Arc::new(move || diagnosis(&aggregator)),
        )?
        .with_representations(&serve.telemetry_path, forms(exposition))
}

fn reloaded(reloader: &Reloader) -> Reply {
    match reloader.reload() {
        Ok(()) => Reply::text("configuration is read again\n"),
        Err(reason) => {
            Reply::text(format!("{reason}\n")).with_status(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// All forms of the metrics, by their content types.
fn forms(exposition: Exposition) -> Vec<(&'static str, WritePage)> {
    let exposition = Arc::new(exposition);
    let form = |format: ExpositionFormat| {
        let exposition = Arc::clone(&exposition);
        let write: WritePage = Arc::new(move |to| exposition.write(format, to));
        (format.content_type(), write)
    };
    ExpositionFormat::ALL.map(form).into()
}

/// What is found is copied in a moment, and judged without the lock.
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

/// Links are relative, so that the page works behind a proxy that adds a prefix.
fn page(telemetry_path: &str) -> String {
    let path = escaped(telemetry_path.trim_start_matches('/'));
    include_str!("page/index.html")
        .replace("{version}", env!("CARGO_PKG_VERSION"))
        .replace("{metrics}", &path)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
