//! Single flight: concurrent requests for one reply share a render.
//!
//! Data flow: connection tasks call [`SingleFlight::render`]; the render function runs on a
//! blocking thread, one render at a time.
//!
//! Invariant: no request gets a reply of which the render began before the request arrived.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::reply::Reply;

/// Renders a reply. It may block for tens of milliseconds. A panic is answered with status 500.
pub type Render = Arc<dyn Fn() -> Reply + Send + Sync>;

/// A render function with the requests that wait for its reply.
pub(super) struct SingleFlight {
    render_fn: Render,
    /// Result of the render that has not started yet, if there is one. New requests may join only
    /// this one: a running render may have read its numbers before they arrived.
    queued: Mutex<Option<watch::Receiver<Option<Reply>>>>,
    /// Locked while a render runs.
    running: Mutex<()>,
}

impl SingleFlight {
    /// Creates a single flight without waiting requests.
    pub(super) fn new(render_fn: Render) -> Arc<Self> {
        Arc::new(Self {
            render_fn,
            queued: Mutex::default(),
            running: Mutex::default(),
        })
    }

    /// Returns a reply with the state of now or later, never of before the call.
    pub(super) async fn render(self: &Arc<Self>) -> Reply {
        let mut rendered = self.join();
        match rendered.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(reply)) => reply.clone(),
            Ok(None) | Err(_) => Reply::internal_error(),
        }
    }

    /// Joins the queued render, or queues one.
    fn join(self: &Arc<Self>) -> watch::Receiver<Option<Reply>> {
        let mut queued = lock(&self.queued);
        if let Some(rendered) = &*queued {
            return rendered.clone();
        }
        let (sender, receiver) = watch::channel(None);
        let flight = Arc::clone(self);
        // The lock is held meanwhile, so that the render cannot start before requests can join it.
        spawn_blocking(move || flight.run(&sender));
        *queued = Some(receiver.clone());
        receiver
    }

    /// Renders for all requests that have joined. Skipped if all of them have disconnected.
    fn run(&self, waiting: &watch::Sender<Option<Reply>>) {
        let _running = lock(&self.running);
        *lock(&self.queued) = None;
        if !waiting.is_closed() {
            waiting.send_replace(Some((self.render_fn)()));
        }
    }
}

/// Locks a mutex, even if it is poisoned: a render that panics leaves no inconsistent state behind
/// these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
