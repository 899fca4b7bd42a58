//! Seeds for fuzzing: one packet of every kind behind every link header, and the recorded captures.

use std::path::Path;

use tcp_handshake_exporter::frame::Link;

use crate::wire_samples::files::{interface, packet, pcap, section};
use crate::wire_samples::{all_wraps, samples};

/// Writes the seeds. It is not a test: `make fuzz` runs it.
#[test]
#[ignore = "writes fuzz/corpus"]
fn write_fuzzing_seeds() {
    let numbers: Vec<(u16, Link)> = (0..300)
        .map(|number| (number, Link::from_linktype(number.into())))
        .collect();
    let number_of = |link| numbers.iter().find(|(_, of)| *of == link).unwrap().0;
    let samples = samples();
    for (nth, wrap) in all_wraps().iter().enumerate() {
        let number = number_of(wrap.link);
        let frames: Vec<Vec<u8>> = samples
            .iter()
            .map(|sample| wrap.frame(&sample.bytes))
            .collect();
        for (frame, sample) in frames.iter().zip(&samples).skip(nth % 5).step_by(5) {
            let name = format!("{}-{}", wrap.name, sample.name);
            write(
                "decode",
                &name,
                &[&number.to_be_bytes()[..], &[0], frame].concat(),
            );
        }
        let few: Vec<Vec<u8>> = frames.into_iter().skip(nth % 7).step_by(7).collect();
        let blocks = few
            .iter()
            .flat_map(|frame| packet(0, 1_700_000_000_000_000, frame));
        let section = [section(), interface(number, 6, 0)].concat().into_iter();
        write(
            "file",
            &format!("{}.pcapng", wrap.name),
            &section.chain(blocks).collect::<Vec<_>>(),
        );
        write(
            "file",
            &format!("{}.pcap", wrap.name),
            &pcap(number.into(), &few),
        );
    }
    for sample in &samples {
        write(
            "quote",
            sample.name,
            &[&[sample.bytes[0] >> 5, 3, 1][..], &sample.bytes].concat(),
        );
    }
}

fn write(target: &str, name: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name.replace([' ', '/'], "-")), bytes).unwrap();
}
