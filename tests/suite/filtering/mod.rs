//! Runs the compiled filter of every link type over packets of every kind. Packets that decoding uses pass; bulk data does
//! not pass and needs few instructions.

mod bpf_machine;
mod kernel;

use pcap::BpfProgram;
use tcp_handshake_exporter::capture::Filter;
use tcp_handshake_exporter::frame::Link;
use tcp_handshake_exporter::packet::{Flags, Packet};

use crate::wire_samples::{acknowledgments, decode_frame, samples, wraps};
use bpf_machine::run;

/// Samples of bulk data.
const BULK: [&str; 7] = [
    "data",
    "data behind options",
    "data v6",
    "later fragment",
    "later fragment v6",
    "udp",
    "udp v6",
];

/// Link headers that pass as a whole, because they are rare and hard to inspect.
const PASS_AS_A_WHOLE: [&str; 11] = [
    "four tags",
    "mpls of five labels",
    "802.11 between stations",
    "802.11 with ht control",
    "cooked v2 one tag left",
    "cooked v2 two tags left",
    "cisco hdlc among ppp",
    "mpls of three labels",
    "mpls of two labels in qinq",
    "pppoe in qinq",
    "radiotap with padding",
];

/// Link headers that also pass as a whole with ACKs, because the filter would grow too long.
const PASS_WITH_ACKS: [&str; 4] = [
    "pppoe in 802.1q",
    "cooked pppoe in 802.1q",
    "mpls in 802.1q",
    "802.3 in 802.1q",
];

/// Link headers behind which libpcap finds the IP header.
const EXPRESSION_APPLIES: [&str; 8] = [
    "ethernet",
    "802.1q",
    "qinq",
    "old qinq",
    "cooked",
    "cooked v2",
    "null of linux",
    "raw",
];

/// Link type, link header, maximum of instructions run for data, maximum of instructions in the program.
const COSTS: [(Link, &str, usize, usize); 5] = [
    (Link::Ethernet, "ethernet", 30, 1000),
    (Link::Ethernet, "802.1q", 40, 1000),
    (Link::LinuxSll, "cooked", 30, 1000),
    (Link::LinuxSll2, "cooked v2", 30, 1000),
    (Link::Raw, "raw", 30, 100),
];

#[test]
fn used_packets_pass() {
    for filter in [
        Filter::default(),
        acks(),
        Filter {
            expression: Some("ip or ip6".into()),
            acks: true,
        },
    ] {
        each_program(&filter, |link, program| {
            for wrap in wraps().iter().filter(|wrap| wrap.link == link) {
                let names = samples()
                    .into_iter()
                    .map(|sample| (sample.name, sample.bytes));
                for (name, packet) in names.chain(acknowledgments()) {
                    let frame = wrap.frame(&packet);
                    let used = match decode_frame(link, &frame) {
                        Ok(Packet::Segment(segment)) => filter.acks || segment.flags != Flags::ACK,
                        Ok(Packet::IcmpError(_)) => true,
                        Err(_) => false,
                    };
                    assert!(
                        !used || program.filter(&frame),
                        "{name} behind {} is lost to {filter:?}",
                        wrap.name
                    );
                }
            }
        });
    }
}

#[test]
fn bulk_data_is_filtered_out() {
    for filter in [Filter::default(), acks()] {
        each_program(&filter, |link, program| {
            let inspected = |name| {
                !(PASS_AS_A_WHOLE.contains(&name) || filter.acks && PASS_WITH_ACKS.contains(&name))
            };
            for wrap in wraps()
                .iter()
                .filter(|wrap| wrap.link == link && inspected(wrap.name))
            {
                for sample in samples()
                    .iter()
                    .filter(|sample| BULK.contains(&sample.name))
                {
                    let passes = program.filter(&wrap.frame(&sample.bytes));
                    assert!(
                        !passes,
                        "{} behind {} passes {filter:?}",
                        sample.name, wrap.name
                    );
                }
            }
        });
    }
}

#[test]
fn expression_narrows_only_segments() {
    let filter = Filter {
        expression: Some("port 444".into()),
        acks: false,
    };
    each_program(&filter, |link, program| {
        for wrap in wraps()
            .iter()
            .filter(|wrap| wrap.link == link && EXPRESSION_APPLIES.contains(&wrap.name))
        {
            for sample in samples() {
                let frame = wrap.frame(&sample.bytes);
                match decode_frame(link, &frame) {
                    Ok(Packet::Segment(_)) => {
                        assert!(
                            !program.filter(&frame),
                            "{} behind {} passes",
                            sample.name,
                            wrap.name
                        );
                    }
                    Ok(Packet::IcmpError(_)) => {
                        assert!(
                            program.filter(&frame),
                            "{} behind {} is lost",
                            sample.name,
                            wrap.name
                        );
                    }
                    Err(_) => {}
                }
            }
        }
    });
}

/// The limits were measured with libpcap 1.10. They reveal a change that makes every packet of a host more expensive.
#[test]
fn bulk_data_is_rejected_early() {
    for (link, name, most, longest) in COSTS {
        let program = program(&Filter::default(), link);
        let instructions = program.get_instructions().len();
        let wraps = wraps();
        let wrap = wraps.iter().find(|wrap| wrap.name == name).unwrap();
        for sample in samples()
            .iter()
            .filter(|sample| ["data", "data v6"].contains(&sample.name))
        {
            let frame = wrap.frame(&sample.bytes);
            let (passes, steps) = run(&program, &frame);
            assert_eq!(
                passes,
                program.filter(&frame),
                "the test machine differs from libpcap"
            );
            println!(
                "{name}: {} takes {steps} of {instructions} instructions",
                sample.name
            );
            assert!(
                steps <= most,
                "{} behind {name} takes {steps} instructions, not {most}",
                sample.name
            );
        }
        assert!(
            instructions <= longest,
            "{name} has {instructions} instructions, more than {longest}"
        );
    }
}

fn each_program(filter: &Filter, check: impl Fn(Link, &BpfProgram)) {
    let mut links: Vec<Link> = wraps().iter().map(|wrap| wrap.link).collect();
    links.dedup();
    for link in links.into_iter().filter(|link| number_of(*link).is_some()) {
        check(link, &program(filter, link));
    }
}

fn program(filter: &Filter, link: Link) -> BpfProgram {
    let number = number_of(link).unwrap();
    filter
        .program(link, number)
        .unwrap_or_else(|error| panic!("{link:?}: {error}"))
}

fn acks() -> Filter {
    Filter {
        acks: true,
        ..Filter::default()
    }
}

/// Returns the `DLT_` number. `None` if this system cannot capture the link type live.
fn number_of(link: Link) -> Option<i32> {
    Some(match link {
        Link::Null => 0,
        Link::Ethernet => 1,
        Link::Ppp => 9,
        Link::Raw => 12,
        Link::PppEther => 51,
        Link::Llc => 11,
        Link::CiscoHdlc => 104,
        Link::Wifi => 105,
        Link::Loop => 108,
        Link::LinuxSll => 113,
        Link::WifiPrism => 119,
        Link::WifiRadiotap => 127,
        Link::LinuxSll2 => 276,
        Link::Ppi
        | Link::PacketFilterLog
        | Link::Pktap
        | Link::NetfilterLog
        | Link::Legacy(_)
        | Link::Other => {
            return None;
        }
    })
}
