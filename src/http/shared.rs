//! One page that many ask for at once: rendered off the async threads, one at a time, and shared by all that wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::page::Reply;

/// Renders a page. It may block and take tens of milliseconds; a panic is answered with status 500.
pub type Render = Arc<dyn Fn() -> Reply + Send + Sync>;

/// A page with those who wait for it.
pub(super) struct SharedPage {
    render: Render,
    /// The render that has not started yet, where there is one. Newcomers may join it, and only it: one that runs may
    /// have read its numbers before they came.
    next: Mutex<Option<watch::Receiver<Option<Reply>>>>,
    /// Held while the page is rendered.
    turn: Mutex<()>,
}

impl SharedPage {
    pub(super) fn new(render: Render) -> Arc<Self> {
        Arc::new(Self {
            render,
            next: Mutex::default(),
            turn: Mutex::default(),
        })
    }

    /// The page as it is now or a little later, never as it was before.
    pub(super) async fn fresh(self: &Arc<Self>) -> Reply {
        let mut rendered = self.join();
        match rendered.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(page)) => page.clone(),
            Ok(None) | Err(_) => Reply::broken(),
        }
    }

    fn join(self: &Arc<Self>) -> watch::Receiver<Option<Reply>> {
        let mut next = lock(&self.next);
        if let Some(rendered) = &*next {
            return rendered.clone();
        }
        let (sender, receiver) = watch::channel(None);
        let page = Arc::clone(self);
        // The lock is held meanwhile, so that the render cannot start before it is there to be joined.
        spawn_blocking(move || page.render(&sender));
        *next = Some(receiver.clone());
        receiver
    }

    fn render(&self, waiting: &watch::Sender<Option<Reply>>) {
        let _turn = lock(&self.turn);
        *lock(&self.next) = None;
        if !waiting.is_closed() {
            waiting.send_replace(Some((self.render)()));
        }
    }
}

/// A page that panicked leaves no half-done work behind these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
