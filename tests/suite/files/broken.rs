//! Damaged files: the exact error of each, and the packets of it that count.

use std::io::Write;

use super::{diagnose, diagnose_bytes, diagnose_input};
use crate::wire_samples::files::{block, interface, packet, pcap, section, words};
use crate::wire_samples::tcp4;

#[test]
fn file_without_capture_is_an_error() {
    for (bytes, reason) in [
        (&b""[..], "it is empty"),
        (b"GET / HTTP/1.1\r\n", "it begins with 47 45 54 20"),
        (
            &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0],
            "its header is cut short",
        ),
        (
            &words(&[0xa1b2_c3d4, 0x0004_0007, 0, 0, 0, 1]),
            "its version is 7.4, not 2.4",
        ),
    ] {
        let output = diagnose_bytes(bytes, &[]);
        let sentence = format!(
            "tcp_handshake_exporter: FILE is not a capture file: expected pcap or pcapng, plain or compressed with gzip or zstd \
             ({reason})\n"
        );
        assert_eq!(
            (output.code, output.stderr, output.metrics),
            (1, sentence, String::new())
        );
    }
}

#[test]
fn unreadable_path_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let run = |path: &std::path::Path| diagnose(&[path], &[]);
    let output = run(&folder.path().join("none"));
    let path = folder.path().display();
    let sentence =
        format!("tcp_handshake_exporter: cannot read capture file {path}/none: entity not found\n");
    assert_eq!((output.code, output.stderr), (1, sentence));
    let output = run(folder.path());
    let sentence =
        format!("tcp_handshake_exporter: cannot read capture file {path}: is a directory\n");
    assert_eq!((output.code, output.stderr), (1, sentence));
}

#[test]
fn unsupported_link_type_is_named() {
    let output = diagnose_bytes(&pcap(220, &[vec![0; 64]]), &[]);
    let sentence = "tcp_handshake_exporter: FILE has link type USB_LINUX_MMAPPED, which is not supported (supported: \
                    Ethernet, Linux cooked v1 and v2, BSD loopback, raw IP, PPP, Cisco HDLC, IEEE 802.11, LLC, PFLOG, NFLOG, PPI, \
                    PKTAP, frame relay, ERF and older ones)\n";
    assert_eq!((output.code, &output.stderr[..]), (1, sentence));
}

#[test]
fn invalid_filter_is_an_error() {
    let output = diagnose_bytes(
        &pcap(101, &[tcp4(2)]),
        &["--capture.filter", "port fortytwo"],
    );
    let begin = "tcp_handshake_exporter: --capture.filter `port fortytwo` does not compile: ";
    assert_eq!(output.code, 1);
    assert!(
        output.stderr.starts_with(begin)
            && output
                .stderr
                .ends_with(" (the syntax is in pcap-filter(7))\n"),
        "{}",
        output.stderr
    );
}

#[test]
fn packets_before_damage_count() {
    let good = pcap(101, &[tcp4(2)]);
    let blocks = [section(), interface(101, 6, 0), packet(0, 1, &tcp4(2))].concat();
    let with = |file: &[u8], more: &[u8]| [file, more].concat();
    let mut other_length = packet(0, 2, &tcp4(2));
    let end = other_length.len() - 4;
    other_length[end] = 9;
    for (bytes, how) in [
        (
            with(&good, &[0; 9]),
            "packet 2 is cut short: 7 bytes are missing",
        ),
        (
            with(&good, &words(&[1, 0, 40, 40, 0])),
            "packet 2 is cut short: 36 bytes are missing",
        ),
        (
            with(&good, &words(&[1, 0, u32::MAX, 40])),
            "packet 2, at byte 80, claims 4294967295 bytes, which no packet has",
        ),
        (
            with(&blocks, &[6, 0, 0, 0, 72]),
            "the block after packet 1 is cut short: 7 bytes are missing",
        ),
        (
            with(&blocks, &packet(0, 2, &tcp4(2))[..40]),
            "the block after packet 1 is cut short: 32 bytes are missing",
        ),
        (
            with(&blocks, &block(5, &[0; 80])[..40]),
            "the block after packet 1 is cut short: 52 bytes are missing",
        ),
        (
            with(&blocks, &words(&[6, 8, 0])),
            "the block after packet 1, at byte 144, claims 8 bytes, fewer than a block can have",
        ),
        (
            with(&blocks, &words(&[6, 0x7fff_fffc, 0])),
            "the block after packet 1, at byte 144, claims 2147483644 bytes, which no packet has",
        ),
        (
            with(&blocks, &words(&[5, 0x7fff_fffc, 0])),
            "the block after packet 1 is cut short: 2147483632 bytes are missing",
        ),
        (
            with(&blocks, &packet(3, 2, &tcp4(2))),
            "the block after packet 1, at byte 144, refers to interface 3, which the file does not describe",
        ),
        (
            with(&blocks, &other_length),
            "the block after packet 1, at byte 144, has different lengths at its start and its end",
        ),
        (
            with(&blocks, &words(&[0x0a0d_0d0a, 28, 7])),
            "the block after packet 1, at byte 144, starts a section, but has no valid byte-order magic",
        ),
        (
            with(&blocks, &block(6, &words(&[0, 0, 0, 99, 99]))),
            "the block after packet 1, at byte 144, claims 99 bytes of 0",
        ),
        (
            with(&blocks, &block(1, &[])),
            "the block after packet 1, at byte 144, describes an interface without a link type",
        ),
    ] {
        let output = diagnose_bytes(&bytes, &[]);
        assert_eq!(
            (output.code, output.attempts()),
            (1, 1.0),
            "{how}: {}",
            output.stderr
        );
        let reason = if how.contains(' ') {
            format!("reason=\"{how}\"")
        } else {
            format!("reason={how}")
        };
        let wanted = format!(
            "message=\"capture file is corrupt or truncated: the packets before that are counted\" file=FILE {reason}\n"
        );
        let (log, end) = output
            .stderr
            .split_once("tcp_handshake_exporter: ")
            .unwrap();
        assert!(log.ends_with(&wanted), "{log} does not end with {wanted}");
        assert_eq!(
            end,
            "the packets before the corrupt or truncated part are counted above, those after it are not\n"
        );
    }
}

#[test]
fn packets_before_compressed_damage_count() {
    let mut noise = 1_u32;
    let mut frame = || {
        let noisy = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise.to_be_bytes()[0]
        });
        [tcp4(2), noisy.take(1000).collect()].concat()
    };
    let plain = pcap(
        101,
        &std::iter::repeat_with(&mut frame)
            .take(1000)
            .collect::<Vec<_>>(),
    );
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&plain).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstandard = zstd::encode_all(&plain[..], 3).unwrap();
    let mut flipped = gzip.clone();
    flipped[gzip.len() / 2] ^= 0xff;
    for bytes in [
        &gzip[..gzip.len() / 2],
        &zstandard[..zstandard.len() / 2],
        &flipped,
    ] {
        let output = diagnose_bytes(bytes, &[]);
        assert_eq!(output.code, 1, "{}", output.stderr);
        assert!(
            (300.0..=1000.0).contains(&output.packets()),
            "{} packets: {}",
            output.packets(),
            output.stderr
        );
        let how = "reason=\"reading failed: its compressed data is cut short or damaged (";
        assert!(output.stderr.contains(how), "{}", output.stderr);
    }
}

#[test]
fn damaged_standard_input_is_reported() {
    let output = diagnose_input(&pcap(101, &[tcp4(2), tcp4(2)])[..90]);
    assert_eq!((output.code, output.attempts()), (1, 1.0));
    let wanted = "file=\"standard input\" reason=\"packet 2 is cut short: 6 bytes are missing\"\n";
    assert!(output.stderr.contains(wanted), "{}", output.stderr);
}

#[test]
fn invalid_file_does_not_stop_other_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let good = file("good", &pcap(101, &[tcp4(2)]));
    let text = file("text", b"hello");
    let usb = file("usb", &pcap(220, &vec![vec![0; 64]; 3]));
    let output = diagnose(&[&text, &good, &usb], &[]);
    assert_eq!(
        (
            output.code,
            output.attempts(),
            output.undecodable("link_type")
        ),
        (1, 1.0, 3.0),
        "{}",
        output.stderr
    );
    assert!(
        output
            .stderr
            .contains("text is not a capture file: expected pcap or pcapng"),
        "{}",
        output.stderr
    );
    assert!(
        output
            .stderr
            .contains("usb has link type USB_LINUX_MMAPPED, which is not supported"),
        "{}",
        output.stderr
    );
    let output = diagnose(&[&text, &usb], &[]);
    assert_eq!((output.code, output.metrics), (1, String::new()));
}
