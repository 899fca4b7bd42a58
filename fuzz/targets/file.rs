//! Any bytes as a capture file: read to an end, however it comes, in bounded time; and every packet of it decoded.

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
        let progress = files.read(&mut |frame| {
            frames += 1;
            let _skip = decode(&frame);
        });
        if let ReadOutcome::EndOfFile(end) = progress.unwrap() {
            break end;
        }
    };
    // A compressed file may hold far more than it is long.
    assert!(
        frames * 16 <= data.len() * 1100,
        "{frames} frames from {} bytes, up to {end:?}",
        data.len()
    );
    assert!(files.statuses().iter().all(|condition| !condition.up));
});
