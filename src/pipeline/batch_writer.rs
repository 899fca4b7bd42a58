//! The desk: where lines are written in the books, by who judges or, beside it, by a thread of its own.
//!
//! Live packets are written down where they are judged: handing them over would cost a core more than it saves. Files have
//! no pace, and what is judged is written while the next packets are.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use parking_lot::MutexGuard;

use super::aggregate::SharedAggregator;
use super::ingest::DecodedFrame;
use super::record::{Line, RecordBatch};

/// What is to be written, and who writes it.
pub(super) struct BatchWriter {
    /// To be written next.
    pub(super) sheet: RecordBatch,
    /// What this is about, where it was not written at once.
    readings: Vec<DecodedFrame>,
    books: SharedAggregator,
    writer: Option<Writer>,
}

/// A thread that writes, as it is known to who judges.
struct Writer {
    thread: JoinHandle<()>,
    full: SyncSender<(RecordBatch, Vec<DecodedFrame>)>,
    /// To be filled again.
    empty: Receiver<(RecordBatch, Vec<DecodedFrame>)>,
}

impl BatchWriter {
    /// Writes here and now.
    pub(super) fn new(books: SharedAggregator) -> Self {
        Self {
            sheet: RecordBatch::default(),
            readings: Vec::new(),
            books,
            writer: None,
        }
    }

    /// From now on a thread writes. What this process may not do any more, it may not either.
    pub(super) fn hire(&mut self) {
        let (full, sheets) = sync_channel::<(RecordBatch, Vec<DecodedFrame>)>(SHEETS);
        let (emptied, empty) = channel();
        let books = Arc::clone(&self.books);
        let write = move || {
            for (mut sheet, mut readings) in sheets {
                write(&books, &mut sheet, &readings);
                readings.clear();
                // Nobody takes it where all is judged.
                drop(emptied.send((sheet, readings)));
            }
        };
        // Without a thread, it is written here.
        let thread = std::thread::Builder::new()
            .name("books".to_owned())
            .spawn(write)
            .ok();
        self.writer = thread.map(|thread| Writer {
            thread,
            full,
            empty,
        });
    }

    /// The sheet is about these readings. Others may be given back, to be filled again.
    pub(super) fn put(&mut self, readings: &mut Vec<DecodedFrame>) {
        if self.writer.is_some() {
            std::mem::swap(&mut self.readings, readings);
        } else {
            write(&self.books, &mut self.sheet, readings);
        }
    }

    /// Nothing more is to be said about these readings.
    pub(super) fn pass_on(&mut self) {
        let Some(Writer { full, empty, .. }) = &self.writer else {
            return write(&self.books, &mut self.sheet, &[]);
        };
        let (sheet, readings) = empty.try_recv().unwrap_or_default();
        let sheet = std::mem::replace(&mut self.sheet, sheet);
        let readings = std::mem::replace(&mut self.readings, readings);
        if full.send((sheet, readings)).is_err() {
            self.dismiss();
        }
    }

    /// Waits until all is written; from now on it is written here.
    pub(super) fn dismiss(&mut self) {
        let Some(Writer { thread, full, .. }) = self.writer.take() else {
            return;
        };
        drop(full);
        if let Err(panic) = thread.join() {
            // Books that are not written must not look like a capture that ended.
            std::panic::resume_unwind(panic);
        }
    }
}

/// The books are taken for this sheet only, and given to whoever waits for them.
fn write(books: &SharedAggregator, sheet: &mut RecordBatch, readings: &[DecodedFrame]) {
    if sheet.is_empty() {
        return;
    }
    let mut open = books.lock();
    open.write(sheet, readings);
    MutexGuard::unlock_fair(open);
    sheet.events.clear();
    sheet.entries.clear();
    sheet.connections.clear();
    sheet.shown.clear();
    for (_, line) in sheet.lines.drain(..) {
        if let Line::Retold(_, done) = line {
            // Who gave the order may wait no more.
            let _nobody = done.send(());
        }
    }
}

/// How many sheets may wait: enough to bridge a pause of either side, and small enough for the cache.
const SHEETS: usize = 2;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::config::CaptureSource;
    use crate::diagnosis::DiagnosisSpan;
    use crate::handshake::{Event, FailureReason, OwnerId};
    use crate::labels::{LabelSet, LabelSetId, Peer, Port, Vantage};
    use crate::metrics::ExpositionFormat;
    use crate::packet::Endpoint;
    use crate::pipeline::aggregate::Aggregator;
    use crate::pipeline::exposition;
    use crate::pipeline::record::{Entry, NO_PACKET, Whose};
    use crate::pipeline::tests::counting;
    use crate::time::Timestamp;

    const SET: LabelSetId = LabelSetId::from_number(0);

    /// Whoever follows a number to a packet must not be led to that of a sheet before, or of another event.
    #[test]
    fn the_last_failure_is_shown_with_its_own_connection() {
        let books = Aggregator::shared(
            &CaptureSource::Files(Vec::new()),
            &counting(),
            DiagnosisSpan::Whole,
        );
        let mut desk = BatchWriter::new(Arc::clone(&books));
        let name = LabelSet {
            vantage: Vantage::Client,
            local: None,
            port: Port::Number(80),
            peer: Peer::Other,
        };
        desk.sheet
            .push(Line::Created(Box::new((SET, name, Timestamp::default()))));
        for ports in [[1001, 1002].as_slice(), &[1003], &[1004, 1005, 1006]] {
            for port in ports {
                // What shows no connection stands between.
                tell(&mut desk.sheet, Event::SynAck(OwnerId(0)));
                let connection = (desk.sheet.entries.len(), end(*port), end(80));
                desk.sheet.connections.push(connection);
                tell(
                    &mut desk.sheet,
                    Event::Failed(OwnerId(0), FailureReason::Refused),
                );
            }
            desk.pass_on();
            let last = ports.last().expect("some").to_string();
            let mut page = Vec::new();
            exposition(&books, false)
                .write(ExpositionFormat::OpenMetrics, &mut page)
                .expect("there is room");
            let page = String::from_utf8(page).expect("it is text");
            let shown: Vec<&str> = page.lines().filter(|line| line.contains(" # {")).collect();
            assert!(
                matches!(shown[..], [one] if one.contains(&format!("client_port=\"{last}\""))),
                "{last}: {shown:#?}"
            );
        }
    }

    /// It dies with the first sheet, and is found dead with a later one or, where there is none, at the end.
    #[test]
    fn a_writer_that_died_does_not_look_like_books_that_are_whole() {
        for later_sheets in [0, SHEETS + 2] {
            let (full, sheets) = sync_channel(SHEETS);
            let (_emptied, empty) = channel();
            let thread = std::thread::spawn(move || {
                let _first: Option<(RecordBatch, Vec<DecodedFrame>)> = sheets.iter().next();
                panic!("the writer died");
            });
            let books = Aggregator::shared(
                &CaptureSource::Files(Vec::new()),
                &counting(),
                DiagnosisSpan::Whole,
            );
            let mut desk = BatchWriter {
                writer: Some(Writer {
                    thread,
                    full,
                    empty,
                }),
                ..BatchWriter::new(books)
            };
            let write = || {
                (0..=later_sheets).for_each(|_| desk.pass_on());
                desk.dismiss();
            };
            let said = catch_unwind(AssertUnwindSafe(write)).expect_err("who judges dies too");
            assert_eq!(
                said.downcast_ref(),
                Some(&"the writer died"),
                "and says what the writer said"
            );
        }
    }

    fn tell(sheet: &mut RecordBatch, event: Event) {
        sheet.events.push(event);
        sheet.entries.push(Entry {
            at: Timestamp::default(),
            packet: NO_PACKET,
            whose: Whose::Of(SET),
        });
    }

    fn end(port: u16) -> Endpoint {
        Endpoint {
            address: Ipv4Addr::new(10, 0, 0, 1).into(),
            port,
        }
    }
}
