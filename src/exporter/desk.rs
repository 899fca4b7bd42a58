//! The desk: where lines are written in the books, by who judges or, beside it, by a thread of its own.
//!
//! Live packets are written down where they are judged: handing them over would cost a core more than it saves. Files have
//! no pace, and what is judged is written while the next packets are.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use super::books::Shared;
use super::entry::Line;
use super::intake::Reading;

/// What is to be written, and who writes it.
pub(super) struct Desk {
    /// To be written next.
    pub(super) lines: Vec<Line>,
    /// What these are about, where it was not written at once.
    readings: Vec<Reading>,
    books: Shared,
    writer: Option<Writer>,
}

/// A thread that writes, as it is known to who judges.
struct Writer {
    thread: JoinHandle<()>,
    sheets: SyncSender<Sheet>,
    /// Emptied, to be filled again.
    empty: Receiver<Sheet>,
}

/// Lines, and the readings that they are about.
#[derive(Default)]
struct Sheet {
    lines: Vec<Line>,
    readings: Vec<Reading>,
}

impl Desk {
    /// Writes here and now.
    pub(super) const fn new(books: Shared) -> Self {
        Self { lines: Vec::new(), readings: Vec::new(), books, writer: None }
    }

    /// From now on a thread writes. What this process may not do any more, it may not either.
    pub(super) fn hire(&mut self) {
        let (sheets, filled) = sync_channel::<Sheet>(SHEETS);
        let (emptied, empty) = channel();
        let books = Arc::clone(&self.books);
        let write = move || {
            for mut sheet in filled {
                write(&books, &mut sheet.lines, &sheet.readings);
                sheet.readings.clear();
                // Nobody takes it where all is judged.
                drop(emptied.send(sheet));
            }
        };
        // Without a thread, it is written here.
        let thread = std::thread::Builder::new().name("books".to_owned()).spawn(write).ok();
        self.writer = thread.map(|thread| Writer { thread, sheets, empty });
    }

    /// The lines are about these readings. Others may be given back, to be filled again.
    pub(super) fn put(&mut self, readings: &mut Vec<Reading>) {
        if self.writer.is_some() {
            std::mem::swap(&mut self.readings, readings);
        } else {
            write(&self.books, &mut self.lines, readings);
        }
    }

    /// Nothing more is to be said about these readings.
    pub(super) fn pass_on(&mut self) {
        let Some(Writer { sheets, empty, .. }) = &self.writer else {
            return write(&self.books, &mut self.lines, &[]);
        };
        let emptied = empty.try_recv().unwrap_or_default();
        let lines = std::mem::replace(&mut self.lines, emptied.lines);
        let readings = std::mem::replace(&mut self.readings, emptied.readings);
        if sheets.send(Sheet { lines, readings }).is_err() {
            self.dismiss();
        }
    }

    /// Waits until all is written; from now on it is written here.
    pub(super) fn dismiss(&mut self) {
        let Some(Writer { thread, sheets, .. }) = self.writer.take() else { return };
        drop(sheets);
        if let Err(panic) = thread.join() {
            // Books that are not written must not look like a capture that ended.
            std::panic::resume_unwind(panic);
        }
    }
}

/// The books are taken for these lines only, and given to whoever waits for them.
fn write(books: &Shared, lines: &mut Vec<Line>, readings: &[Reading]) {
    if lines.is_empty() {
        return;
    }
    let mut open = books.lock();
    open.write(lines, readings);
    parking_lot::MutexGuard::unlock_fair(open);
    for line in lines.drain(..) {
        if let Line::Retold(_, done) = line {
            // Who gave the order may wait no more.
            let _nobody = done.send(());
        }
    }
}

/// How many sheets may wait: enough to bridge a pause of either side, and small enough for the cache.
const SHEETS: usize = 2;
