//! Hundreds of files in one run.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;

use super::{collect, command};
use crate::wire_samples::files::{record, words};
use crate::wire_samples::tcp4;

const FILES: u32 = 300;

#[test]
fn more_files_than_descriptors_are_merged_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = (0..FILES)
        .map(|nth| {
            let path = folder.path().join(format!("{nth}.pcap"));
            // The first file ends last, and each file begins before the previous one has ended.
            let begin = 1_700_000_000 + (FILES - nth) * 5;
            let mut bytes = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 101]);
            for second in [begin, begin + 8] {
                bytes.extend(record(second, &syn(nth)));
            }
            std::fs::write(&path, bytes).unwrap();
            path
        })
        .collect();
    let names: Vec<_> = files.iter().map(PathBuf::as_path).collect();
    let mut command = command(&names, &["--labels.max-sets", "5"]);
    limit_descriptors(&mut command);
    let output = collect(&command.output().unwrap());
    assert_eq!(
        (output.code, &output.stderr[..]),
        (0, ""),
        "{}",
        output.stderr
    );
    assert_eq!(output.attempts(), f64::from(FILES));
    assert_eq!(output.sum("tcp_handshake_syns_total"), f64::from(2 * FILES));
    assert_eq!(
        output.sum("tcp_handshake_exporter_clock_steps_total"),
        0.0,
        "the packets came out of order"
    );
}

#[test]
fn broken_files_do_not_stop_hundreds_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let whole = |nth: u32, packets: u32| {
        let mut bytes = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 101]);
        for packet in 0..packets {
            bytes.extend(record(1_700_000_000 + nth, &syn(nth * packets + packet)));
        }
        bytes
    };
    for nth in 0..FILES {
        write(&format!("{nth}.pcap"), &whole(nth, 100));
    }
    let cut = whole(FILES, 100);
    write("cut.pcap", &cut[..cut.len() - 7]);
    write("empty.pcap", b"");
    write("header.pcap", &cut[..24]);
    write("text.pcap", b"no capture at all");
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    let output = collect(
        &command(&names.iter().map(PathBuf::as_path).collect::<Vec<_>>(), &[])
            .output()
            .unwrap(),
    );
    assert_eq!(
        (output.code, output.attempts()),
        (1, f64::from(FILES * 100 + 99)),
        "{}",
        output.stderr
    );
    for name in ["cut.pcap", "empty.pcap", "text.pcap"] {
        assert!(output.stderr.contains(name), "{}", output.stderr);
    }
    assert!(
        !output.stderr.contains("header.pcap"),
        "a capture without packets is complete: {}",
        output.stderr
    );
    let resident = output.sum("process_resident_memory_bytes");
    assert!(
        resident > 0.0 && resident < 64.0 * 1024.0 * 1024.0,
        "{resident} bytes"
    );
}

/// Returns a SYN with its own sequence number.
fn syn(nth: u32) -> Vec<u8> {
    let mut syn = tcp4(2);
    syn[24..28].copy_from_slice(&nth.to_be_bytes());
    syn
}

/// Limits the file descriptors to fewer than there are files.
fn limit_descriptors(command: &mut std::process::Command) {
    let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
    let program = command.get_program().to_owned();
    *command = std::process::Command::new("sh");
    command
        .args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""])
        .arg(program)
        .args(arguments)
        .arg0("sh");
}
