//! Reads any bytes as a capture file to its end or an error, and decodes every packet.
//!
//! The number of frames, and with it the time, must be bounded by the size of the file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcp_handshake_exporter::capture::{Files, Filter, ReadOutcome, Source};
use tcp_handshake_exporter::decode::decode;

fuzz_target!(|data: &[u8]| {
    let file = std::env::temp_dir().join(format!("fuzz-{}", std::process::id()));
    std::fs::write(&file, data).unwrap();
    let Ok(mut files) = Files::open(&[file.to_string_lossy().into_owned()], &Filter::default())
    else {
        return;
    };
    let mut frames = 0;
    let end = loop {
        let outcome = files.read(&mut |frame| {
            frames += 1;
            let _discarded = decode(&frame);
        });
        if let ReadOutcome::EndOfFile(end) = outcome.unwrap() {
            break end;
        }
    };
    // A compressed file may contain far more bytes than its length.
    assert!(
        frames * 16 <= data.len() * 1100,
        "{frames} frames from {} bytes, up to {end:?}",
        data.len()
    );
    assert!(files.statuses().iter().all(|status| !status.up));
});
