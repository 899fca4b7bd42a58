use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::packet::Flags;

fn end(text: &str) -> Endpoint {
    let address: std::net::SocketAddr = text.parse().unwrap();
    Endpoint {
        address: address.ip().into(),
        port: address.port(),
    }
}

fn via(direction: Direction) -> CapturePoint {
    CapturePoint {
        interface: 1,
        direction,
        loopback: false,
    }
}

fn at(millis: u64) -> Timestamp {
    Timestamp::default() + Duration::from_secs(1_000_000) + Duration::from_millis(millis)
}

fn host(limit: usize) -> LabelResolver {
    let addresses: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    LabelResolver::new(
        LocalAddressSource::host(addresses, &[]),
        Peers::new(Vec::new(), 32, 128),
        LabelSetRegistry::new(limit),
    )
}

fn admit(labels: &mut LabelResolver, client: &str, server: &str, now: Timestamp) -> Admission {
    admit_met(
        labels,
        end(client),
        end(server),
        via(Direction::Unknown),
        now,
    )
}

fn admit_met(
    labels: &mut LabelResolver,
    client: Endpoint,
    server: Endpoint,
    via: CapturePoint,
    now: Timestamp,
) -> Admission {
    labels.admit(&client, &server, via, now)
}

/// A RST.
fn segment(from: &str, to: &str) -> Segment {
    Segment {
        via: via(Direction::Unknown),
        from: end(from),
        to: end(to),
        sequence: 1,
        acknowledgment: 0,
        flags: Flags::RST,
        timestamp: None,
        identification: Some(1),
        hop_limit: 64,
        payload_length: 0,
        ecn_setup: false,
    }
}

fn gone(labels: &mut LabelResolver, admission: Admission) -> Option<LabelSetId> {
    labels.sets().gone().filter(|_| admission.made_room)
}

/// The labels of the set that was made.
fn values(labels: &mut LabelResolver, admission: Admission) -> [String; 4] {
    assert!(admission.created);
    labels.sets().name(admission.set).unwrap().values()
}

#[test]
fn vantage_says_from_where_and_peer_is_the_far_end() {
    let mut labels = host(10);
    let cases = [
        (
            "10.0.0.1:40000",
            "192.0.2.9:443",
            ["client", "10.0.0.1", "443", "192.0.2.9"],
        ),
        (
            "192.0.2.9:40000",
            "10.0.0.1:22",
            ["server", "10.0.0.1", "22", "192.0.2.9"],
        ),
        (
            "10.0.0.1:40000",
            "127.0.0.1:80",
            ["local", "10.0.0.1", "80", "127.0.0.1"],
        ),
        (
            "192.0.2.8:40000",
            "192.0.2.9:80",
            ["transit", "", "80", "192.0.2.9"],
        ),
        (
            "[2001:DB8::1]:40000",
            "[2001:db8:0:0:0:0:0:2]:80",
            ["client", "2001:db8::1", "80", "2001:db8::2"],
        ),
        (
            "[::ffff:10.0.0.1]:40000",
            "[::ffff:192.0.2.9]:80",
            ["client", "10.0.0.1", "80", "192.0.2.9"],
        ),
    ];
    for (client, server, expected) in cases {
        let admission = admit(&mut labels, client, server, at(0));
        assert_eq!(values(&mut labels, admission), expected);
    }
}

#[test]
fn in_a_file_of_which_nothing_is_said_the_direction_is_a_hint() {
    let mut labels = LabelResolver::new(
        LocalAddressSource::of_file(&[]),
        Peers::new(Vec::new(), 32, 128),
        LabelSetRegistry::new(10),
    );
    for (direction, vantage) in [
        (Direction::Leaving, "client"),
        (Direction::Entering, "server"),
        (Direction::Unknown, "transit"),
    ] {
        let admission = admit_met(
            &mut labels,
            end("192.0.2.1:9"),
            end("192.0.2.2:80"),
            via(direction),
            at(0),
        );
        assert_eq!(values(&mut labels, admission)[0], vantage);
    }
}

#[test]
fn peers_are_cut_to_prefixes_and_gathered_in_groups_the_longest_prefix_winning() {
    let groups =
        ["office=10.1.0.0/16,10.9.0.0/16", "lab=10.1.7.0/24"].map(|group| group.parse().unwrap());
    let peers = Peers::new(groups.to_vec(), 24, 64);
    let peer = |text: &str| peers.of(text.parse::<IpAddr>().unwrap().into()).to_string();
    assert_eq!(peer("10.1.2.3"), "office");
    assert_eq!(peer("10.9.2.3"), "office");
    assert_eq!(peer("10.1.7.3"), "lab");
    assert_eq!(peer("192.0.2.77"), "192.0.2.0/24");
    assert_eq!(peer("2001:db8:1:2:3::4"), "2001:db8:1:2::/64");
}

#[test]
fn of_overlapping_groups_the_longest_prefix_wins_whatever_the_order() {
    let texts = [
        "all=0.0.0.0/0,::/0",
        "office=10.0.0.0/8",
        "lab=10.1.7.0/24,2001:db8::/32",
        "host=10.1.7.9",
        "v6=2001:db8::9",
    ];
    for first in 0..texts.len() {
        let groups = (0..texts.len())
            .map(|nth| texts[(first + nth) % texts.len()].parse().unwrap())
            .collect();
        let peers = Peers::new(groups, 32, 128);
        let peer = |text: &str| peers.of(text.parse::<IpAddr>().unwrap().into()).to_string();
        let cases = [
            ("192.0.2.1", "all"),
            ("10.9.9.9", "office"),
            ("10.1.7.8", "lab"),
            ("10.1.7.9", "host"),
            ("::ffff:10.1.7.9", "host"),
            ("2001:db8::8", "lab"),
            ("2001:db8::9", "v6"),
            ("2001:db9::", "all"),
        ];
        for (address, group) in cases {
            assert_eq!(peer(address), group, "{address}");
        }
    }
}

#[test]
fn who_begins_after_peers_are_grouped_anew_goes_by_the_new_rule_and_sets_stay() {
    let mut labels = host(10);
    let old = admit(&mut labels, "10.0.0.1:1", "192.0.2.9:80", at(0)).set;
    labels.set_peer_rules(Peers::new(
        vec!["office=192.0.2.0/24".parse().unwrap()],
        32,
        128,
    ));
    let new = admit(&mut labels, "10.0.0.1:2", "192.0.2.9:80", at(1));
    assert_ne!(new.set, old);
    assert_eq!(values(&mut labels, new)[3], "office");
    assert_eq!(labels.sets().count(), 2);
    assert_eq!(
        labels.reporter(old, "192.0.2.9".parse::<IpAddr>().unwrap().into()),
        Reporter::Peer,
        "still its peer"
    );
}

#[test]
fn a_name_made_ahead_is_forgotten_where_names_are_made_otherwise() {
    let mut labels = host(1);
    admit(&mut labels, "192.0.2.9:1", "10.0.0.1:80", at(0));
    let syn = Segment {
        flags: Flags::SYN,
        ..segment("192.0.2.8:1", "10.0.0.1:80")
    };
    let packet = Packet::Segment(syn);
    let ahead = |labels: &mut LabelResolver| {
        labels
            .admit_ahead((7, &packet), at(1), |_| true)
            .map(|(vantage, _)| vantage)
    };
    labels.look_ahead(7, &packet);
    assert_eq!(
        labels.admit_ahead((7, &packet), at(1), |_| false),
        None,
        "it may not go by it"
    );
    labels.look_ahead(7, &packet);
    assert_eq!(
        ahead(&mut labels),
        Some(Vantage::Server),
        "the table is full"
    );
    labels.look_ahead(7, &packet);
    labels.set_peer_rules(Peers::new(
        vec!["office=192.0.2.0/24".parse().unwrap()],
        32,
        128,
    ));
    assert!(ahead(&mut labels).is_none());
    labels.look_ahead(7, &packet);
    labels.set_local_addresses(LocalAddressSource::host([], &[]));
    assert!(ahead(&mut labels).is_none());
    labels.look_ahead(7, &packet);
    assert_eq!(ahead(&mut labels), Some(Vantage::Transit));
}

#[test]
fn where_the_limit_is_lowered_sets_leave_as_they_fall_idle_and_nobody_comes_in_their_place() {
    let mut labels = host(4);
    for peer in 1..=4 {
        let set = admit(
            &mut labels,
            &format!("192.0.2.{peer}:9"),
            "10.0.0.1:80",
            at(0),
        )
        .set;
        labels.sets().decided(set, at(0));
    }
    labels.sets().resize(2);
    let day = Duration::from_secs(86_400);
    assert_eq!(labels.sets().expire(day, at(599_000)), None);
    assert!(admit(&mut labels, "192.0.2.9:9", "10.0.0.1:80", at(599_000)).folded);
    assert!(labels.sets().expire(day, at(600_000)).is_some());
    assert!(labels.sets().expire(day, at(600_000)).is_some());
    assert_eq!(labels.sets().expire(day, at(600_000)), None, "two may stay");
    labels.sets().resize(3);
    assert!(
        !admit(&mut labels, "192.0.2.8:9", "10.0.0.1:80", at(601_000)).folded,
        "room at once where it is raised"
    );
}

#[test]
fn what_does_not_fit_is_counted_under_the_rest_of_its_port_else_of_all_ports() {
    let mut labels = host(1);
    let first = admit(&mut labels, "192.0.2.1:9", "10.0.0.1:80", at(0));
    assert_eq!(
        values(&mut labels, first),
        ["server", "10.0.0.1", "80", "192.0.2.1"]
    );
    let second = admit(&mut labels, "192.0.2.2:9", "10.0.0.1:80", at(1));
    assert!(second.folded);
    assert_eq!(
        values(&mut labels, second),
        ["server", "10.0.0.1", "80", "other"]
    );
    let elsewhere = admit(&mut labels, "192.0.2.2:9", "10.0.0.1:81", at(2));
    assert_eq!(
        values(&mut labels, elsewhere),
        ["server", "10.0.0.1", "other", "other"]
    );
    let again = admit(&mut labels, "192.0.2.3:9", "10.0.0.1:82", at(3));
    assert!(again.folded && !again.created);
}

#[test]
fn the_longest_idle_set_leaves_for_a_newcomer_after_ten_minutes() {
    let mut labels = host(2);
    let first = admit(&mut labels, "192.0.2.1:9", "10.0.0.1:80", at(0)).set;
    let second = admit(&mut labels, "192.0.2.2:9", "10.0.0.1:80", at(1_000)).set;
    labels.sets().decided(second, at(0));
    assert!(
        admit(&mut labels, "192.0.2.3:9", "10.0.0.1:80", at(700_000)).made_room,
        "nobody waits in it"
    );
    labels.sets().decided(first, at(0));
    let last = admit(&mut labels, "192.0.2.4:9", "10.0.0.1:80", at(1_400_000));
    assert_eq!(gone(&mut labels, last), Some(first));
}

#[test]
fn a_set_that_left_is_not_its_successor() {
    let mut labels = host(1);
    let first = admit(&mut labels, "192.0.2.1:9", "10.0.0.1:80", at(0)).set;
    labels.sets().decided(first, at(0));
    let second = admit(&mut labels, "192.0.2.2:9", "10.0.0.1:80", at(700_000)).set;
    assert_eq!(first.place(), second.place());
    assert_ne!(first, second);
}

#[test]
fn peers_that_come_back_win_sets_of_their_own_against_a_flood() {
    let mut labels = host(500);
    let mut own = std::collections::BTreeSet::new();
    for stranger in 0..1_000_000_u32 {
        let now = at(u64::from(stranger) / 50);
        let spoofed = Endpoint {
            address: std::net::Ipv4Addr::from(0x0b00_0000 + stranger).into(),
            port: 9,
        };
        let set = admit_met(
            &mut labels,
            spoofed,
            end("10.0.0.1:80"),
            via(Direction::Unknown),
            now,
        )
        .set;
        labels.sets().decided(set, at(0));
        if stranger % 200 == 0 {
            let regular = stranger / 200 % 100;
            let admission = admit(
                &mut labels,
                &format!("198.51.100.{regular}:9"),
                "10.0.0.1:80",
                now,
            );
            if !admission.folded {
                own.insert(regular);
            }
            labels.sets().decided(admission.set, at(0));
        }
    }
    assert_eq!(own.len(), 100);
    let folded = (0..100).filter(|regular| {
        admit(
            &mut labels,
            &format!("198.51.100.{regular}:9"),
            "10.0.0.1:80",
            at(30_000),
        )
        .folded
    });
    assert_eq!(folded.count(), 0, "who won a set keeps it");
}

#[test]
fn a_scan_of_all_ports_costs_a_bounded_number_of_sets() {
    let mut labels = host(100);
    for port in 0..=u16::MAX {
        let server = Endpoint {
            address: end("10.0.0.1:1").address,
            port,
        };
        let set = admit_met(
            &mut labels,
            end("192.0.2.1:9"),
            server,
            via(Direction::Unknown),
            at(port.into()),
        )
        .set;
        labels.sets().decided(set, at(0));
    }
    assert!(
        labels.sets().count() <= 100 + 36,
        "{}",
        labels.sets().count()
    );
}

#[test]
fn a_rst_belongs_to_a_set_that_has_exactly_one_of_its_ends_as_server() {
    let mut labels = host(10);
    let set = admit(&mut labels, "10.0.0.1:40000", "192.0.2.9:443", at(0)).set;
    assert_eq!(
        labels.find_by_either_side(&segment("192.0.2.9:443", "10.0.0.1:50000"), at(1)),
        Some((set, Side::Server))
    );
    assert_eq!(
        labels.find_by_either_side(&segment("10.0.0.1:50000", "192.0.2.9:443"), at(1)),
        Some((set, Side::Client))
    );
    assert_eq!(
        labels.find_by_either_side(&segment("192.0.2.8:443", "10.0.0.1:50000"), at(1)),
        None
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever comes, each attempt is in one set that exists, there are never too many sets, and nobody's set leaves
    /// while an attempt of it waits.
    #[test]
    fn every_attempt_is_in_exactly_one_set(
        attempts in prop::collection::vec((0_u8..40, 0_u16..12, 0_u64..120_000, any::<bool>()), 1..400),
        limit in 1_usize..8,
    ) {
        let mut labels = host(limit);
        let mut counts = std::collections::HashMap::<LabelSetId, (u32, u32)>::new();
        let (mut now, mut total) = (0, 0);
        for (peer, port, gap, decided) in attempts {
            now += gap;
            total += 1;
            let admission = admit(&mut labels, &format!("192.0.2.{peer}:9"), &format!("10.0.0.1:{port}"), at(now));
            if let Some(gone) = gone(&mut labels, admission) {
                let (_, waiting) = counts.get(&gone).copied().unwrap_or_default();
                prop_assert_eq!(waiting, 0);
            }
            prop_assert_eq!(admission.created, !counts.contains_key(&admission.set));
            let count = counts.entry(admission.set).or_default();
            count.0 += 1;
            count.1 += 1;
            if decided {
                labels.sets().decided(admission.set, at(0));
                count.1 -= 1;
            }
            prop_assert!(labels.sets().count() <= limit + 36);
        }
        prop_assert_eq!(counts.values().map(|(attempts, _)| attempts).sum::<u32>(), total);
    }
}
