//! Scrapes of many label sets: the capture waits for the copy only, and the output is streamed.

use std::io::{self, Write};
use std::time::Instant;

use super::*;

/// Returns a store of label sets with failures, answers, slow answers and native histograms.
fn store_of(label_sets: u32) -> MetricStore {
    let mut store = MetricStore::new(ConfigInfo::default(), Bounds::default(), true);
    for number in 0..label_sets {
        let set = LabelSetId::from_number(number);
        let peer = Ipv4Addr::from(0x0a00_0000 + number);
        create(&mut store, set, label_set(peer), at(1));
        let opened = NewAttemptRecord {
            vantage: Vantage::Client,
            by_syn: true,
            overflowed: false,
        };
        apply(&mut store, at(1), RecordKind::Opened(set, opened));
        count(&mut store, set, failed(FailureReason::Unanswered, 1, 2));
        for millis in [1, 5, 30, 200, 1_100] {
            count(
                &mut store,
                set,
                answered(Duration::from_millis(millis), 2, 3),
            );
        }
    }
    store
}

/// Counts the bytes written, and records the largest write.
#[derive(Default)]
struct WriteStats {
    bytes: usize,
    largest: usize,
}

impl Write for WriteStats {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes += bytes.len();
        self.largest = self.largest.max(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn copying_20000_label_sets_beats_writing_2000() {
    let store = store_of(20_000);
    // The fastest of ten copies, because another process may run on the core during some of them.
    let copies = (0..10).map(|_| {
        let start = Instant::now();
        let copy = store.clone();
        (start.elapsed(), copy)
    });
    let copied = copies.map(|(took, _)| took).min().unwrap();
    let small_store = store_of(2_000);
    for format in ExpositionFormat::ALL {
        let copy = small_store.clone();
        let mut output = WriteStats::default();
        let start = Instant::now();
        Exposition::new(move || copy.clone(), false)
            .write(format, &mut output)
            .unwrap();
        let wrote = start.elapsed();
        println!(
            "{format:?}: copied in {copied:?}, wrote {} bytes in {wrote:?}",
            output.bytes
        );
        assert!(
            copied * 2 < wrote,
            "copied in {copied:?}, wrote in {wrote:?}"
        );
    }
    assert!(copied < Duration::from_millis(50), "{copied:?}");
}

#[test]
fn text_streams_by_series_and_protobuf_by_family() {
    let store = store_of(200);
    for (format, largest_allowed) in [
        (ExpositionFormat::Text, 300),
        (ExpositionFormat::OpenMetrics, 300),
        (ExpositionFormat::Protobuf, usize::MAX),
    ] {
        let copy = store.clone();
        let mut output = WriteStats::default();
        Exposition::new(move || copy.clone(), false)
            .write(format, &mut output)
            .unwrap();
        assert!(output.bytes > 100_000, "{format:?}: {} bytes", output.bytes);
        assert!(
            output.largest < largest_allowed.min(output.bytes * 3 / 4),
            "{format:?}: {} of {}",
            output.largest,
            output.bytes
        );
    }
}

#[test]
fn copy_excludes_later_counts() {
    let mut store = store_of(3);
    let copy = store.clone();
    let before = rendered(&copy, ExpositionFormat::OpenMetrics);
    let set = LabelSetId::from_number(1);
    count(&mut store, set, answered(Duration::from_secs(2), 3, 4));
    count(&mut store, set, failed(FailureReason::Refused, 4, 5));
    assert_eq!(rendered(&copy, ExpositionFormat::OpenMetrics), before);
    assert_ne!(rendered(&store, ExpositionFormat::OpenMetrics), before);
}
