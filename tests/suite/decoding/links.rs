//! Every kind of packet behind every link header.

use tcp_handshake_exporter::decode::{Discard, Undecodable};
use tcp_handshake_exporter::frame::Link;
use tcp_handshake_exporter::packet::{Direction, Packet, Segment};

use crate::wire::{Expected, all_wraps, read, read_of, samples, tcp4, tcp6, wraps};

#[test]
fn every_packet_is_read_the_same_behind_every_link_header() {
    for wrap in all_wraps() {
        for sample in samples() {
            let found = read(wrap.link, &wrap.frame(&sample.bytes));
            let as_expected = match (sample.expected, found) {
                (Expected::Segment, Ok(Packet::Segment(_)))
                | (Expected::IcmpError, Ok(Packet::IcmpError(_))) => true,
                (Expected::Passed(skip), Err(found)) => skip == found,
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
fn what_follows_a_packet_is_none_of_it() {
    let samples = samples()
        .into_iter()
        .filter(|sample| !sample.name.contains("offloaded"));
    let wraps = all_wraps();
    for sample in samples {
        for wrap in &wraps {
            let frame = wrap.frame(&sample.bytes);
            let padded = [&frame[..], &[0xa5; 46]].concat();
            assert_eq!(
                read(wrap.link, &frame),
                read(wrap.link, &padded),
                "{} behind {}",
                sample.name,
                wrap.name
            );
        }
    }
}

#[test]
fn what_a_segment_says_is_what_was_written() {
    for (bytes, identification, length) in [(tcp4(0x12), Some(0x1234), 40), (tcp6(0x12), None, 60)]
    {
        assert_eq!(bytes.len(), length);
        let Ok(Packet::Segment(segment)) = read(Link::Raw, &bytes) else {
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
fn data_is_what_the_headers_say_however_much_was_captured() {
    for sample in samples()
        .iter()
        .filter(|sample| sample.name.contains("offloaded"))
    {
        for captured in [sample.bytes.len(), 80] {
            let found = read_of(Link::Raw, &sample.bytes[..captured], sample.bytes.len());
            let Ok(Packet::Segment(segment)) = found else {
                panic!("{}: {found:?}", sample.name)
            };
            assert_eq!(
                segment.payload_length, 900,
                "{} of which {captured} bytes were captured",
                sample.name
            );
        }
    }
}

#[test]
fn an_ip_packet_that_its_link_header_does_not_announce_is_malformed() {
    let malformed = Err(Discard::Undecodable(Undecodable::Malformed));
    for wrap in wraps()
        .iter()
        .filter(|wrap| wrap.length(true) > 0 && !wrap.name.contains("mpls"))
    {
        let mut four_behind_six = wrap.frame(&tcp6(2));
        four_behind_six.splice(wrap.length(false).., tcp4(2));
        let found = read(wrap.link, &four_behind_six);
        let says_nothing =
            wrap.frame(&tcp6(2))[..wrap.length(false)] == wrap.frame(&tcp4(2))[..wrap.length(true)];
        assert!(
            found == malformed || says_nothing,
            "{}: {found:?}",
            wrap.name
        );
    }
}

#[test]
fn frames_of_no_ip_are_none_of_our_business() {
    let frame = |ethertype: [u8; 2]| [&[2; 12][..], &ethertype, &[0; 46]].concat();
    for ethertype in [
        [0x08, 0x06],
        [0x88, 0xcc],
        [0x88, 0x63],
        [0x00, 0x2e],
        [0x06, 0x00],
    ] {
        assert_eq!(
            read(Link::Ethernet, &frame(ethertype)),
            Err(Discard::NotIp),
            "{ethertype:x?}"
        );
    }
    for beacon in [[0x80, 0x00], [0xd4, 0x00], [0x48, 0x01]] {
        assert_eq!(
            read(Link::Wifi, &[&beacon[..], &[0; 60]].concat()),
            Err(Discard::NotIp),
            "{beacon:x?}"
        );
    }
    assert_eq!(
        read(Link::Ppp, &[0xff, 0x03, 0xc0, 0x21, 1, 1]),
        Err(Discard::NotIp)
    );
    assert_eq!(read(Link::Null, &[7, 0, 0, 0, 0]), Err(Discard::NotIp));
}

#[test]
fn what_cannot_be_looked_into_is_counted_by_name() {
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
        read(Link::Wifi, &frame(0x88, 0x41, 0)),
        named(Undecodable::Encrypted)
    );
    assert_eq!(
        read(Link::Wifi, &frame(0x88, 0x01, 0x80)),
        named(Undecodable::Aggregate)
    );
    let pseudowire = [
        &[2; 12][..],
        &[0x88, 0x47, 0, 1, 1, 64, 0, 0, 0, 0],
        &[2; 60],
    ]
    .concat();
    assert_eq!(read(Link::Ethernet, &pseudowire), named(Undecodable::Mpls));
    assert_eq!(read(Link::Other, &tcp4(2)), named(Undecodable::LinkType));
    let wrapped_twice = [0, 0, 8, 0, 192, 0, 0, 0].repeat(9);
    assert_eq!(
        read(Link::Ppi, &wrapped_twice),
        named(Undecodable::Malformed)
    );
}

#[test]
fn the_reasons_are_all_there_once() {
    let names = Undecodable::ALL.map(Undecodable::as_str);
    let different: std::collections::BTreeSet<_> = names.into_iter().collect();
    assert_eq!(different.len(), names.len());
    assert!(
        Undecodable::ALL.is_sorted(),
        "ALL names each reason in the order in which they are declared"
    );
    assert_eq!(
        Undecodable::ALL.last(),
        Some(&Undecodable::Teredo),
        "the last reason is the last of ALL"
    );
}

#[test]
fn a_system_s_own_word_about_the_way_is_taken() {
    let pktap = wraps()
        .into_iter()
        .find(|wrap| wrap.name == "pktap")
        .unwrap();
    let Ok(Packet::Segment(segment)) = read(pktap.link, &pktap.frame(&tcp4(2))) else {
        panic!("no segment")
    };
    assert_eq!(segment.via.direction, Direction::Entering);
}
