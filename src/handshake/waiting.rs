//! The attempts that wait, in the order they began. An entry says who and since when, so that attempts are read only
//! when their turn has come.

use std::collections::VecDeque;
use std::time::Duration;

use super::attempt::{Attempt, State};
use super::ends::FlowHash;
use super::matches::Known;
use crate::time::Timestamp;

/// Who waits, in the order they began. Who is decided meanwhile stays in the queue until its turn comes, and is passed
/// over then.
pub(super) struct Waiting {
    timeout: Duration,
    queue: VecDeque<Entry>,
    /// Nobody's time is up before that. Asked for every packet, so that the queue is not.
    none_before: Timestamp,
    /// By slot, which attempt waits there, as far as it fits; zero where none does. One in a hundred bytes of what the attempts
    /// take: it stays near, and who was decided meanwhile is passed over without being read.
    marks: Vec<u8>,
    /// How many of the queue do wait.
    count: usize,
    /// So many at the front have repeated their SYN, or belong to regular peers, or wait no more.
    no_strangers: usize,
    /// So many at the front were asked for as those whose time is up soon.
    asked_for: usize,
}

#[derive(Clone, Copy)]
struct Entry {
    since: Timestamp,
    slot: u32,
    /// Under which it is in the index, so that it need not be read to be taken from there.
    tag: FlowHash,
}

impl Waiting {
    /// Nobody waits; whoever does, waits for so long at most.
    pub(super) const fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            queue: VecDeque::new(),
            none_before: LAST,
            marks: Vec::new(),
            count: 0,
            no_strangers: 0,
            asked_for: 0,
        }
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// An attempt began. Packets may come a little out of order, deadlines do not.
    pub(super) fn push(&mut self, (slot, tag): Known, since: Timestamp, slab: &[Attempt]) {
        let most = (slab.len() + slab.len() / 2).max(FEW);
        if self.queue.len() >= most {
            self.sweep(slab);
        }
        if self.queue.len() == self.queue.capacity() {
            // Doubled, but not beyond what is ever needed.
            self.queue
                .reserve_exact(self.queue.len().max(FEW).min(most - self.queue.len()));
        }
        self.count += 1;
        let entry = Entry { since, slot, tag };
        self.mark(slot, entry.mark());
        if self.queue.back().is_some_and(|last| last.since <= since) {
            return self.queue.push_back(entry);
        }
        let later = self
            .queue
            .iter()
            .rev()
            .take(MAX_REORDERING)
            .take_while(|entry| entry.since > since)
            .count();
        let place = self.queue.len() - later;
        self.queue.insert(place, entry);
        if place == 0 {
            self.none_before = self.none_before.min(since + self.timeout);
        }
        self.no_strangers = self.no_strangers.min(place);
    }

    /// One that waited was decided, or forgotten.
    pub(super) fn leave(&mut self, slot: u32) {
        self.count -= 1;
        self.mark(slot, NOBODY);
    }

    /// Whether somebody's time may be up by now.
    #[inline]
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        now >= self.none_before
    }

    /// Whose time is up by now.
    #[inline]
    pub(super) fn overdue(&mut self, now: Timestamp, slab: &[Attempt]) -> Option<Known> {
        if self.is_due(now) {
            self.first_overdue(now, slab)
        } else {
            None
        }
    }

    fn first_overdue(&mut self, now: Timestamp, slab: &[Attempt]) -> Option<Known> {
        while let Some(first) = self.queue.front().copied() {
            let end = first.since + self.timeout;
            if end > now {
                self.none_before = end;
                return None;
            }
            self.drop_first();
            if self.waits(&first, slab) {
                return Some(first.known());
            }
        }
        self.none_before = LAST;
        None
    }

    /// Who has waited longest.
    pub(super) fn take_oldest(&mut self, slab: &[Attempt]) -> Option<Known> {
        while let Some(first) = self.queue.front().copied() {
            self.drop_first();
            if self.waits(&first, slab) {
                return Some(first.known());
            }
        }
        None
    }

    /// The one that has waited longest of those with one SYN from a peer that was never seen. None goes back to being
    /// one, so each is passed over once.
    pub(super) fn take_stranger(&mut self, slab: &[Attempt]) -> Option<Known> {
        while let Some(entry) = self.queue.get(self.no_strangers).copied() {
            let waits = self.waits(&entry, slab);
            let found = waits && entry.is_stranger(slab);
            if self.no_strangers == 0 && (found || !waits) {
                self.drop_first();
            } else {
                self.no_strangers += 1;
            }
            if found {
                return Some(entry.known());
            }
        }
        None
    }

    /// Whose time is up by then, of so many in the queue that were not asked for before.
    pub(super) fn soon_overdue(&mut self, now: Timestamp, of: usize) -> impl Iterator<Item = u32> {
        let (asked_for, timeout, marks) = (&mut self.asked_for, self.timeout, &self.marks);
        let some = if now < self.none_before { 0 } else { of };
        let rest = self
            .queue
            .range((*asked_for).min(self.queue.len())..)
            .take(some);
        let due = rest
            .take_while(move |entry| entry.since + timeout <= now)
            .inspect(move |_| *asked_for += 1);
        due.filter(|entry| entry.may_wait(marks))
            .map(|entry| entry.slot)
    }

    /// Who may be the next strangers to go.
    pub(super) fn next_strangers(&self) -> impl Iterator<Item = Known> {
        self.queue
            .range(self.no_strangers.min(self.queue.len())..)
            .map(Entry::known)
    }

    /// Who may have waited longest.
    pub(super) fn next_oldest(&self) -> impl Iterator<Item = Known> {
        self.queue
            .iter()
            .filter(|entry| entry.may_wait(&self.marks))
            .map(Entry::known)
    }

    fn waits(&self, entry: &Entry, slab: &[Attempt]) -> bool {
        entry.may_wait(&self.marks) && entry.waits(slab)
    }

    fn mark(&mut self, slot: u32, mark: u8) {
        let slot = slot as usize;
        if slot >= self.marks.len() {
            self.marks.resize(slot + 1, NOBODY);
        }
        if let Some(known) = self.marks.get_mut(slot) {
            *known = mark;
        }
    }

    fn drop_first(&mut self) {
        self.queue.pop_front();
        self.no_strangers = self.no_strangers.saturating_sub(1);
        self.asked_for = self.asked_for.saturating_sub(1);
    }

    /// Drops who waits no more. Who waits keeps one entry: what others left in its slot may pass for it.
    fn sweep(&mut self, slab: &[Attempt]) {
        let mut place = 0;
        let (mut passed, until) = (0, self.no_strangers);
        let marks = &mut self.marks;
        self.queue.retain(|entry| {
            let waits = entry.may_wait(marks) && entry.waits(slab);
            passed += usize::from(waits && place < until);
            place += 1;
            if let (true, Some(mark)) = (waits, marks.get_mut(entry.slot as usize)) {
                *mark = NOBODY;
            }
            waits
        });
        for entry in &self.queue {
            if let Some(mark) = marks.get_mut(entry.slot as usize) {
                *mark = entry.mark();
            }
        }
        (self.no_strangers, self.asked_for) = (passed, 0);
    }
}

impl Entry {
    const fn known(&self) -> Known {
        (self.slot, self.tag)
    }

    /// What is marked of it while it waits: some of its tag, and that somebody does.
    const fn mark(&self) -> u8 {
        (self.tag.0 & 0x7f) as u8 | SOMEBODY
    }

    /// Whether it is worth asking the attempt: others that have the slot after it seldom have its mark.
    fn may_wait(&self, marks: &[u8]) -> bool {
        marks
            .get(self.slot as usize)
            .is_some_and(|mark| *mark == self.mark())
    }

    /// Whether the attempt still waits that this is about; or one with the same two ends that began at the same time and has the
    /// slot after it, whose time is up then, too.
    fn waits(&self, slab: &[Attempt]) -> bool {
        let attempt = slab.get(self.slot as usize);
        attempt.is_some_and(|attempt| {
            attempt.first_syn == self.since
                && attempt.tag == self.tag
                && attempt.state() == State::Waiting
        })
    }

    fn is_stranger(&self, slab: &[Attempt]) -> bool {
        slab.get(self.slot as usize)
            .is_some_and(|attempt| !attempt.is_regular() && attempt.syn_count() < 2)
    }
}

/// In a slot of which nobody waits.
const NOBODY: u8 = 0;
const SOMEBODY: u8 = 0x80;
/// No packet is placed so late.
pub(super) const LAST: Timestamp = Timestamp::from_nanos(u64::MAX);
/// How far back in the queue a late packet's attempt is put in order.
const MAX_REORDERING: usize = 1024;
/// A queue this short is not worth sweeping.
const FEW: usize = 1024;

#[cfg(test)]
mod tests {
    use super::super::ends::FlowHasher;
    use super::*;
    use crate::packet::Endpoint;

    /// A slot may change hands again and again between the same two ends and at the same moment: what that leaves in the queue
    /// goes with the next sweep, or each newcomer would have to sweep all of it.
    #[test]
    fn a_sweep_leaves_one_entry_to_each_who_waits() {
        let began = Timestamp::from_nanos(1_000);
        let mut waiting = Waiting::new(Duration::from_secs(5));
        let mut slab = Vec::new();
        for slot in 0..2_000_u16 {
            let end = |port| Endpoint {
                address: std::net::Ipv4Addr::LOCALHOST.into(),
                port,
            };
            let ends = FlowHasher::default().between(&end(slot), &end(80));
            slab.push(Attempt::new(&ends, began, 7));
            waiting.push((u32::from(slot), ends.tag), began, &slab);
        }
        for (slot, attempt) in (0..900).zip(&slab) {
            waiting.leave(slot);
            waiting.push((slot, attempt.tag), began, &slab);
        }
        assert_eq!((waiting.queue.len(), waiting.count()), (2_900, 2_000));
        waiting.sweep(&slab);
        assert_eq!((waiting.queue.len(), waiting.count()), (2_000, 2_000));
        let mut due = Vec::new();
        while let Some((slot, _)) = waiting.overdue(began + Duration::from_secs(5), &slab) {
            due.push(slot);
            waiting.leave(slot);
        }
        due.sort_unstable();
        assert_eq!(
            due,
            (0..2_000).collect::<Vec<_>>(),
            "and each has its deadline, once"
        );
    }
}
