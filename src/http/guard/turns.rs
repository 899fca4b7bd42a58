//! One at a time, and each client address in its turn: whoever asks often waits behind himself.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::super::origin::Origin;

/// A line for something that one at a time may do. It holds no more than there are connections: who leaves is passed
/// over.
#[derive(Default)]
pub(super) struct Turns {
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    taken: bool,
    /// Those who wait, by where they come from; whoever had a turn goes to the end.
    groups: VecDeque<(Origin, VecDeque<oneshot::Sender<Turn>>)>,
}

/// The right to go. The next one has it when this is dropped.
pub(super) struct Turn(Arc<Turns>);

impl Turns {
    /// Waits for its turn.
    pub(super) async fn take(self: &Arc<Self>, from: Origin) -> Turn {
        loop {
            let Some(promised) = self.join(from) else {
                return Turn(Arc::clone(self));
            };
            if let Ok(turn) = promised.await {
                return turn;
            }
        }
    }

    /// None where nobody is before it.
    fn join(&self, from: Origin) -> Option<oneshot::Receiver<Turn>> {
        let mut line = self.lock();
        if !std::mem::replace(&mut line.taken, true) {
            return None;
        }
        let (promise, promised) = oneshot::channel();
        match line.groups.iter_mut().find(|(of, _)| *of == from) {
            Some((_, waiting)) => waiting.push_back(promise),
            None => line.groups.push_back((from, VecDeque::from([promise]))),
        }
        Some(promised)
    }

    /// Who is next; nobody, and then it is free.
    fn next(&self) -> Option<oneshot::Sender<Turn>> {
        let mut line = self.lock();
        while let Some((from, mut waiting)) = line.groups.pop_front() {
            let next =
                std::iter::from_fn(|| waiting.pop_front()).find(|promise| !promise.is_closed());
            if !waiting.is_empty() {
                line.groups.push_back((from, waiting));
            }
            if next.is_some() {
                return next;
            }
        }
        line.taken = false;
        None
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(next) = self.0.next() {
            // Where the next one left just now, his turn comes back, and is dropped in turn.
            drop(next.send(Self(Arc::clone(&self.0))));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tokio::task::yield_now;

    use super::*;

    fn origin(address: &str) -> Origin {
        address.parse::<IpAddr>().unwrap().into()
    }

    /// Takes a turn, notes who it is, and lets the next one go.
    async fn pass(
        turns: Arc<Turns>,
        from: Origin,
        name: &'static str,
        passed: Arc<Mutex<Vec<&'static str>>>,
    ) {
        let turn = turns.take(from).await;
        passed.lock().unwrap().push(name);
        yield_now().await;
        drop(turn);
    }

    #[tokio::test]
    async fn a_crowd_from_one_address_waits_behind_itself() {
        let (turns, passed) = (Arc::new(Turns::default()), Arc::new(Mutex::new(Vec::new())));
        let first = turns.take(origin("10.0.0.1")).await;
        let mut going = tokio::task::JoinSet::new();
        let comes = [
            ("10.0.0.1", "flood"),
            ("10.0.0.1", "flood"),
            ("10.0.0.1", "flood"),
            ("10.0.0.9", "scrape"),
        ];
        let comes = comes
            .into_iter()
            .chain([("2001:db8::1", "six"), ("2001:db8::2:3", "six")]);
        for (from, name) in comes {
            going.spawn(pass(
                Arc::clone(&turns),
                origin(from),
                name,
                Arc::clone(&passed),
            ));
            yield_now().await;
        }
        drop(first);
        while going.join_next().await.is_some() {}
        assert_eq!(
            *passed.lock().unwrap(),
            ["flood", "scrape", "six", "flood", "six", "flood"]
        );
        assert!(!turns.lock().taken, "it is free again");
    }

    #[tokio::test]
    async fn who_leaves_is_passed_over() {
        let turns = Arc::new(Turns::default());
        let from = origin("10.0.0.1");
        let first = turns.take(from).await;
        let waits = |turns: &Arc<Turns>| {
            let turns = Arc::clone(turns);
            tokio::spawn(async move { drop(turns.take(from).await) })
        };
        let (leaves, stays) = (waits(&turns), waits(&turns));
        yield_now().await;
        leaves.abort();
        assert!(leaves.await.unwrap_err().is_cancelled());
        drop(first);
        stays.await.unwrap();
        drop(turns.take(from).await);
    }
}
