//! Complete files of every format.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use tcp_handshake_exporter::decode::{Discard, Undecodable};
use tcp_handshake_exporter::frame::Link;

use super::{diagnose_bytes, diagnose_input};
use crate::wire_samples::files::{block, interface, packet, pcap, record, section, words};
use crate::wire_samples::{Expected, samples, tcp4, udp, v4, wraps};

#[test]
fn compressed_file_equals_plain_file() {
    let plain = conversation();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&plain).unwrap();
    let gzip = gzip.finish().unwrap();
    // Several gzip members, as in `cat a.gz b.gz`: the second continues where the first ended.
    let (first, second) = plain.split_at(50);
    let halves = [first, second].map(|half| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(half).unwrap();
        gzip.finish().unwrap()
    });
    let zstandard = zstd::encode_all(&plain[..], 3).unwrap();
    let frames = [first, second].map(|half| zstd::encode_all(half, 1).unwrap());
    let wanted = diagnose_bytes(&plain, &[]);
    assert_eq!(
        (wanted.code, wanted.attempts(), wanted.packets()),
        (0, 1.0, 3.0),
        "{}",
        wanted.stderr
    );
    for file in [gzip, halves.concat(), zstandard, frames.concat()] {
        let found = diagnose_bytes(&file, &[]);
        assert_eq!(
            (found.code, found.attempts(), found.packets()),
            (0, 1.0, 3.0),
            "{}",
            found.stderr
        );
        let found = diagnose_input(&file);
        assert_eq!(
            (found.code, found.attempts(), found.packets()),
            (0, 1.0, 3.0),
            "{}",
            found.stderr
        );
    }
}

#[test]
fn interfaces_of_one_file_have_own_clocks() {
    let ethernet = |packet: Vec<u8>| [&[2; 12][..], &[8, 0], &packet].concat();
    let file = [
        section(),
        interface(1, 6, 0),
        interface(101, 9, 0),
        block(5, &[0; 8]),
        // In units of 1/1024 s, one hour behind the other interfaces.
        interface(228, 0x80 | 10, 3600),
        packet(0, 1_700_000_000_000_000, &ethernet(tcp4(2))),
        packet(1, 1_700_000_000_250_000_000, &answer()),
        packet(2, (1_700_000_000 - 3600) * 1024 + 512, &tcp4(4)),
        // A new section has its own interfaces.
        section(),
        interface(147, 6, 0),
        packet(0, 1_700_000_001_000_000, &[0; 40]),
    ]
    .concat();
    let output = diagnose_bytes(&file, &[]);
    assert_eq!(
        (output.code, output.packets(), output.attempts()),
        (0, 4.0, 1.0),
        "{}",
        output.stderr
    );
    assert_eq!(output.sum("tcp_handshake_latency_seconds_sum"), 0.25);
    assert_eq!(output.sum("tcp_handshake_rsts_total"), 1.0);
    assert_eq!(output.undecodable("link_type"), 1.0);
    assert_eq!(
        output.sum("tcp_handshake_exporter_last_packet_timestamp_seconds"),
        1_700_000_001.0
    );
}

#[test]
fn obsolete_blocks_and_headers_are_read() {
    let syn = tcp4(2);
    let length = u32::try_from(syn.len()).unwrap();
    let old = [
        words(&[0, 0x0006_0a24, 0x181e_4000, length, length]),
        syn.clone(),
    ]
    .concat();
    let simple = [words(&[length]), answer()].concat();
    let blocks = [
        section(),
        interface(101, 6, 0),
        block(2, &old),
        block(3, &simple),
    ]
    .concat();
    // Alexey Kuznetsov's format has eight more bytes before each packet. A format of 1996 has swapped lengths.
    let modified = [
        words(&[
            0xa1b2_cd34,
            0x0004_0002,
            0,
            0,
            65_535,
            101,
            7,
            0,
            length,
            length,
            2,
            0,
        ]),
        syn.clone(),
    ]
    .concat();
    let ancient = [
        words(&[
            0xa1b2_c3d4,
            0x0002_0002,
            0,
            0,
            68,
            101,
            7,
            0,
            length + 900,
            length,
        ]),
        syn,
    ]
    .concat();
    let syn = tcp4(2);
    let dg_ux = [
        words(&[0xa1b2_c3d4, 543, 0, 0, 68, 101, 7, 0, length, length]),
        syn,
    ]
    .concat();
    for file in [blocks, modified, ancient, dg_ux] {
        let output = diagnose_bytes(&file, &[]);
        assert_eq!(
            (output.code, output.attempts()),
            (0, 1.0),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn aix_file_has_own_link_types_and_nanoseconds() {
    let frame = [&[2; 12][..], &[8, 0], &tcp4(2)].concat();
    let length = u32::try_from(frame.len()).unwrap();
    let file = [
        words(&[
            0xa1b2_c3d4,
            0x0002_0002,
            0,
            0,
            96,
            6,
            7,
            999_999_999,
            length,
            length,
        ]),
        frame,
    ]
    .concat();
    let output = diagnose_bytes(&file, &[]);
    assert_eq!(
        (output.code, output.attempts()),
        (0, 1.0),
        "{}",
        output.stderr
    );
    assert_eq!(
        output.sum("tcp_handshake_exporter_last_packet_timestamp_seconds"),
        7.999_999_999
    );
}

#[test]
fn big_endian_file_is_read() {
    let swapped = |bytes: &[u8]| {
        bytes
            .chunks(4)
            .flat_map(|word| word.iter().rev().copied())
            .collect::<Vec<u8>>()
    };
    let mut header = swapped(&words(&[
        0xa1b2_3c4d,
        0,
        0,
        0,
        65_535,
        101,
        7,
        999_999_999,
        40,
        40,
    ]));
    header[4..8].copy_from_slice(&[0, 2, 0, 4]);
    let output = diagnose_bytes(&[header, tcp4(2)].concat(), &[]);
    assert_eq!(
        (output.code, output.attempts()),
        (0, 1.0),
        "{}",
        output.stderr
    );
    assert_eq!(
        output.sum("tcp_handshake_exporter_last_packet_timestamp_seconds"),
        7.999_999_999
    );
}

#[test]
fn all_packets_count_and_tunnels_by_reason() {
    let frames = [
        tcp4(2),
        v4(&[], 0, 47, &[0; 8]),
        v4(&[], 0, 17, &udp(4789, &[0; 60])),
        tcp4(2)[..30].to_vec(),
        tcp4(16),
    ];
    let output = diagnose_bytes(&pcap(101, &frames), &[]);
    assert_eq!(
        (output.code, output.packets(), output.attempts()),
        (0, 5.0, 1.0),
        "{}",
        output.stderr
    );
    let reasons = ["gre", "vxlan", "truncated"].map(|reason| output.undecodable(reason));
    assert_eq!(reasons, [1.0; 3]);
    assert_eq!(
        output.sum("tcp_handshake_exporter_undecodable_packets_total"),
        3.0
    );
}

#[test]
fn every_undecodable_packet_counts_by_reason() {
    for wrap in wraps() {
        let samples = samples();
        let frames: Vec<Vec<u8>> = samples
            .iter()
            .map(|sample| wrap.frame(&sample.bytes))
            .collect();
        let number = (0..300)
            .find(|number| Link::from_linktype(*number) == wrap.link)
            .unwrap();
        let output = diagnose_bytes(&pcap(number, &frames), &[]);
        assert_eq!(
            (output.code, output.packets()),
            (0, f64::from(u32::try_from(frames.len()).unwrap())),
            "{}",
            output.stderr
        );
        for reason in Undecodable::ALL {
            let expected = Expected::Discarded(Discard::Undecodable(reason));
            let wanted = samples
                .iter()
                .filter(|sample| sample.expected == expected)
                .count();
            let counted = output.undecodable(reason.as_str());
            assert_eq!(
                counted,
                f64::from(u32::try_from(wanted).unwrap()),
                "{reason:?} behind {}",
                wrap.name
            );
        }
    }
}

#[test]
fn expression_filters_only_segments_of_file() {
    let frames = [tcp4(2), v4(&[], 0, 47, &[0; 8])];
    let file = pcap(101, &frames);
    for (expression, attempts) in [("port 443", 1.0), ("port 444", 0.0)] {
        let output = diagnose_bytes(&file, &["--capture.filter", expression]);
        assert_eq!(
            (output.code, output.attempts(), output.undecodable("gre")),
            (0, attempts, 1.0),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn standard_input_is_read() {
    let mut file = conversation();
    file.extend(record(1_700_000_009, &tcp4(2)));
    let output = diagnose_input(&file);
    assert_eq!(
        (output.code, output.packets(), output.attempts()),
        (0, 4.0, 1.0),
        "{}",
        output.stderr
    );
}

/// Returns a file with SYN, SYN/ACK and ACK.
fn conversation() -> Vec<u8> {
    pcap(101, &[tcp4(2), answer(), tcp4(16)])
}

/// Returns the SYN/ACK that answers the SYN.
fn answer() -> Vec<u8> {
    let mut answer = tcp4(0x12);
    answer[12..20].rotate_left(4);
    answer[20..24].rotate_left(2);
    answer[28..32].copy_from_slice(&101_u32.to_be_bytes());
    answer
}
