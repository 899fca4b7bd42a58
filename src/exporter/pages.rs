//! The pages that are served.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::books::Shared;
use crate::cli::Serve;
use crate::http::{Page, RouteError, Routes, StatusCode};
use crate::metrics::{Exposition, Failure};

/// The metrics, a page that leads to them, and whether all files were read.
pub(super) fn routes(serve: &Serve, exposition: Exposition, ready: Arc<AtomicBool>) -> Result<Routes, RouteError> {
    let landing = landing(&serve.telemetry_path);
    let is_ready = move || match ready.load(Ordering::Acquire) {
        true => Ok(()),
        false => Err("capture files are still being read".to_owned()),
    };
    Routes::new(is_ready)
        .with_page("/", Arc::new(move || Page::html(landing.as_str())))?
        .with_page(&serve.telemetry_path, Arc::new(move || metrics(&exposition)))
}

/// A consistent copy of all numbers at each scrape: it is taken in a moment, and made into text without the lock.
pub(super) fn exposition(books: &Shared, own: bool) -> Result<Exposition, Failure> {
    let books = Arc::clone(books);
    Exposition::new(move || books.lock().ledger.clone(), own)
}

fn metrics(exposition: &Exposition) -> Page {
    match exposition.text() {
        Ok(text) => Page::new(Exposition::CONTENT_TYPE, text),
        Err(failure) => Page::text(format!("{failure}\n")).with_status(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn landing(telemetry_path: &str) -> String {
    let path = escaped(telemetry_path);
    include_str!("landing.html").replace("{version}", env!("CARGO_PKG_VERSION")).replace("{metrics}", &path)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
