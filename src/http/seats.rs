//! Who is connected and what he is at, so that whoever keeps others waiting is the one to leave.
//!
//! A full house turns away no newcomer: the client that has been waiting the longest gives up its seat, of those that
//! come from where most come from. To refuse newcomers instead would let as many silent connections as there are seats
//! lock out every scrape. Nor can those from one place have all requests to themselves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::limits::ServerLimits;
use super::origin::Origin;

/// All seats of a server.
pub(super) struct Seats {
    limits: ServerLimits,
    taken: Mutex<Vec<Arc<watch::Sender<Standing>>>>,
}

/// One connection's place. It is free again when this is dropped.
pub(super) struct Seat {
    seats: Arc<Seats>,
    standing: Arc<watch::Sender<Standing>>,
}

#[derive(Clone, Copy, Debug)]
struct Standing {
    from: Origin,
    phase: Phase,
    since: Instant,
    /// Its connection is about to be closed.
    cut: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// A request's head is awaited for the first time, or coming in.
    Asking,
    /// Between two requests.
    Idle,
    /// The page asked for is rendered.
    Working,
    /// The answer is written.
    Answering,
}

impl Standing {
    fn is_waiting(&self) -> bool {
        matches!(self.phase, Phase::Asking | Phase::Idle)
    }

    fn is_busy(&self) -> bool {
        matches!(self.phase, Phase::Working | Phase::Answering)
    }
}

impl Seats {
    pub(super) fn new(limits: ServerLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            taken: Mutex::default(),
        })
    }

    /// A seat for a new connection; `None` where all are taken by clients that are being served.
    pub(super) fn take(self: &Arc<Self>, from: Origin) -> Option<Seat> {
        let mut taken = self.lock();
        if count(&taken, |_| true) >= self.limits.connections && !self.cut_one(&taken) {
            return None;
        }
        let now = Standing {
            from,
            phase: Phase::Asking,
            since: Instant::now(),
            cut: false,
        };
        let standing = Arc::new(watch::Sender::new(now));
        taken.push(Arc::clone(&standing));
        Some(Seat {
            seats: Arc::clone(self),
            standing,
        })
    }

    /// Closes a connection for its file descriptor, where one has been waiting or writing for long enough. Not just any:
    /// without a descriptor, accept(2) fails even where nobody knocks, and the newest client may be about to ask.
    pub(super) fn free_one(&self) {
        let taken = self.lock();
        let _ = cut_longest(&taken, |standing| {
            standing.is_waiting() && self.is_slow(standing)
        }) || self.cut_slowest(&taken);
    }

    fn cut_one(&self, taken: &[Arc<watch::Sender<Standing>>]) -> bool {
        let crowd = crowd(taken, Standing::is_waiting).map(|(from, _)| from);
        cut_longest(taken, |standing| {
            standing.is_waiting() && Some(standing.from) == crowd
        }) || self.cut_slowest(taken)
    }

    /// Those who come from one place make room for another where they have more than he would have.
    fn cut_one_of_a_crowd(&self, taken: &[Arc<watch::Sender<Standing>>], newcomer: Origin) -> bool {
        let own = count(taken, |standing| {
            standing.is_busy() && standing.from == newcomer
        });
        let crowd = crowd(taken, Standing::is_busy)
            .filter(|(_, size)| *size > own + 1)
            .map(|(from, _)| from);
        cut_longest(taken, |standing| {
            standing.is_busy() && Some(standing.from) == crowd
        })
    }

    fn cut_slowest(&self, taken: &[Arc<watch::Sender<Standing>>]) -> bool {
        cut_longest(taken, |standing| {
            standing.phase == Phase::Answering && self.is_slow(standing)
        })
    }

    fn is_slow(&self, standing: &Standing) -> bool {
        standing.since.elapsed() >= self.limits.courtesy
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<watch::Sender<Standing>>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Ends when the connection has to: it was cut for another, or took too long.
    pub(super) async fn overstayed(&self) {
        let mut changes = self.standing.subscribe();
        loop {
            let standing = *changes.borrow_and_update();
            if standing.cut {
                return;
            }
            let limits = &self.seats.limits;
            let patience = match standing.phase {
                Phase::Asking => Some(limits.head),
                Phase::Idle => Some(limits.idle),
                Phase::Working => None,
                Phase::Answering => Some(limits.answer),
            };
            let deadline = async {
                match patience {
                    Some(patience) => sleep_until(standing.since + patience).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = changes.changed() => {}
                () = deadline => return,
            }
        }
    }

    /// Where its client comes from.
    pub(super) fn from(&self) -> Origin {
        self.standing.borrow().from
    }

    /// Bytes came in.
    pub(super) fn heard(&self) {
        self.pass(Phase::Idle, Phase::Asking);
    }

    /// A page is asked for. The error is how many may be at once.
    pub(super) fn begin(&self) -> Result<(), usize> {
        let taken = self.seats.lock();
        if let Some(max) = self.seats.limits.requests {
            let full = count(&taken, Standing::is_busy) >= max.get();
            if full
                && !self.seats.cut_slowest(&taken)
                && !self.seats.cut_one_of_a_crowd(&taken, self.from())
            {
                return Err(max.get());
            }
        }
        self.enter(Phase::Working);
        Ok(())
    }

    /// Something is worked on that does not count.
    pub(super) fn work(&self) {
        self.enter(Phase::Working);
    }

    /// The answer is there, to be written.
    pub(super) fn answer(&self) {
        self.enter(Phase::Answering);
    }

    /// All that was to be written is written.
    pub(super) fn flushed(&self) {
        self.pass(Phase::Answering, Phase::Idle);
    }

    /// Whether an answer is under way.
    pub(super) fn is_answering(&self) -> bool {
        self.standing.borrow().phase == Phase::Answering
    }

    fn pass(&self, from: Phase, to: Phase) {
        if self.standing.borrow().phase == from {
            self.enter(to);
        }
    }

    fn enter(&self, phase: Phase) {
        self.standing.send_modify(|standing| {
            standing.phase = phase;
            standing.since = Instant::now();
        });
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats
            .lock()
            .retain(|standing| !Arc::ptr_eq(standing, &self.standing));
    }
}

fn count(taken: &[Arc<watch::Sender<Standing>>], of: impl Fn(&Standing) -> bool) -> usize {
    taken
        .iter()
        .map(|standing| *standing.borrow())
        .filter(|standing| !standing.cut && of(standing))
        .count()
}

/// Where most of these come from, and how many those are.
fn crowd(
    taken: &[Arc<watch::Sender<Standing>>],
    of: impl Fn(&Standing) -> bool,
) -> Option<(Origin, usize)> {
    let mut sizes = BTreeMap::new();
    let standings = taken
        .iter()
        .map(|standing| *standing.borrow())
        .filter(|standing| !standing.cut && of(standing));
    standings.for_each(|standing| *sizes.entry(standing.from).or_insert(0) += 1);
    sizes.into_iter().max_by_key(|(_, size)| *size)
}

fn cut_longest(taken: &[Arc<watch::Sender<Standing>>], of: impl Fn(&Standing) -> bool) -> bool {
    let candidates = taken.iter().filter(|standing| {
        let standing = standing.borrow();
        !standing.cut && of(&standing)
    });
    let longest = candidates.min_by_key(|standing| standing.borrow().since);
    longest
        .inspect(|standing| standing.send_modify(|standing| standing.cut = true))
        .is_some()
}
