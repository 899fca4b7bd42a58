//! Decodes every kind of packet behind every link header.

use tcp_handshake_exporter::decode::{Discard, Undecodable};
use tcp_handshake_exporter::frame::Link;
use tcp_handshake_exporter::packet::{Direction, Packet, Segment};

use crate::wire_samples::{
    Expected, all_wraps, decode_captured, decode_frame, samples, tcp4, tcp6, wraps,
};

#[test]
fn packet_decodes_equally_behind_every_link_header() {
    for wrap in all_wraps() {
        for sample in samples() {
            let found = decode_frame(wrap.link, &wrap.frame(&sample.bytes));
            let as_expected = match (sample.expected, found) {
                (Expected::Segment, Ok(Packet::Segment(_)))
                | (Expected::IcmpError, Ok(Packet::IcmpError(_))) => true,
                (Expected::Discarded(discard), Err(found)) => discard == found,
                _ => false,
            };
            assert!(
                as_expected,
                "{} behind {}: {found:?}, not {:?}",
                sample.name, wrap.name, sample.expected
            );
        }
    }
}

#[test]
fn padding_after_packet_changes_nothing() {
    let samples = samples()
        .into_iter()
        .filter(|sample| !sample.name.contains("offloaded"));
    let wraps = all_wraps();
    for sample in samples {
        for wrap in &wraps {
            let frame = wrap.frame(&sample.bytes);
            let padded = [&frame[..], &[0xa5; 46]].concat();
            assert_eq!(
                decode_frame(wrap.link, &frame),
                decode_frame(wrap.link, &padded),
                "{} behind {}",
                sample.name,
                wrap.name
            );
        }
    }
}

#[test]
fn decoded_segment_has_written_fields() {
    for (bytes, identification, length) in [(tcp4(0x12), Some(0x1234), 40), (tcp6(0x12), None, 60)]
    {
        assert_eq!(bytes.len(), length);
        let Ok(Packet::Segment(segment)) = decode_frame(Link::Raw, &bytes) else {
            panic!("no segment")
        };
        let Segment {
            from,
            to,
            sequence,
            acknowledgment,
            hop_limit,
            payload_length,
            ..
        } = segment;
        assert_eq!(
            (from.port, to.port, sequence, acknowledgment),
            (40000, 443, 100, 9)
        );
        assert_eq!(
            (segment.identification, hop_limit, payload_length),
            (identification, 64, 0)
        );
    }
}

#[test]
fn payload_length_ignores_captured_length() {
    for sample in samples()
        .iter()
        .filter(|sample| sample.name.contains("offloaded"))
    {
        for captured in [sample.bytes.len(), 80] {
            let found = decode_captured(Link::Raw, &sample.bytes[..captured], sample.bytes.len());
            let Ok(Packet::Segment(segment)) = found else {
                panic!("{}: {found:?}", sample.name)
            };
            assert_eq!(
                segment.payload_length, 900,
                "{}, {captured} bytes captured",
                sample.name
            );
        }
    }
}

#[test]
fn unannounced_ip_version_is_malformed() {
    let malformed = Err(Discard::Undecodable(Undecodable::Malformed));
    for wrap in wraps()
        .iter()
        .filter(|wrap| wrap.length(true) > 0 && !wrap.name.contains("mpls"))
    {
        let mut four_behind_six = wrap.frame(&tcp6(2));
        four_behind_six.splice(wrap.length(false).., tcp4(2));
        let found = decode_frame(wrap.link, &four_behind_six);
        let has_no_version =
            wrap.frame(&tcp6(2))[..wrap.length(false)] == wrap.frame(&tcp4(2))[..wrap.length(true)];
        assert!(
            found == malformed || has_no_version,
            "{}: {found:?}",
            wrap.name
        );
    }
}

#[test]
fn frame_without_ip_is_not_ip() {
    let frame = |ethertype: [u8; 2]| [&[2; 12][..], &ethertype, &[0; 46]].concat();
    for ethertype in [
        [0x08, 0x06],
        [0x88, 0xcc],
        [0x88, 0x63],
        [0x00, 0x2e],
        [0x06, 0x00],
    ] {
        assert_eq!(
            decode_frame(Link::Ethernet, &frame(ethertype)),
            Err(Discard::NotIp),
            "{ethertype:x?}"
        );
    }
    for beacon in [[0x80, 0x00], [0xd4, 0x00], [0x48, 0x01]] {
        assert_eq!(
            decode_frame(Link::Wifi, &[&beacon[..], &[0; 60]].concat()),
            Err(Discard::NotIp),
            "{beacon:x?}"
        );
    }
    assert_eq!(
        decode_frame(Link::Ppp, &[0xff, 0x03, 0xc0, 0x21, 1, 1]),
        Err(Discard::NotIp)
    );
    assert_eq!(
        decode_frame(Link::Null, &[7, 0, 0, 0, 0]),
        Err(Discard::NotIp)
    );
}

#[test]
fn undecodable_frame_has_named_reason() {
    let frame = |kind: u8, flags: u8, quality: u8| {
        [
            &[kind, flags][..],
            &[0; 22],
            &[quality, 0],
            &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0],
            &tcp4(2),
        ]
        .concat()
    };
    let named = |reason| Err(Discard::Undecodable(reason));
    assert_eq!(
        decode_frame(Link::Wifi, &frame(0x88, 0x41, 0)),
        named(Undecodable::Encrypted)
    );
    assert_eq!(
        decode_frame(Link::Wifi, &frame(0x88, 0x01, 0x80)),
        named(Undecodable::Aggregate)
    );
    let pseudowire = [
        &[2; 12][..],
        &[0x88, 0x47, 0, 1, 1, 64, 0, 0, 0, 0],
        &[2; 60],
    ]
    .concat();
    assert_eq!(
        decode_frame(Link::Ethernet, &pseudowire),
        named(Undecodable::Mpls)
    );
    assert_eq!(
        decode_frame(Link::Other, &tcp4(2)),
        named(Undecodable::LinkType)
    );
    let wrapped_twice = [0, 0, 8, 0, 192, 0, 0, 0].repeat(9);
    assert_eq!(
        decode_frame(Link::Ppi, &wrapped_twice),
        named(Undecodable::Malformed)
    );
}

#[test]
fn undecodable_reasons_are_complete_and_unique() {
    let names = Undecodable::ALL.map(Undecodable::as_str);
    let different: std::collections::BTreeSet<_> = names.into_iter().collect();
    assert_eq!(different.len(), names.len());
    assert!(
        Undecodable::ALL.is_sorted(),
        "ALL lists the reasons in the order of their declaration"
    );
    assert_eq!(
        Undecodable::ALL.last(),
        Some(&Undecodable::Teredo),
        "the last reason is the last of ALL"
    );
}

#[test]
fn pktap_direction_is_used() {
    let pktap = wraps()
        .into_iter()
        .find(|wrap| wrap.name == "pktap")
        .unwrap();
    let Ok(Packet::Segment(segment)) = decode_frame(pktap.link, &pktap.frame(&tcp4(2))) else {
        panic!("no segment")
    };
    assert_eq!(segment.via.direction, Direction::Entering);
}
