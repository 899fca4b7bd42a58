use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::packet::Flags;

fn endpoint(text: &str) -> Endpoint {
    let address: SocketAddr = text.parse().unwrap();
    Endpoint {
        address: address.ip().into(),
        port: address.port(),
    }
}

fn address(text: &str) -> Address {
    text.parse::<IpAddr>().unwrap().into()
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

fn resolver(local_addresses: LocalAddressSource, limit: usize) -> LabelResolver {
    LabelResolver::new(
        local_addresses,
        Peers::new(Vec::new(), 32, 128),
        LabelSetRegistry::new(limit),
    )
}

/// A live host with the addresses 10.0.0.1 and 2001:db8::1.
fn host(limit: usize) -> LabelResolver {
    let addresses: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    resolver(LocalAddressSource::for_host(addresses, &[]), limit)
}

fn office() -> Peers {
    Peers::new(vec!["office=192.0.2.0/24".parse().unwrap()], 32, 128)
}

fn admit(labels: &mut LabelResolver, client: &str, server: &str, now: Timestamp) -> Admission {
    admit_via(
        labels,
        endpoint(client),
        endpoint(server),
        via(Direction::Unknown),
        now,
    )
}

fn admit_via(
    labels: &mut LabelResolver,
    client: Endpoint,
    server: Endpoint,
    via: CapturePoint,
    now: Timestamp,
) -> Admission {
    let lookup = labels.resolve(0, &client, &server, via);
    labels.admit(lookup, now)
}

fn decide(labels: &mut LabelResolver, set: LabelSetId) {
    labels.registry_mut().record_decided(set, at(0));
}

fn segment(flags: Flags, from: &str, to: &str) -> Segment {
    Segment {
        via: via(Direction::Unknown),
        from: endpoint(from),
        to: endpoint(to),
        sequence: 1,
        acknowledgment: 0,
        flags,
        timestamp: None,
        identification: Some(1),
        hop_limit: 64,
        payload_length: 0,
        ecn_setup: false,
    }
}

/// Returns the labels of the created label set.
fn values(labels: &mut LabelResolver, admission: Admission) -> [String; 4] {
    assert!(admission.created);
    labels
        .registry_mut()
        .labels(admission.set)
        .unwrap()
        .values()
}

#[test]
fn attempt_is_labeled_by_vantage_and_remote_end() {
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
fn vantage_in_file_without_prefixes_follows_direction() {
    let mut labels = resolver(LocalAddressSource::for_file(&[]), 10);
    for (direction, vantage) in [
        (Direction::Leaving, "client"),
        (Direction::Entering, "server"),
        (Direction::Unknown, "transit"),
    ] {
        let admission = admit_via(
            &mut labels,
            endpoint("192.0.2.1:9"),
            endpoint("192.0.2.2:80"),
            via(direction),
            at(0),
        );
        assert_eq!(values(&mut labels, admission)[0], vantage);
    }
}

#[test]
fn peer_is_longest_group_prefix_otherwise_truncated_address() {
    let groups =
        ["office=10.1.0.0/16,10.9.0.0/16", "lab=10.1.7.0/24"].map(|group| group.parse().unwrap());
    let peers = Peers::new(groups.to_vec(), 24, 64);
    let peer = |text: &str| peers.peer_of(address(text)).to_string();
    assert_eq!(peer("10.1.2.3"), "office");
    assert_eq!(peer("10.9.2.3"), "office");
    assert_eq!(peer("10.1.7.3"), "lab");
    assert_eq!(peer("192.0.2.77"), "192.0.2.0/24");
    assert_eq!(peer("2001:db8:1:2:3::4"), "2001:db8:1:2::/64");
}

#[test]
fn overlapping_groups_use_longest_prefix_in_any_order() {
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
        for (text, group) in cases {
            assert_eq!(peers.peer_of(address(text)).to_string(), group, "{text}");
        }
    }
}

#[test]
fn new_peer_rules_keep_existing_label_sets() {
    let mut labels = host(10);
    let old = admit(&mut labels, "10.0.0.1:1", "192.0.2.9:80", at(0)).set;
    labels.set_peer_rules(office());
    let new = admit(&mut labels, "10.0.0.1:2", "192.0.2.9:80", at(1));
    assert_ne!(new.set, old);
    assert_eq!(values(&mut labels, new)[3], "office");
    assert_eq!(labels.registry_mut().count(), 2);
    assert_eq!(
        labels.reporter(old, address("192.0.2.9")),
        Reporter::Peer,
        "the old label set keeps its peer"
    );
}

#[test]
fn prefetched_lookup_is_discarded_when_rules_change() {
    let mut labels = host(1);
    let syn = segment(Flags::SYN, "192.0.2.8:1", "10.0.0.1:80");
    let packet = Packet::Segment(syn);
    labels.prefetch([(7, &packet)].into_iter());
    assert_eq!(labels.prefetched.take(7), None, "the registry is not full");

    admit(&mut labels, "192.0.2.9:1", "10.0.0.1:80", at(0));
    labels.prefetch([(7, &packet)].into_iter());
    let prefetched = labels.prefetched.take(7);
    let resolved = labels.resolve(7, &syn.from, &syn.to, syn.via);
    assert_eq!(resolved.vantage(), Vantage::Server);
    assert_eq!(prefetched, Some(resolved));

    labels.prefetch([(7, &packet)].into_iter());
    labels.set_peer_rules(office());
    let resolved = labels.resolve(7, &syn.from, &syn.to, syn.via);
    assert_ne!(
        prefetched,
        Some(resolved),
        "the hash covers the peer, which is a group now"
    );
    let fresh = labels.lookup(&syn.from, &syn.to, syn.via);
    assert_eq!(resolved, fresh);

    labels.prefetch([(7, &packet)].into_iter());
    labels.set_local_addresses(LocalAddressSource::for_host([], &[]));
    let resolved = labels.resolve(7, &syn.from, &syn.to, syn.via);
    assert_eq!(resolved.vantage(), Vantage::Transit);

    labels.prefetch([(7, &packet)].into_iter());
    labels.prefetch(std::iter::empty());
    assert_eq!(labels.prefetched.take(7), None, "the next batch started");
}

#[test]
fn prefetched_lookup_is_returned_once_for_its_index() {
    let mut prefetched = PrefetchedLookups::default();
    let mut labels = host(10);
    for index in [1, 4, 5, 9, 17] {
        let peer = Endpoint {
            address: Ipv4Addr::from(index).into(),
            port: 9,
        };
        let lookup = labels.lookup(&peer, &endpoint("10.0.0.1:80"), via(Direction::Unknown));
        prefetched.insert(index, lookup);
    }
    let mut peer_at = |index| {
        let lookup = prefetched.take(index);
        lookup.map(|lookup| lookup.remote.to_string())
    };
    assert_eq!(peer_at(0), None);
    assert_eq!(peer_at(4), Some("0.0.0.4".to_owned()));
    assert_eq!(peer_at(4), None, "once");
    assert_eq!(peer_at(9), Some("0.0.0.9".to_owned()), "5 is skipped");
    assert_eq!(peer_at(6), None);
    assert_eq!(peer_at(1), None, "17 took its slot");
    assert_eq!(peer_at(21), None, "5 has this slot");
}

#[test]
fn lowered_limit_removes_idle_sets_and_admits_none() {
    let mut labels = host(4);
    for peer in 1..=4 {
        let client = format!("192.0.2.{peer}:9");
        let set = admit(&mut labels, &client, "10.0.0.1:80", at(0)).set;
        decide(&mut labels, set);
    }
    labels.registry_mut().set_limit(2);
    let day = Duration::from_secs(86_400);
    assert_eq!(labels.registry_mut().expire(day, at(599_000)), None);
    assert!(admit(&mut labels, "192.0.2.9:9", "10.0.0.1:80", at(599_000)).overflowed);
    assert!(labels.registry_mut().expire(day, at(600_000)).is_some());
    assert!(labels.registry_mut().expire(day, at(600_000)).is_some());
    assert_eq!(
        labels.registry_mut().expire(day, at(600_000)),
        None,
        "two label sets may stay"
    );
    labels.registry_mut().set_limit(3);
    assert!(
        !admit(&mut labels, "192.0.2.8:9", "10.0.0.1:80", at(601_000)).overflowed,
        "a raised limit applies at once"
    );
}

#[test]
fn overflow_set_is_per_port_or_for_all() {
    let mut labels = host(1);
    let first = admit(&mut labels, "192.0.2.1:9", "10.0.0.1:80", at(0));
    assert_eq!(
        values(&mut labels, first),
        ["server", "10.0.0.1", "80", "192.0.2.1"]
    );
    let second = admit(&mut labels, "192.0.2.2:9", "10.0.0.1:80", at(1));
    assert!(second.overflowed);
    assert_eq!(
        values(&mut labels, second),
        ["server", "10.0.0.1", "80", "other"]
    );
    let other_port = admit(&mut labels, "192.0.2.2:9", "10.0.0.1:81", at(2));
    assert_eq!(
        values(&mut labels, other_port),
        ["server", "10.0.0.1", "other", "other"]
    );
    let again = admit(&mut labels, "192.0.2.3:9", "10.0.0.1:82", at(3));
    assert!(again.overflowed && !again.created);
}

#[test]
fn longest_idle_set_is_evicted_after_ten_minutes() {
    let mut labels = host(2);
    let first = admit(&mut labels, "192.0.2.1:9", "10.0.0.1:80", at(0)).set;
    let second = admit(&mut labels, "192.0.2.2:9", "10.0.0.1:80", at(1_000)).set;
    decide(&mut labels, second);
    let third = admit(&mut labels, "192.0.2.3:9", "10.0.0.1:80", at(700_000));
    assert_eq!(third.evicted, Some(second), "no attempt of it is pending");
    decide(&mut labels, first);
    let last = admit(&mut labels, "192.0.2.4:9", "10.0.0.1:80", at(1_400_000));
    assert_eq!(last.evicted, Some(first));
}

#[test]
fn evicted_set_and_successor_have_different_ids() {
    let mut labels = host(1);
    let first = admit(&mut labels, "192.0.2.1:9", "10.0.0.1:80", at(0)).set;
    decide(&mut labels, first);
    let second = admit(&mut labels, "192.0.2.2:9", "10.0.0.1:80", at(700_000)).set;
    assert_eq!(first.index(), second.index());
    assert_ne!(first, second);
}

#[test]
fn recurring_peers_get_label_sets_during_flood() {
    let mut labels = host(500);
    let mut admitted = BTreeSet::new();
    let client = |recurring| format!("198.51.100.{recurring}:9");
    for spoofed in 0..1_000_000_u32 {
        let now = at(u64::from(spoofed) / 50);
        let source = Endpoint {
            address: Ipv4Addr::from(0x0b00_0000 + spoofed).into(),
            port: 9,
        };
        let server = endpoint("10.0.0.1:80");
        let set = admit_via(&mut labels, source, server, via(Direction::Unknown), now).set;
        decide(&mut labels, set);
        if spoofed % 200 == 0 {
            let recurring = spoofed / 200 % 100;
            let admission = admit(&mut labels, &client(recurring), "10.0.0.1:80", now);
            if !admission.overflowed {
                admitted.insert(recurring);
            }
            decide(&mut labels, admission.set);
        }
    }
    assert_eq!(admitted.len(), 100);
    let overflowed = (0..100).filter(|recurring| {
        admit(&mut labels, &client(*recurring), "10.0.0.1:80", at(30_000)).overflowed
    });
    assert_eq!(overflowed.count(), 0, "an admitted peer keeps its set");
}

#[test]
fn port_scan_creates_bounded_number_of_sets() {
    let mut labels = host(100);
    for port in 0..=u16::MAX {
        let client = endpoint("192.0.2.1:9");
        let server = Endpoint {
            address: address("10.0.0.1"),
            port,
        };
        let now = at(port.into());
        let set = admit_via(&mut labels, client, server, via(Direction::Unknown), now).set;
        decide(&mut labels, set);
    }
    let count = labels.registry_mut().count();
    assert!(count <= 100 + 36, "{count}");
}

#[test]
fn rst_matches_set_with_exactly_one_server_end() {
    let mut labels = host(10);
    let set = admit(&mut labels, "10.0.0.1:40000", "192.0.2.9:443", at(0)).set;
    let mut find = |from, to| labels.find_by_either_side(&segment(Flags::RST, from, to), at(1));
    assert_eq!(
        find("192.0.2.9:443", "10.0.0.1:50000"),
        Some((set, Side::Server))
    );
    assert_eq!(
        find("10.0.0.1:50000", "192.0.2.9:443"),
        Some((set, Side::Client))
    );
    assert_eq!(find("192.0.2.8:443", "10.0.0.1:50000"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Each attempt is in one existing label set, and the number of label sets is bounded. A label
    /// set with a pending attempt is never evicted.
    #[test]
    fn attempts_are_in_exactly_one_set(
        attempts in prop::collection::vec((0_u8..40, 0_u16..12, 0_u64..120_000, any::<bool>()), 1..400),
        limit in 1_usize..8,
    ) {
        let mut labels = host(limit);
        let mut counts = HashMap::<LabelSetId, (u32, u32)>::new();
        let mut now = 0;
        let mut total = 0;
        for (peer, port, gap, decided) in attempts {
            now += gap;
            total += 1;
            let admission = admit(&mut labels, &format!("192.0.2.{peer}:9"), &format!("10.0.0.1:{port}"), at(now));
            if let Some(evicted) = admission.evicted {
                let (_, pending) = counts.get(&evicted).copied().unwrap_or_default();
                prop_assert_eq!(pending, 0);
            }
            prop_assert_eq!(admission.created, !counts.contains_key(&admission.set));
            let count = counts.entry(admission.set).or_default();
            count.0 += 1;
            count.1 += 1;
            if decided {
                decide(&mut labels, admission.set);
                count.1 -= 1;
            }
            prop_assert!(labels.registry_mut().count() <= limit + 36);
        }
        prop_assert_eq!(counts.values().map(|(attempts, _)| attempts).sum::<u32>(), total);
    }
}
