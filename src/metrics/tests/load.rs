//! Many sets: the capture waits for a copy only, and what is written is never all in memory twice.

use std::io::{self, Write};
use std::time::Instant;

use super::*;

/// Sets with failures, answers and slow answers, native histograms included.
fn many(sets: u32) -> MetricStore {
    let mut ledger = MetricStore::new(ConfigInfo::default(), Bounds::default(), true);
    for number in 0..sets {
        let set = LabelSetId::from_number(number);
        ledger.create(set, &name(Ipv4Addr::from(0x0a00_0000 + number)), at(1));
        ledger.count(
            set,
            &SetEvent::Opened {
                attempts: 1,
                by_syn: true,
            },
        );
        tell(
            &mut ledger,
            set,
            failed(FailureReason::Unanswered, connection(1, 2)),
        );
        for millis in [1, 5, 30, 200, 1_100] {
            tell(
                &mut ledger,
                set,
                answered(Duration::from_millis(millis), connection(2, 3)),
            );
        }
    }
    ledger
}

/// Counts, and says how much came at once.
#[derive(Default)]
struct CountingConfig {
    bytes: usize,
    largest: usize,
}

impl Write for CountingConfig {
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
fn a_copy_of_twenty_thousand_sets_takes_less_than_writing_two_thousand_down() {
    let ledger = many(20_000);
    // The best of some: another process may have had the core in one.
    let copies = (0..10).map(|_| {
        let start = Instant::now();
        let copy = ledger.clone();
        (start.elapsed(), copy)
    });
    let copied = copies.map(|(took, _)| took).min().unwrap();
    let few = many(2_000);
    for format in Format::ALL {
        let copy = few.clone();
        let (start, mut page) = (Instant::now(), CountingConfig::default());
        Exposition::new(move || copy.clone(), false)
            .write(format, &mut page)
            .unwrap();
        let wrote = start.elapsed();
        println!(
            "{format:?}: copied in {copied:?}, wrote {} bytes in {wrote:?}",
            page.bytes
        );
        assert!(
            copied * 2 < wrote,
            "copied in {copied:?}, wrote in {wrote:?}"
        );
    }
    assert!(copied < Duration::from_millis(50), "{copied:?}");
}

#[test]
fn text_leaves_series_by_series_and_protobuf_family_by_family() {
    let ledger = many(200);
    for (format, most) in [
        (Format::Text, 300),
        (Format::OpenMetrics, 300),
        (Format::Protobuf, usize::MAX),
    ] {
        let (copy, mut page) = (ledger.clone(), CountingConfig::default());
        Exposition::new(move || copy.clone(), false)
            .write(format, &mut page)
            .unwrap();
        assert!(page.bytes > 100_000, "{format:?}: {} bytes", page.bytes);
        assert!(
            page.largest < most.min(page.bytes * 3 / 4),
            "{format:?}: {} of {}",
            page.largest,
            page.bytes
        );
    }
}

#[test]
fn what_is_counted_after_the_copy_is_not_in_it() {
    let mut ledger = many(3);
    let copy = ledger.clone();
    let before = written(&copy, Format::OpenMetrics);
    let set = LabelSetId::from_number(1);
    tell(
        &mut ledger,
        set,
        answered(Duration::from_secs(2), connection(3, 4)),
    );
    tell(
        &mut ledger,
        set,
        failed(FailureReason::Refused, connection(4, 5)),
    );
    assert_eq!(written(&copy, Format::OpenMetrics), before);
    assert_ne!(written(&ledger, Format::OpenMetrics), before);
}
