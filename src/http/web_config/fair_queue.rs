//! Fair queue: one holder at a time, granted to client prefixes in round-robin order.
//!
//! Data flow: the authenticator acquires a permit before it checks a password.
//!
//! Invariants:
//! - A client with many requests delays only its own requests.
//! - The queue has no more waiters than there are connections. Waiters that have disconnected are
//!   skipped.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::super::client_prefix::ClientPrefix;

/// A queue for something that one request at a time may do.
#[derive(Default)]
pub(super) struct FairQueue {
    waiters: Mutex<Waiters>,
}

#[derive(Default)]
struct Waiters {
    /// `true` if a permit is held.
    is_held: bool,
    /// Waiters by client. A client that got a permit goes to the end.
    clients: VecDeque<(ClientPrefix, VecDeque<oneshot::Sender<FairPermit>>)>,
}

/// The only permit of a queue. Dropping it passes it to the next waiter.
pub(super) struct FairPermit(Arc<FairQueue>);

impl FairQueue {
    /// Waits for the permit.
    pub(super) async fn acquire(self: &Arc<Self>, client: ClientPrefix) -> FairPermit {
        loop {
            let Some(granted) = self.join(client) else {
                return FairPermit(Arc::clone(self));
            };
            if let Ok(permit) = granted.await {
                return permit;
            }
        }
    }

    /// Takes the permit or joins the queue. `None` if the permit was free and is now held.
    fn join(&self, client: ClientPrefix) -> Option<oneshot::Receiver<FairPermit>> {
        let mut waiters = self.lock();
        if !std::mem::replace(&mut waiters.is_held, true) {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        match waiters.clients.iter_mut().find(|(of, _)| *of == client) {
            Some((_, waiting)) => waiting.push_back(sender),
            None => waiters
                .clients
                .push_back((client, VecDeque::from([sender]))),
        }
        Some(receiver)
    }

    /// Takes the next waiter from the queue. `None` if there is none, and then the permit is free.
    fn next(&self) -> Option<oneshot::Sender<FairPermit>> {
        let mut waiters = self.lock();
        while let Some((client, mut waiting)) = waiters.clients.pop_front() {
            let next =
                std::iter::from_fn(|| waiting.pop_front()).find(|sender| !sender.is_closed());
            if !waiting.is_empty() {
                waiters.clients.push_back((client, waiting));
            }
            if next.is_some() {
                return next;
            }
        }
        waiters.is_held = false;
        None
    }

    fn lock(&self) -> MutexGuard<'_, Waiters> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FairPermit {
    fn drop(&mut self) {
        if let Some(next) = self.0.next() {
            // If the next waiter has disconnected in the meantime, `send` returns the permit, and
            // dropping it passes it on.
            drop(next.send(Self(Arc::clone(&self.0))));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tokio::task::{JoinSet, yield_now};

    use super::*;

    fn client(address: &str) -> ClientPrefix {
        address.parse::<IpAddr>().unwrap().into()
    }

    /// Acquires the permit, records the name, and releases the permit.
    async fn pass(
        queue: Arc<FairQueue>,
        client: ClientPrefix,
        name: &'static str,
        order: Arc<Mutex<Vec<&'static str>>>,
    ) {
        let permit = queue.acquire(client).await;
        order.lock().unwrap().push(name);
        yield_now().await;
        drop(permit);
    }

    #[tokio::test]
    async fn flood_from_one_address_delays_only_itself() {
        let queue = Arc::new(FairQueue::default());
        let order = Arc::new(Mutex::new(Vec::new()));
        let first = queue.acquire(client("10.0.0.1")).await;
        let mut tasks = JoinSet::new();
        for (address, name) in [
            ("10.0.0.1", "flood"),
            ("10.0.0.1", "flood"),
            ("10.0.0.1", "flood"),
            ("10.0.0.9", "scrape"),
            ("2001:db8::1", "six"),
            ("2001:db8::2:3", "six"),
        ] {
            tasks.spawn(pass(
                Arc::clone(&queue),
                client(address),
                name,
                Arc::clone(&order),
            ));
            yield_now().await;
        }
        drop(first);
        while tasks.join_next().await.is_some() {}
        assert_eq!(
            *order.lock().unwrap(),
            ["flood", "scrape", "six", "flood", "six", "flood"]
        );
        assert!(!queue.lock().is_held, "the permit is free again");
    }

    #[tokio::test]
    async fn disconnected_waiter_is_skipped() {
        let queue = Arc::new(FairQueue::default());
        let prefix = client("10.0.0.1");
        let first = queue.acquire(prefix).await;
        let spawn_waiter = |queue: &Arc<FairQueue>| {
            let queue = Arc::clone(queue);
            tokio::spawn(async move { drop(queue.acquire(prefix).await) })
        };
        let disconnects = spawn_waiter(&queue);
        let stays = spawn_waiter(&queue);
        yield_now().await;
        disconnects.abort();
        assert!(disconnects.await.unwrap_err().is_cancelled());
        drop(first);
        stays.await.unwrap();
        drop(queue.acquire(prefix).await);
    }
}
