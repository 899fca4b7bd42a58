//! Offsets behind VLAN tags, and the EtherTypes that encapsulate IP.

/// Returns the offsets of EtherType and payload behind zero, one and two VLAN tags.
pub(super) const fn offsets_by_tags(ethertype: usize, payload: usize) -> [(usize, usize); 3] {
    [
        (ethertype, payload),
        (ethertype + 4, payload + 4),
        (ethertype + 8, payload + 8),
    ]
}

/// Matches the EtherType of a VLAN tag.
pub(super) fn is_vlan_tag(at: usize) -> String {
    format!("(link[{at}:2] = 0x8100 or link[{at}:2] = 0x88a8 or link[{at}:2] = 0x9100)")
}

/// Matches PPPoE, MPLS and 802.2 SNAP, without inspecting their payload.
pub(super) fn is_encapsulation(ethertype: usize, payload: usize) -> String {
    format!(
        "link[{ethertype}:2] = 0x8864 or {} or {}",
        is_mpls(ethertype),
        is_snap(ethertype, payload)
    )
}

pub(super) fn is_mpls(ethertype: usize) -> String {
    format!("(link[{ethertype}:2] = 0x8847 or link[{ethertype}:2] = 0x8848)")
}

pub(super) fn is_snap(ethertype: usize, payload: usize) -> String {
    format!("(link[{ethertype}:2] <= 1500 and link[{payload}:4] = 0xaaaa0300)")
}
